"""Brings the logs of joined attempts into this project's logs folder, where their runner.json finds them."""

import filecmp
import os
import shutil
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

from iqa_train.errors import RunError
from iqa_train.files import read_json, sync_folder, write_json
from iqa_train.regular import open_regular, open_temporary
from iqa_train.runs.attempt_facts import LogFinder, read_runner_info
from iqa_train.runs.layout import Attempt
from iqa_train.runs.merge.copy_files import ChangedError
from iqa_train.runs.merge.source import Source
from iqa_train.runs.project import inside, recorded


def join_log(attempt: Attempt, source: Source, runs_dir: Path, logs_dir: Path) -> bool:
    """Copy the log of an attempt that was copied from `source`; returns whether it was found there.

    It keeps its name, unless another log has that: then it gets a number, and the copy's runner.json names it so.
    """
    facts = read_runner_info(attempt)
    found = source.find_log(facts)
    if found is None:
        return False
    log = _copy(found, logs_dir)
    finder = LogFinder(runs_dir)
    if not _same(finder.find(facts), log):
        _rename(attempt, log, runs_dir)
    return True


def _rename(attempt: Attempt, log: Path, runs_dir: Path) -> None:
    """Have runner.json name `log`, and this project where it named one of the other machine."""
    try:
        facts: Mapping[str, Any] = read_json(attempt.runner) or {}
    except RunError:  # damaged: nothing reads it
        return
    stat = attempt.runner.stat()
    project = Path.cwd()
    names = [log.name] if log.is_absolute() else []
    for name in (inside(log.absolute(), project), os.path.relpath(log, runs_dir.parent), str(log.absolute()), *names):
        changed = {**facts, "log": name, "cwd": recorded(project, runs_dir)}
        changed.setdefault("environment", {})  # else its project is looked for as early versions named it
        write_json(attempt.runner, changed)
        if _same(LogFinder(runs_dir).find(read_runner_info(attempt)), log):
            break
    os.utime(attempt.runner, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def _same(one: Path, other: Path) -> bool:
    return one.exists() and one.samefile(other)


def _copy(log: Path, logs_dir: Path) -> Path:
    """The log under its name in `logs_dir`, or under the first numbered one that is free or holds the same."""
    logs_dir.mkdir(parents=True, exist_ok=True)
    for number in count(1):
        target = logs_dir / (log.name if number == 1 else f"{log.stem}-{number}{log.suffix}")
        if not os.path.lexists(target) and _copied(log, target):
            return target
        if target.is_file() and filecmp.cmp(log, target, shallow=False):
            return target
    raise AssertionError


def _copied(log: Path, target: Path) -> bool:
    """Copy it, unless another process takes the name meanwhile."""
    descriptor, temporary = open_temporary(target, "part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            before = log.stat()
            with os.fdopen(open_regular(log, follow=True), "rb") as original:
                shutil.copyfileobj(original, file, 1 << 20)
            file.flush()
            os.utime(file.fileno(), ns=(before.st_atime_ns, before.st_mtime_ns))
            os.fsync(file.fileno())
        if not filecmp.cmp(log, temporary, shallow=False):
            raise ChangedError(f"{log} changed while it was being copied")
        try:
            os.link(temporary, target)
        except FileExistsError:
            return False
        except OSError:  # no hard links here
            temporary.rename(target)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(target.parent)
    return True
