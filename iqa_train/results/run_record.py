"""A run as results are computed from it; damaged or missing parts become notes."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from iqa_train.errors import DataError
from iqa_train.results.chosen_settings import Candidate, chosen_settings, left_out_notes
from iqa_train.results.factors import Spec
from iqa_train.runs.counted_result import CountedResult, counted_epochs, counted_result
from iqa_train.runs.document_cache import Damage, undamaged
from iqa_train.runs.documents import EpochEvent, Measures, ProvenanceFacts, ResultFacts, SpecFacts, misplaced
from iqa_train.runs.kind import RunKind, kind_of, waits_words
from iqa_train.runs.layout import RunFolder, counted_folders
from iqa_train.runs.notes import NONE, Notes, notes_of
from iqa_train.runs.own_settings import with_own_settings
from iqa_train.runs.predictions import Predictions, read_predictions
from iqa_train.runs.revision import revision_label, with_revision
from iqa_train.runs.rounding import Rounding, all_roundings
from iqa_train.runs.seeds import UNKNOWN_SEED
from iqa_train.runs.snapshot import RunSnapshot, SnapshotReader
from iqa_train.runs.state import RunState, Waits, outside_the_queue, state_of
from iqa_train.runs.state_names import FAILED, WAITING

if TYPE_CHECKING:  # pydantic is slow to import
    from iqa_train.study.settings import TrainingConfig
    from iqa_train.study.spec import RunSpec

Event = EpochEvent


@dataclass(frozen=True)
class RunRecord:
    """A run: its spec, its state, and its predictions by seed. A further round is a further seed.

    `epochs` holds seed -> epoch -> event; `reported` what result.json says by seed, where predictions were not kept.
    `repeats` are finished runs of the same seed with other rounding; nothing counts them. `counted` is the result that
    all of these come from: a run that is run again keeps the one that it had, whatever its `state`.
    """

    spec: Spec
    folder: RunFolder
    state: RunState
    predictions: Mapping[int, Predictions] = field(default_factory=dict)
    epochs: Mapping[int, Mapping[int, Event]] = field(default_factory=dict)
    reported: Mapping[int, Mapping[str, float | None]] = field(default_factory=dict)
    optimism: float | None = None
    notes: tuple[str, ...] = ()
    result: ResultFacts = field(default_factory=ResultFacts)  # empty, as `provenance`, where missing or damaged
    provenance: ProvenanceFacts = field(default_factory=ProvenanceFacts)
    repeats: "tuple[RunRecord, ...]" = ()
    counted: CountedResult | None = None
    remarks: Notes = NONE  # of a person

    @property
    def experiment(self) -> str:
        """Its id."""
        return str(self.spec["experiment"])

    @cached_property
    def kind(self) -> RunKind:
        """Who computed it, and from what."""
        return kind_of(self.spec, self.provenance)

    @cached_property
    def settings(self) -> "TrainingConfig | None":
        """Validated; None for those of a command, of another version, of a log that does not state all, external."""
        from iqa_train.runs.specfile import settings_from

        return None if self.kind.name in {"external", "command"} else settings_from(self.spec["settings"])

    @property
    def seed(self) -> int:
        """Of its first round."""
        return _seed(self.spec)

    @property
    def overlap(self) -> float:
        """Test images for each training image; 0 if unknown."""
        images = self.result.get("images", {})
        test, train = images.get("test") or 0, images.get("train") or 0
        return test / train if train else 0.0

    @property
    def rounding(self) -> tuple[Rounding, ...]:
        """What decided it in the last attempt, then in earlier ones that differ in it; empty where not recorded."""
        return all_roundings(self.provenance)

    @property
    def finished(self) -> bool:
        """Whether it has a result, be it of an earlier attempt."""
        return self.counted is not None

    @property
    def again(self) -> bool:
        """Whether it is, or was to be, run again, and its result is that of an earlier attempt."""
        return self.finished and not self.state.finished

    @property
    def failed(self) -> bool:
        """Whether it ended without a result, and another attempt would, too."""
        return self.state.name == FAILED and not self.finished

    @property
    def unfinished(self) -> bool:
        """Whether its first result may still come: by itself, or once the run is continued."""
        return not self.finished and not self.failed

    @property
    def pending(self) -> bool:
        """Whether a result may still come by itself, its first or a new one."""
        return self.state.alive or self.state.name in WAITING


def record(spec: "RunSpec | Spec", folder: RunFolder, reader: SnapshotReader | None = None) -> RunRecord:
    """Read a run. `spec` is its specification or the content of its spec.json."""
    reader = reader or SnapshotReader()
    return _with_repeats(record_of(spec, reader.read(folder, whole=True)), reader)


def _with_repeats(run: RunRecord, reader: SnapshotReader) -> RunRecord:
    """The run with its finished repeats."""
    found = [record_of(run.spec, reader.read(folder, whole=True)) for folder in run.folder.repeats()]
    return replace(run, repeats=tuple(one for one in found if one.finished)) if found else run


def record_of(spec: "RunSpec | Spec", found: RunSnapshot) -> RunRecord:
    """The same of a run that was read whole."""
    folder, content = found.run, _content(spec)
    imported = not kind_of(content, found.provenance).made_here  # without a revision, and settings that nobody stated
    document: Spec = with_revision(with_own_settings(content), imported=imported)
    state, counted = outside_the_queue(state_of(found)), counted_result(found)
    epochs = _epochs(document, found)
    notes = (f"{folder.spec} is damaged; its settings are not known",) if not document["settings"] else ()
    if found.attempts and (label := revision_label(document, imported=imported)):
        notes = (*notes, label)
    origin = undamaged(found.provenance) or ProvenanceFacts()
    if document.get("external") and not found.attempts:
        notes = (*notes, waits_words(str(document["experiment"])))
    if counted is None:
        result = undamaged(found.result) or ResultFacts()
        return RunRecord(
            document,
            folder,
            state,
            epochs=epochs,
            notes=notes,
            result=result,
            provenance=origin,
            remarks=notes_of(folder),
        )
    result, origin = counted.result, counted.provenance or origin
    predictions, missing = _predictions(document, counted.folder, result.get("images", {}).get("test"))
    reported, optimism = _reported(result, _seed(document)), _optimism(result)
    return RunRecord(
        document, folder, state, predictions, epochs, reported, optimism, (*notes, *missing), result, origin,
        counted=counted, remarks=notes_of(folder),
    )  # fmt: skip


def _content(spec: "RunSpec | Spec") -> Spec:
    if isinstance(spec, Mapping):
        return spec
    from iqa_train.runs.specfile import spec_document

    return spec_document(spec)


def with_queued(runs: Iterable[RunRecord], queued: Mapping[Path, Waits]) -> tuple[RunRecord, ...]:
    """`runs`, with those that no process works on, and whose folders are in `queued`, as these say."""
    return tuple(_queued(run, queued) if run.folder.path in queued and not run.state.alive else run for run in runs)


def _queued(run: RunRecord, queued: Mapping[Path, Waits]) -> RunRecord:
    waits = queued[run.folder.path]
    is_fresh = waits.starts_over and not run.finished
    return replace(run, state=RunState(waits.state), epochs={} if is_fresh else run.epochs)


def record_study(runs_dir: Path, study: str) -> list[RunRecord]:
    """The runs of a study on disk as `study_runs` selects them."""
    return study_runs(runs_dir, study)[0]


def study_runs(
    runs_dir: Path, study: str, reader: SnapshotReader | None = None
) -> tuple[list[RunRecord], tuple[str, ...]]:
    """The runs of a study on disk, one per experiment and seed, and a note on those that are left out.

    Of an experiment with several settings, those count that a run has finished with, or is under way with; of these the
    latest. The baseline comes first, then the others by name.
    """
    reader = reader or SnapshotReader()
    there = reader.read_each(counted_folders(runs_dir, study), whole=True)
    specs = [(_spec(snapshot), snapshot) for snapshot in there]
    found = [Candidate(spec["experiment"], snapshot, state_of(snapshot)) for spec, snapshot in specs]
    newest = chosen_settings(found)
    current = [(spec, snapshot) for spec, snapshot in specs if snapshot.run.config_hash == newest[spec["experiment"]]]
    base = common_baseline(spec for spec, _ in current)
    current.sort(key=lambda run: (run[0]["experiment"] != base, run[0]["experiment"], _seed(run[0])))
    runs = [_with_repeats(record_of(spec, snapshot), reader) for spec, snapshot in current]
    return runs, left_out_notes(found, newest, study)


def common_baseline(specs: Iterable[Spec]) -> str:
    """The baseline that most of them name; "" where none does."""
    named = Counter(str(spec["baseline"]) for spec in specs if spec.get("baseline"))
    return max(named, key=lambda name: named[name], default="")


def by_experiment(runs: Iterable[RunRecord]) -> dict[str, list[RunRecord]]:
    """Runs by experiment, in the order of their first."""
    found: dict[str, list[RunRecord]] = {}
    for run in runs:
        found.setdefault(run.experiment, []).append(run)
    return found


def predictions_by_seed(runs: Iterable[RunRecord]) -> dict[int, Predictions]:
    """The predictions of an experiment's runs, by ascending seed; of two with one seed, the first run's."""
    tables = {seed: table for run in reversed(list(runs)) for seed, table in run.predictions.items()}
    return dict(sorted(tables.items()))


def _spec(found: RunSnapshot) -> Spec:
    """The content of spec.json; where it is damaged, what the folder's name says, without settings."""
    folder, spec = found.run, found.spec
    if spec is not None and not isinstance(spec, Damage) and not _is_amiss(spec, folder):
        return spec
    return {"study": folder.study, "experiment": folder.experiment, "seed": folder.seed, "settings": {}}


def _is_amiss(spec: SpecFacts, folder: RunFolder) -> bool:
    """Whether it is of another run, was altered, or has a value that no version of the program writes.

    What differs between runs is compared, so that one altered value would set all of them at odds.
    """
    from iqa_train.runs.specfile import altered, impossible

    if not {"experiment", "differs"} <= spec.keys() or misplaced(folder, spec["experiment"], _seed(spec)):
        return True
    return impossible(spec) or altered(spec)


def _seed(spec: Spec) -> int:
    seed: int | None = spec["settings"].get("seed", spec.get("seed"))
    return UNKNOWN_SEED if seed is None else seed


def _rounds(spec: Spec) -> int:
    return int(spec["settings"].get("train_test_num", 1))


def _epochs(spec: Spec, run: RunSnapshot) -> dict[int, dict[int, Event]]:
    """Those that the result comes from. Empty where they cannot be read; the state says what is wrong."""
    found: dict[int, dict[int, Event]] = {}
    for event in counted_epochs(run) or ():
        found.setdefault(_seed(spec) + event["round"] - 1, {})[event["epoch"]] = event
    return found


def _predictions(spec: Spec, folder: RunFolder, images: int | None) -> tuple[dict[int, Predictions], tuple[str, ...]]:
    found, notes = {}, []
    for number in range(1, _rounds(spec) + 1):
        path, seed = folder.round(number, _rounds(spec)).predictions("test"), _seed(spec) + number - 1
        try:
            table = read_predictions(path)
            if _rounds(spec) == 1 and images not in {None, len(table.images)}:  # splits of further rounds differ
                raise DataError(f"{path} is damaged: {len(table.images)} of {images} images")  # noqa: TRY301
            found[seed] = table
        except (DataError, OSError) as error:
            why = f"unreadable predictions ({error})" if path.exists() else "no predictions were kept"
            notes.append(f"seed {seed}: {why}")
    return found, tuple(notes)


def _reported(result: ResultFacts, seed: int) -> dict[int, Mapping[str, float | None]]:
    rounds = [r for r in result.get("rounds", []) if "test" in r]
    if rounds:
        seeds = [seed + k if (own_seed := r.get("seed")) is None else own_seed for k, r in enumerate(rounds)]
        return {own_seed: _numbers(r["test"]) for own_seed, r in zip(seeds, rounds, strict=True)}
    return {seed: _numbers(result)} if result else {}


def _numbers(values: Measures | ResultFacts) -> dict[str, float | None]:
    """Those that can be measures."""
    found = {}
    for name, value in values.items():
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            found[name] = value
    return found


def _optimism(result: ResultFacts) -> float | None:
    """By how much the best epoch on test beats the selected one; the mean over rounds."""
    gains = []
    for round_ in result.get("rounds", []):
        claimed, chosen = round_.get("test_chosen", {}).get("srcc"), round_.get("test", {}).get("srcc")
        if claimed is not None and chosen is not None:
            gains.append(claimed - chosen)
    return fmean(gains) if gains else None
