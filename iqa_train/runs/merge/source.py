"""The folder of another machine that is merged: its runs folder, and where its logs are."""

import os
from dataclasses import dataclass
from pathlib import Path

from iqa_train.errors import UsageError, visible
from iqa_train.regular import real_path
from iqa_train.runs.documents import RunnerFacts
from iqa_train.runs.identity import origin_from
from iqa_train.runs.layout import QueueFiles, run_folders
from iqa_train.runs.project import project_of


@dataclass(frozen=True)
class Source:
    """`given` as the command line has it; `runs_dir` is it, or `runs` in it where it is a whole project."""

    given: Path
    runs_dir: Path

    @property
    def is_project(self) -> bool:
        return self.runs_dir != self.given

    @property
    def words(self) -> str:
        """The folder, and what it was taken for."""
        name = visible(str(self.given))
        return f"{name} (a project: its runs are in {visible(str(self.runs_dir))})" if self.is_project else name

    def find_log(self, facts: RunnerFacts) -> Path | None:
        """The log that a runner.json of these runs names, in this copy; None where it was not copied."""
        name = facts.get("log", "")
        if not name:
            return None
        cwd, beside = facts.get("cwd", ""), self.runs_dir.parent
        places = [beside / name, beside / "logs" / Path(name).name]
        if not Path(cwd).is_absolute():
            places.insert(0, project_of(cwd, self.runs_dir) / name)
        origin = origin_from(facts)
        if "imported" in facts or (origin is not None and origin.is_here):  # else the name is of the other machine
            places.append(project_of(cwd, self.runs_dir, early="environment" not in facts) / name)
        return next((path for path in places if path.is_file()), None)


def find_source(given: Path, runs_dir: Path) -> Source:
    """The source in the folder `given`: a runs folder, or a project with one.

    Raises UsageError where there are no runs in it, or where it is, holds or lies in the runs folder `runs_dir` that
    is merged into.
    """
    name = visible(str(given))
    if not given.is_dir():
        raise UsageError(f"{name} is {'no folder' if given.exists() else 'not there'}; {_WANTED}")
    inner = given / "runs"
    found = inner if _has_runs(inner) or (inner.is_dir() and not _has_runs(given)) else given
    here, there = real_path(runs_dir), real_path(found)
    if here == there:
        raise UsageError(f"{name} is the runs folder that the runs are joined into ({runs_dir}); {_WANTED}")
    if there.is_relative_to(here) or here.is_relative_to(there):
        raise UsageError(f"{name} and {runs_dir} lie in each other; {_WANTED}")
    if not os.access(found, os.R_OK | os.X_OK):
        raise UsageError(f"{visible(str(found))} may not be read: its owner has to permit it")
    if not _has_runs(found):
        raise UsageError(f"there are no runs in {name}; {_WANTED}{_above(given)}")
    return Source(given, found)


_WANTED = "give another machine's runs folder, or the project folder with runs/ and logs/ in it"


def _has_runs(folder: Path) -> bool:
    return bool(run_folders(folder)) or QueueFiles(folder).queue.exists()


def _above(folder: Path) -> str:
    """Which folder was meant where that of a study, an experiment or a run was given; "" if it cannot be determined."""
    whole = folder.absolute()
    above = next((up for up in list(whole.parents)[:3] if _has_runs(up)), None)
    return "" if above is None else f", such as {visible(str(above))}"
