"""A run as results need it, read once from its files; damaged or missing parts become notes."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from iqa_train.errors import DataError, RunError
from iqa_train.results.chosen_settings import Candidate, chosen_settings, left_out_notes
from iqa_train.results.factors import Spec
from iqa_train.runs.documents import (
    EpochEvent,
    Measures,
    ResultFacts,
    SpecFacts,
    misplaced,
    read_result,
    read_spec_facts,
)
from iqa_train.runs.layout import RunFolder, run_folders
from iqa_train.runs.metrics import epoch_events
from iqa_train.runs.predictions import Predictions, read_predictions
from iqa_train.runs.revision import revision_label, with_revision
from iqa_train.runs.seeds import UNKNOWN_SEED
from iqa_train.runs.state import RunState, outside_the_queue, run_state
from iqa_train.runs.state_names import FAILED, NOT_STARTED, QUEUED

if TYPE_CHECKING:  # pydantic is slow to import
    from iqa_train.study.spec import RunSpec

Event = EpochEvent


@dataclass(frozen=True)
class RunRecord:
    """A run: what it was to do, what became of it, and what it predicted by seed. A further round is a further seed.

    `epochs` holds seed -> epoch -> event; `reported` what result.json says by seed, where predictions were not kept.
    """

    spec: Spec
    folder: RunFolder
    state: RunState
    predictions: Mapping[int, Predictions] = field(default_factory=dict)
    epochs: Mapping[int, Mapping[int, Event]] = field(default_factory=dict)
    reported: Mapping[int, Mapping[str, float | None]] = field(default_factory=dict)
    optimism: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def experiment(self) -> str:
        """Its id."""
        return str(self.spec["experiment"])

    @property
    def seed(self) -> int:
        """Of its first round."""
        return _seed(self.spec)

    @property
    def failed(self) -> bool:
        """Whether it ended without a result, and would again."""
        return self.state.name == FAILED

    @property
    def unfinished(self) -> bool:
        """Whether a result may still come: of itself, or once the run is taken up again."""
        return not self.state.finished and not self.failed

    @property
    def pending(self) -> bool:
        """Whether a result may still come of itself."""
        return self.state.alive or self.state.name == QUEUED


def record(spec: "RunSpec | Spec", folder: RunFolder) -> RunRecord:
    """Read a run. `spec` is its specification or the content of its spec.json."""
    document: Spec = with_revision(spec if isinstance(spec, Mapping) else spec.model_dump(mode="json"), folder)
    state = outside_the_queue(run_state(folder))
    epochs = _epochs(document, folder)
    notes = (f"{folder.spec} is damaged; its settings are not known",) if not document["settings"] else ()
    if folder.attempts() and (label := revision_label(document, folder)):
        notes = (*notes, label)
    if not state.finished:
        return RunRecord(document, folder, state, epochs=epochs, notes=notes)
    result = read_result(folder.result) or {}  # a finished run's can be read, or the state would be another
    predictions, missing = _predictions(document, folder, result.get("images", {}).get("test"))
    reported, optimism = _reported(result, _seed(document)), _optimism(result)
    return RunRecord(document, folder, state, predictions, epochs, reported, optimism, (*notes, *missing))


def with_queued(runs: Iterable[RunRecord], queued: Collection[Path]) -> tuple[RunRecord, ...]:
    """`runs`, with those that have not been started, and whose folders are in `queued`, as queued."""
    return tuple(
        replace(run, state=RunState(QUEUED)) if run.state.name == NOT_STARTED and run.folder.path in queued else run
        for run in runs
    )


def record_study(runs_dir: Path, study: str) -> list[RunRecord]:
    """The runs of a study on disk as `study_runs` selects them."""
    return study_runs(runs_dir, study)[0]


def study_runs(runs_dir: Path, study: str) -> tuple[list[RunRecord], tuple[str, ...]]:
    """The runs of a study on disk, one per experiment and seed, and a note on those that are left out.

    Of an experiment with several settings, those count that a run has finished with, or is under way with; of these the
    latest. The baseline comes first, then the others by name.
    """
    specs = [(_spec(folder), folder) for folder in run_folders(runs_dir, study)]
    found = [Candidate(spec["experiment"], folder.config_hash, folder, run_state(folder)) for spec, folder in specs]
    newest = chosen_settings(found)
    current = [(spec, folder) for spec, folder in specs if folder.config_hash == newest[spec["experiment"]]]
    base = common_baseline(spec for spec, _ in current)
    current.sort(key=lambda run: (run[0]["experiment"] != base, run[0]["experiment"], _seed(run[0])))
    return [record(spec, folder) for spec, folder in current], left_out_notes(found, newest, study)


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


def _spec(folder: RunFolder) -> Spec:
    """The content of spec.json; what the folder's name tells where it is damaged, without settings."""
    try:
        spec = read_spec_facts(folder.spec)
    except (RunError, OSError):
        spec = None
    if spec is not None and not _is_amiss(spec, folder):
        return spec
    return {"study": folder.study, "experiment": folder.experiment, "seed": folder.seed, "settings": {}}


def _is_amiss(spec: SpecFacts, folder: RunFolder) -> bool:
    """Whether it is of another run, was altered, or says something that no version of the program has written.

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


def _epochs(spec: Spec, folder: RunFolder) -> dict[int, dict[int, Event]]:
    found: dict[int, dict[int, Event]] = {}
    try:
        for event in epoch_events(folder):
            found.setdefault(_seed(spec) + event["round"] - 1, {})[event["epoch"]] = event
    except (OSError, RunError):  # the state says what is wrong
        return {}
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
        seeds = [seed + k if (own := r.get("seed")) is None else own for k, r in enumerate(rounds)]
        return {own: _numbers(r["test"]) for own, r in zip(seeds, rounds, strict=True)}
    return {seed: _numbers(result)} if result else {}


def _numbers(values: Measures | ResultFacts) -> dict[str, float | None]:
    """Those that can be measures."""
    found = {}
    for name, value in values.items():
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            found[name] = value
    return found


def _optimism(result: ResultFacts) -> float | None:
    """What the best epoch on test would have claimed over the selected one; the mean over rounds."""
    gains = []
    for one in result.get("rounds", []):
        claimed, own = one.get("test_chosen", {}).get("srcc"), one.get("test", {}).get("srcc")
        if claimed is not None and own is not None:
            gains.append(claimed - own)
    return fmean(gains) if gains else None
