"""The folder in which the program of a command works: `output`, unless a program of an earlier attempt may be alive.

A program writes as it pleases, so no rename of ours keeps one back whose host was given up. There, its folder is moved
out of its way, and the program of this attempt works in a copy that has a name of its own, such as `output-02`.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from iqa_train.runs.attempt_facts import continued_by
from iqa_train.runs.fence import Writer, is_over
from iqa_train.runs.journal import Journal
from iqa_train.runs.layout import Attempt, RunFolder


def output_folder(run: RunFolder, attempt: Attempt, journal: Journal, writer: Writer, *, resume: bool) -> Path:
    """The folder for the program of `attempt`, made if missing; with `resume`, it has what the last program left."""
    earlier = [tried for tried in run.attempts() if tried.number < attempt.number]
    there, since = _newest(run, continued_by(run, attempt)) if resume else (run.output, 1)
    if there.parent == run.path and all(is_over(tried) for tried in earlier if tried.number >= since):
        there.mkdir(exist_ok=True)
        return there
    own = _of(run, attempt)
    if not resume or not there.is_dir():
        own.mkdir()
        return own
    journal.say(f"the program of an earlier attempt may be alive elsewhere: this one works in a copy, {own}")
    with writer.replacing(own) as staged:
        if there.parent == run.path:
            there = there.rename(attempt.taken_over)
        shutil.copytree(there, staged, symlinks=True, ignore=_special)
    return own


def _newest(run: RunFolder, continued: Sequence[Attempt]) -> tuple[Path, int]:
    """The folder of the last program of the attempts to continue, and the first attempt that has worked in it.

    An attempt that was killed while it made its copy has the original in its own folder.
    """
    for tried in continued:
        for place in (_of(run, tried), tried.taken_over):
            if place.is_dir():
                return place, tried.number
    return run.output, 1


def _of(run: RunFolder, attempt: Attempt) -> Path:
    return run.output.with_name(f"{run.output.name}-{attempt.number:02d}")


def _special(folder: str, names: list[str]) -> set[str]:
    """Pipes, sockets and devices, which are not copied."""
    paths = {name: Path(folder, name) for name in names}
    return {name for name, path in paths.items() if not (path.is_symlink() or path.is_file() or path.is_dir())}
