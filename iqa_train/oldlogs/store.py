"""Puts an old log under runs/ as a run: whole or not at all, and the same log once."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from iqa_train.errors import RunError, visible
from iqa_train.files import locked_folder, sync_folder, write_atomic, write_json
from iqa_train.oldlogs import record
from iqa_train.oldlogs.naming import Names
from iqa_train.oldlogs.oldlog import OldLog
from iqa_train.runs.imported import imported_from
from iqa_train.runs.layout import Attempt, RunFolder, run_folder, run_folders
from iqa_train.study.spec import RunSpec

NEW, LONGER, THERE = "imported", "updated", "unchanged"


@dataclass(frozen=True)
class Stored:
    """A log and the run that holds it. `what`: imported, updated (the log has grown since), or unchanged."""

    log: OldLog
    run: RunFolder
    spec: RunSpec
    what: str


def store(log: OldLog, names: Names, study: str, runs_dir: Path) -> Stored:
    """Write the run, unless it is there. A log that has grown since it was imported becomes another attempt.

    Raises RunError where the run's folder holds something else.
    """
    spec = record.spec_of(log, names, study)
    run = run_folder(runs_dir, spec)
    with _alone(runs_dir):
        same = next((r for r in run_folders(runs_dir, study) if _is_of(r, log)), None)
        if same is not None:
            return Stored(log, same, spec, THERE)
        if not run.path.exists():
            _write_new(run, log, spec)
            return Stored(log, run, spec, NEW)
        _require_grown(run, log)
        _write_longer(run, log, spec)
        return Stored(log, run, spec, LONGER)


def require_own_study(study: str, runs_dir: Path) -> None:
    """Raise RunError if `study` has runs that this program carried out: tables would mix the two."""
    own = next((run for run in run_folders(runs_dir, study) if imported_from(run) is None), None)
    if own is not None:
        raise RunError(
            f"the study {study} has runs of its own, such as {own.path}; imported runs need a study of theirs: "
            "give another --study"
        )


def _is_of(run: RunFolder, log: OldLog) -> bool:
    told = imported_from(run)
    return told is not None and told.sha256 == log.sha256


def _require_grown(run: RunFolder, log: OldLog) -> None:
    """The log that is there must be the beginning of this one."""
    told = imported_from(run)
    if told is not None and told.size < log.size:
        with log.path.open("rb") as file:
            if hashlib.sha256(file.read(told.size)).hexdigest() == told.sha256:
                return
    other = f"from {visible(told.log)}" if told is not None else "that was not imported"
    raise RunError(
        f"{visible(str(log.path))}: {run.path} already holds a run {other} with the same settings and seed; import it "
        "with another --study, or as another --experiment"
    )


def _write_new(run: RunFolder, log: OldLog, spec: RunSpec) -> None:
    """The whole folder under another name, then renamed."""
    run.path.parent.mkdir(parents=True, exist_ok=True)
    with _scratch(run.path.parent) as scratch:
        made = RunFolder(scratch / run.path.name)
        made.path.mkdir()
        write_json(made.spec, record.spec_document_of(log, spec))
        _write_attempt(made.next_attempt(), log)
        _write_top(made, log, spec)
        made.path.rename(run.path)
    sync_folder(run.path.parent)


def _write_longer(run: RunFolder, log: OldLog, spec: RunSpec) -> None:
    """A further attempt, then what is said of the run: cut off in between, the next import does it again."""
    with _scratch(run.path) as scratch:
        attempt = run.next_attempt()
        made = Attempt(scratch / attempt.folder.name)
        _write_attempt(made, log)
        made.folder.rename(attempt.folder)
    _write_top(run, log, spec)


def _write_attempt(attempt: Attempt, log: OldLog) -> None:
    attempt.folder.mkdir()
    write_json(attempt.runner, record.runner_of(log, str(log.path), str(Path.cwd())))
    text = "".join(json.dumps(event, allow_nan=False, ensure_ascii=False) + "\n" for event in record.events_of(log))
    write_atomic(attempt.metrics, text.encode())
    write_json(attempt.exit, record.exit_of(log))


def _write_top(run: RunFolder, log: OldLog, spec: RunSpec) -> None:
    result = record.result_of(log, spec)
    if result is not None:
        write_json(run.result, result)
    write_json(run.provenance, record.provenance_of(record.imported_of(log, str(log.path))))


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """A folder of its own beside what it is to become; gone afterwards, whatever happens."""
    path = Path(tempfile.mkdtemp(prefix=".import-", dir=folder))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _alone(runs_dir: Path) -> Iterator[None]:
    """One import at a time: two of the same log at once would race for its folder."""
    runs_dir.mkdir(parents=True, exist_ok=True)
    with locked_folder(runs_dir):
        yield
