"""Which settings were tried at several values: a curve for each, measured, and reported numbers beside it."""

from collections.abc import Iterator
from pathlib import Path

from iqa_train.errors import UserError
from iqa_train.results.curve import CurvePoint, SettingCurve, setting_curve
from iqa_train.results.factors import settings_that_differ
from iqa_train.results.run_record import RunRecord, record
from iqa_train.results.selection import RunSelection
from iqa_train.results.sweep import sweep
from iqa_train.results.table import StudyResults
from iqa_train.runs.documents import read_spec_facts
from iqa_train.runs.layout import run_folders
from iqa_train.study.literature import known_settings, references_of
from iqa_train.study.model import Reference
from iqa_train.study.settings import TrainingConfig

_LEAST = 3  # values that make a curve


def curves_of_settings(chosen: RunSelection, results: StudyResults, runs_dir: Path) -> tuple[SettingCurve, ...]:
    """A curve for each setting that takes three values or more in runs like the baseline, or in reported ones.

    Runs of other studies in `runs_dir` count where they differ from the baseline in that setting alone.
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
            curve = _curve(chosen, [*base, *alike.get(setting, [])], references, setting, results.metric)
        except UserError:  # too few values
            continue
        if len({str(point.setting) for point in curve.points}) >= _LEAST:
            found.append(curve)
    return tuple(found)


def _curve(
    chosen: RunSelection, runs: list[RunRecord], references: list[Reference], setting: str, metric: str
) -> SettingCurve:
    if chosen.study is not None:
        return setting_curve(chosen.study, runs, references, setting, metric)
    measured = sweep(runs, setting, metric)
    points = [
        CurvePoint(p.setting, p.value, p.interval, ", ".join(p.runs), p.seeds, notes=p.notes)
        for p in measured.points
        if p.value is not None
    ]
    return SettingCurve(setting, metric, tuple(points), measured.notes)


def _of_baseline(chosen: RunSelection) -> list[Reference]:
    """Reported numbers of the baseline, on the study's own test images."""
    if chosen.study is None:
        return []
    return [r for r in references_of(chosen.study, chosen.profile) if r.experiment in {chosen.baseline, ""}]


def _alike(chosen: RunSelection, base: RunRecord, runs_dir: Path) -> dict[str, list[RunRecord]]:
    """Setting -> the runs that differ from the baseline in it alone, those of other studies included."""
    found: dict[str, list[RunRecord]] = {}
    own = {run.folder.path for run in chosen.runs}
    for run in (*chosen.runs, *_elsewhere(base, runs_dir, own)):
        differ = settings_that_differ(base.spec, run.spec)
        if len(differ) == 1:
            found.setdefault(next(iter(differ)), []).append(run)
    return found


def _elsewhere(base: RunRecord, runs_dir: Path, own: set[Path]) -> Iterator[RunRecord]:
    """Finished runs of other studies, one setting apart from the baseline; only these are read."""
    for folder in run_folders(runs_dir):
        if folder.path in own or not folder.result.exists():
            continue
        try:
            spec = read_spec_facts(folder.spec)
        except (UserError, OSError):
            continue
        if spec is not None and "experiment" in spec and len(settings_that_differ(base.spec, spec)) == 1:
            yield record(spec, folder)
