"""What is compared: the runs of a study or a group of references, by its name; and the comparison of two of them."""

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
"""Before a name that could mean runs, too, it means the references."""


@dataclass(frozen=True)
class ComparisonSide:
    """What a name means: the runs of a study, or a group of references."""

    name: str
    runs: Sequence[RunRecord] = ()
    notes: tuple[str, ...] = ()
    group: str | None = None

    @property
    def label(self) -> str:
        """The name, with a word where its numbers are somebody else's."""
        return f"{self.name} (reported)" if self.group is not None else self.name


@dataclass(frozen=True)
class NameScope:
    """Where names are looked for: the study file, under a profile, and the folder with runs."""

    study: Study
    runs_dir: Path
    experiments: Path | None = None  # the study file as it was asked for
    profile: str | None = None

    @property
    def studies(self) -> list[str]:
        """Those of which any run was tried."""
        return sorted({run.study for run in run_folders(self.runs_dir) if run.attempts()})

    def named(self, name: str) -> ComparisonSide:
        """What `name` means. Raises UsageError for a name that means nothing, with the nearest."""
        groups = groups_of(self.study)
        plain = name.removeprefix(REPORTED)
        if name == plain and name in self.studies:
            runs, notes = self.runs_of(name)
            if any(run.state.finished for run in runs) or name not in groups:
                if name in groups:
                    notes = (*notes, f"{name} is this project's own runs; {REPORTED}{name} are the recorded results")
                return ComparisonSide(name, runs, notes=notes)
        if plain in groups:
            if not references_of(self.study, self.profile, plain):
                raise UsageError(f'the references of "{visible(plain)}" are on other test images than the study\'s')
            unfinished = name == plain and name in self.studies
            notes = (f"no run of {name} has a result yet, so its recorded results are shown",) if unfinished else ()
            return ComparisonSide(plain, group=plain, notes=notes)
        known = dict.fromkeys([*self.studies, *groups])
        raise UsageError(
            f'there is no study "{visible(name)}" in {self.runs_dir} and no such group in {self.study.path}; '
            f"{did_you_mean(plain, known)}"
        )

    def runs_of(self, name: str) -> tuple[Sequence[RunRecord], tuple[str, ...]]:
        """The runs of a study: those that the study file means, where it has the study and any of them was tried."""
        chosen = chosen_runs(self.runs_dir, name, self.experiments, None)
        tried = [run for run in chosen.runs if run.folder.attempts()]
        return (tried, chosen.notes) if tried else study_runs(self.runs_dir, name)

    def compared(self, names: Sequence[str], metric: str = "srcc", *, anyway: bool = False) -> StudyComparison:
        """The second named less the first, experiment by experiment.

        Raises UsageError for names that mean nothing or the same, and NotComparableError as `compare_studies` does.
        """
        one, two = (self.named(name) for name in names)
        if (one.group, one.name) == (two.group, two.name):
            raise UsageError(f"{one.name} is named twice; compare takes two different studies")
        if one.group is None and two.group is None:
            across = compare_studies(one.runs, two.runs, metric, anyway=anyway)
            if any(row.first is None or row.second is None for row in across.rows):
                across = with_numbers(across, self._side(one, metric), self._side(two, metric))
        else:
            across = compare_numbers(self._side(one, metric), self._side(two, metric), (one.label, two.label), metric)
        return replace(across, notes=(*across.notes, *one.notes, *two.notes))

    def _side(self, one: ComparisonSide, metric: str) -> ReportedSide:
        if one.group is not None:
            return numbers_of_group(self.study, one.group, metric, self.profile)
        return numbers_of_runs(one.runs, metric)
