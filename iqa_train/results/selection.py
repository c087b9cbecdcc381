"""Selects the runs of a study: those the study file declares, or all on disk if no file declares the study."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from iqa_train.errors import RunError, UsageError, did_you_mean, visible
from iqa_train.results.declared import Declared, declared_for
from iqa_train.results.run_record import RunRecord, record, study_runs
from iqa_train.runs.documents import read_spec_facts
from iqa_train.runs.kind import without_spare_seeds
from iqa_train.runs.layout import RunFolder, counted_folders, run_folder, run_folders
from iqa_train.runs.origin import other_data
from iqa_train.runs.revision import at_earlier_revisions
from iqa_train.runs.snapshot import SnapshotReader
from iqa_train.runs.specfile import read_spec, spec_document
from iqa_train.runs.state import RunState
from iqa_train.runs.state_names import LOST
from iqa_train.study.literature import groups_of
from iqa_train.study.model import Study
from iqa_train.study.profiles import profiles_by_study, study_name, study_title
from iqa_train.study.resolve import external_of, resolve_all
from iqa_train.study.revision import FIRST, REVISION, revision_words
from iqa_train.study.select import select_study
from iqa_train.study.spec import RunSpec
from iqa_train.text import join_names


@dataclass(frozen=True)
class RunSelection:
    """A study and its runs; `study` is None if no file declares it. `notes` say which runs are left out, and why.

    `on` is the other data set that the predictions are on, "" for the runs' own test images. `declared` is what counts
    of the study's verdicts.
    """

    name: str
    title: str
    baseline: str | None
    runs: tuple[RunRecord, ...]
    study: Study | None = None
    profile: str | None = None
    notes: tuple[str, ...] = ()
    on: str = ""
    declared: Declared = field(default_factory=Declared)


def chosen_runs(
    runs_dir: Path,
    name: str | None,
    experiments: Path | None,
    profile: str | None,
    reader: SnapshotReader | None = None,
) -> RunSelection:
    """The runs of the study `name`, by default of the study file under `profile`; `reader` caches snapshots.

    If the study file declares `name` (directly or for a profile), its runs are meant, otherwise those in
    `runs_dir`/`name`. Raises UsageError, with the nearest names, for an unknown study, and StudyError.
    """
    found = _chosen(runs_dir, name, experiments, profile, reader)
    return replace(found, declared=declared_for(runs_dir, found.name, found.study))


def _chosen(
    runs_dir: Path,
    name: str | None,
    experiments: Path | None,
    profile: str | None,
    reader: SnapshotReader | None,
) -> RunSelection:
    selected = select_study(experiments, name, profile)
    study, name = selected.file, selected.name
    if selected.declared:
        return _of_file(study, selected.profile, runs_dir, reader)
    there, reported = _studies(runs_dir), groups_of(study)
    if name not in there and name in reported:
        return RunSelection(name, "", study.baseline, (), study, None, ("all values are reported, none was run here",))
    if name not in there:
        known = did_you_mean(name, [*profiles_by_study(study), *there, *reported])
        raise UsageError(f'there is no study "{visible(name)}" in {study.path} or in {runs_dir}; {known}')
    runs, notes = study_runs(runs_dir, name, reader)
    return RunSelection(name, "", None, tuple(runs), notes=notes)


def _of_file(study: Study, profile: str | None, runs_dir: Path, reader: SnapshotReader | None) -> RunSelection:
    """The runs of the study file, and runs of the same experiments with other seeds (from --seeds)."""
    name = study_name(study, profile)
    specs = _by_revision_that_ran(resolve_all(study, profile=profile, with_external=True), runs_dir, name)
    runs = without_spare_seeds([(spec, run_folder(runs_dir, spec)) for spec in specs])
    further, notes = _further(runs, runs_dir, name)
    runs += further
    if not any(run.attempts() for _, run in runs):
        notes.append(_nothing_run(name, runs_dir))
    recorded = []
    for spec, run in runs:
        words = other_data(spec, run)
        recorded.append(_of_other_data(spec, run, words) if words else record(spec, run, reader))
        if words:
            apart = "another study name or --runs-dir keeps both"
            notes.append(f"not counted: {spec.experiment} (seed {spec.seed}): {words}; {apart}")
    return RunSelection(
        name, study_title(study, profile), study.baseline, tuple(recorded), study, profile, tuple(notes)
    )


def _of_other_data(spec: RunSpec, run: RunFolder, words: str) -> RunRecord:
    """A run whose results come from other data of the same name (another project's, say) and do not count."""
    return RunRecord(spec_document(spec), run, RunState(LOST, f"its result does not count: {words}"))


def _further(
    runs: list[tuple[RunSpec, RunFolder]], runs_dir: Path, study: str
) -> tuple[list[tuple[RunSpec, RunFolder]], list[str]]:
    """Runs with the same settings and other seeds, and a note for each experiment with runs of other settings."""
    known = {run.path for _, run in runs}
    hashes = {(spec.experiment, spec.config_hash) for spec, _ in runs}
    earlier = {(old.experiment, old.config_hash) for spec, _ in runs for old in at_earlier_revisions(spec)}
    further, notes = [], []
    others: dict[tuple[str, str], list[str]] = {}
    ids = {spec.experiment for spec, _ in runs}
    # Imported predictions count without being declared, if they are on the baseline's test images.
    same_images = {external_of(spec, "", "x").config_hash for spec, _ in runs if spec.experiment == spec.baseline}
    for run in counted_folders(runs_dir, study):
        experiment, settings = run.experiment, run.config_hash
        if run.path in known or not run.attempts():
            continue
        undeclared = experiment not in ids and _is_external(run)
        if (experiment, settings) not in hashes and not (undeclared and settings in same_images):
            why = "has other settings than the study file now" if experiment in ids else "is not in the study file"
            why = "has predictions on other images than the baseline's now" if undeclared else why
            why = f"was {revision_words(FIRST)}" if (experiment, settings) in earlier else why
            why = _changed_code(run, [spec for spec, _ in runs if spec.experiment == experiment]) or why
            others.setdefault((experiment, why), []).append(run.path.name)
            continue
        try:
            further.append((read_spec(run), run))
        except RunError as error:
            notes.append(f"not counted: {error}")
    for (experiment, why), names in others.items():
        notes.append(f"not counted: {experiment} ({', '.join(names)}) {why}")
    return further, notes


def _changed_code(run: RunFolder, specs: list[RunSpec]) -> str:
    """That it is none of `specs`, those of its experiment, only because own code was edited since; "" if not so."""
    ours = next((spec for spec in specs if spec.code is not None), None)
    if ours is None or ours.code is None:
        return ""
    try:
        old = read_spec(run)
    except (RunError, OSError):
        return ""
    if old.code is None or old.model_copy(update={"code": ours.code}).config_hash != ours.config_hash:
        return ""
    now, then = ours.code.files | ours.code.packages, old.code.files | old.code.packages
    changed = sorted(name for name in {*now, *then} if now.get(name) != then.get(name))
    return f"was trained before {join_names(changed)} changed; it counts again if that is undone"


def _is_external(run: RunFolder) -> bool:
    """Whether its predictions were imported; the study file need not declare it."""
    try:
        found = read_spec_facts(run.spec)
    except (RunError, OSError):
        return False
    return found is not None and bool(found.get("external"))


def _by_revision_that_ran(specs: list[RunSpec], runs_dir: Path, study: str) -> list[RunSpec]:
    """The specs at the latest revision at which any of them was trained, with any seed.

    Runs of two revisions are never in one table; a note marks those of an earlier revision.
    """
    there = {(run.experiment, run.config_hash) for run in counted_folders(runs_dir, study)}
    earlier = [at_earlier_revisions(spec) or [spec] * (REVISION - FIRST) for spec in specs]
    for trained in (specs, *zip(*earlier, strict=True)):
        if any((spec.experiment, spec.config_hash) in there for spec in trained if not spec.external):
            return list(trained)
    return specs


def _studies(runs_dir: Path) -> list[str]:
    return sorted({run.study for run in run_folders(runs_dir)})


def _nothing_run(name: str, runs_dir: Path) -> str:
    there = [other for other in _studies(runs_dir) if other != name]
    others = f"; there are runs of {', '.join(there)} (--study NAME)" if there else ""
    return f"no run of {name} in {runs_dir} has been started{others}"
