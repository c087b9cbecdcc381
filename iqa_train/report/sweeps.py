"""Finds the settings that were tried at several values: a sweep of each, measured and reported."""

from collections.abc import Iterator
from pathlib import Path

from iqa_train.errors import UserError
from iqa_train.results.factors import settings_that_differ
from iqa_train.results.run_record import RunRecord, record
from iqa_train.results.selection import RunSelection
from iqa_train.results.sweep import Sweep, measured_sweep, sweep
from iqa_train.results.table import StudyResults
from iqa_train.runs.documents import read_spec_facts
from iqa_train.runs.layout import counted_folders
from iqa_train.study.literature import known_settings, references_of
from iqa_train.study.model import Reference
from iqa_train.study.settings import TrainingConfig

_MIN_VALUES = 3  # with a result, for a sweep to be worth a figure


def find_sweeps(chosen: RunSelection, results: StudyResults, runs_dir: Path) -> tuple[Sweep, ...]:
    """A sweep of each setting that takes at least three values in runs like the baseline, or in reported ones.

    Runs of other studies in `runs_dir` count if they differ from the baseline only in that setting.
    """
    base = [run for run in chosen.runs if run.experiment == results.baseline]
    alike = _alike(chosen, base[0], runs_dir) if base else {}
    references = _of_baseline(chosen)
    known = [known_settings(chosen.study, r) for r in references] if chosen.study is not None else []
    found = []
    for setting in dict.fromkeys([*alike, *(name for settings in known for name in settings)]):
        if setting not in TrainingConfig.model_fields:
            continue
        try:
            one = _sweep(chosen, [*base, *alike.get(setting, [])], references, setting, results.metric)
        except UserError:  # too few values
            continue
        if len({str(point.setting) for point in one.points}) >= _MIN_VALUES:
            found.append(one)
    return tuple(found)


def _sweep(
    chosen: RunSelection, runs: list[RunRecord], references: list[Reference], setting: str, metric: str
) -> Sweep:
    if chosen.study is None:
        return measured_sweep(runs, setting, metric)
    return sweep(chosen.study, runs, references, setting, metric)


def _of_baseline(chosen: RunSelection) -> list[Reference]:
    """Reported numbers of the baseline, on the study's own test images."""
    if chosen.study is None:
        return []
    return [r for r in references_of(chosen.study, chosen.profile) if r.experiment in {chosen.baseline, ""}]


def _alike(chosen: RunSelection, base: RunRecord, runs_dir: Path) -> dict[str, list[RunRecord]]:
    """Setting -> the runs that differ from the baseline only in it, those of other studies included."""
    found: dict[str, list[RunRecord]] = {}
    own = {run.folder.path for run in chosen.runs}
    for run in (*chosen.runs, *_in_other_studies(base, runs_dir, own)):
        differ = settings_that_differ(base.spec, run.spec)
        if len(differ) == 1:
            found.setdefault(next(iter(differ)), []).append(run)
    return found


def _in_other_studies(base: RunRecord, runs_dir: Path, own: set[Path]) -> Iterator[RunRecord]:
    """Finished runs of other studies that differ from the baseline in one setting; only these are read."""
    for folder in counted_folders(runs_dir):
        if folder.path in own or not folder.result.exists():
            continue
        try:
            spec = read_spec_facts(folder.spec)
        except (UserError, OSError):
            continue
        if spec is not None and "experiment" in spec and len(settings_that_differ(base.spec, spec)) == 1:
            yield record(spec, folder)
