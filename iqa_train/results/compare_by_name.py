"""Finds the two sides of a comparison by name (runs of a study, or a group of references) and compares them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from iqa_train.errors import UsageError, did_you_mean, visible
from iqa_train.results.reported_comparison import (
    ReportedSide,
    compare_numbers,
    numbers_of_group,
    numbers_of_runs,
    with_numbers,
)
from iqa_train.results.run_record import RunRecord, study_runs
from iqa_train.results.selection import chosen_runs
from iqa_train.results.study_comparison import StudyComparison, compare_studies
from iqa_train.runs.layout import run_folders
from iqa_train.study.literature import groups_of, references_of
from iqa_train.study.model import Study

REPORTED = "reported:"
"""Prefix of a name that stands for references even where runs have the same name."""


@dataclass(frozen=True)
class ComparisonSide:
    """One side of a comparison: the runs of a study, or a group of references."""

    name: str
    runs: Sequence[RunRecord] = ()
    notes: tuple[str, ...] = ()
    group: str | None = None

    @property
    def label(self) -> str:
        """The name, marked if its numbers are only reported."""
        return f"{self.name} (reported)" if self.group is not None else self.name


@dataclass(frozen=True)
class NameScope:
    """Where names are looked up: the study file, under a profile, and the runs folder."""

    study: Study
    runs_dir: Path
    experiments: Path | None = None  # the --experiments option
    profile: str | None = None

    @property
    def studies(self) -> list[str]:
        """Studies with at least one attempt at a run."""
        return sorted({run.study for run in run_folders(self.runs_dir) if run.attempts()})

    def named(self, name: str) -> ComparisonSide:
        """The side called `name`. Raises UsageError, with the nearest names, if there is none."""
        groups = groups_of(self.study)
        plain = name.removeprefix(REPORTED)
        if name == plain and name in self.studies:
            runs, notes = self.runs_of(name)
            if any(run.finished for run in runs) or name not in groups:
                if name in groups:
                    notes = (
                        *notes,
                        f"{name} means the runs here; {REPORTED}{name} means the recorded results",
                    )
                return ComparisonSide(name, runs, notes=notes)
        if plain in groups:
            if not references_of(self.study, self.profile, plain):
                raise UsageError(f'the references of "{visible(plain)}" are on other test images than the study\'s')
            unfinished = name == plain and name in self.studies
            notes = (f"no run of {name} has a result yet; its recorded results are shown",) if unfinished else ()
            return ComparisonSide(plain, group=plain, notes=notes)
        known = dict.fromkeys([*self.studies, *groups])
        raise UsageError(
            f'there is no study "{visible(name)}" in {self.runs_dir} and no such group in {self.study.path}; '
            f"{did_you_mean(plain, known)}"
        )

    def runs_of(self, name: str) -> tuple[Sequence[RunRecord], tuple[str, ...]]:
        """The runs of a study: those of the study file if it declares the study and one was tried, else all on disk."""
        chosen = chosen_runs(self.runs_dir, name, self.experiments, None)
        tried = [run for run in chosen.runs if run.folder.attempts()]
        return (tried, chosen.notes) if tried else study_runs(self.runs_dir, name)

    def compared(self, names: Sequence[str], metric: str = "srcc", *, anyway: bool = False) -> StudyComparison:
        """The second side minus the first, experiment by experiment.

        Raises UsageError for an unknown name or the same name twice, and NotComparableError as `compare_studies` does.
        """
        first, second = (self.named(name) for name in names)
        if (first.group, first.name) == (second.group, second.name):
            raise UsageError(f"{first.name} is named twice; compare takes two different studies")
        if first.group is None and second.group is None:
            comparison = compare_studies(first.runs, second.runs, metric, anyway=anyway)
            if any(row.first is None or row.second is None for row in comparison.rows):
                comparison = with_numbers(comparison, self._side(first, metric), self._side(second, metric))
        else:
            comparison = compare_numbers(
                self._side(first, metric), self._side(second, metric), (first.label, second.label), metric
            )
        return replace(comparison, notes=(*comparison.notes, *first.notes, *second.notes))

    def _side(self, side: ComparisonSide, metric: str) -> ReportedSide:
        if side.group is not None:
            return numbers_of_group(self.study, side.group, metric, self.profile)
        return numbers_of_runs(side.runs, metric)
