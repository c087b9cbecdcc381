"""Facts of one attempt, each read from its files when asked for."""

from contextlib import suppress
from pathlib import Path

from iqa_train.files import DamagedFileError
from iqa_train.regular import real_path
from iqa_train.runs.documents import EndEvent, RunnerFacts, end_lines, read_exit, read_result, read_runner
from iqa_train.runs.identity import ProcessIdentity, identity_from, identity_of
from iqa_train.runs.layout import Attempt, RunFolder
from iqa_train.runs.marks import worker_of
from iqa_train.runs.project import project_of


def read_runner_info(attempt: Attempt) -> RunnerFacts:
    """Its runner.json; empty where that is missing or damaged."""
    try:
        return read_runner(attempt.runner) or {}
    except DamagedFileError:  # whether it runs is not for this file to say
        return {}


def worker_identity(attempt: Attempt, facts: RunnerFacts) -> ProcessIdentity | None:
    """Its worker as runner.json names it; by its mark where the runner was killed before it could write it down."""
    worker, runner = identity_from(facts, "worker"), identity_from(facts, "runner")
    if worker is not None or runner is None or not runner.is_here:
        return worker
    pid = worker_of(attempt)
    return None if pid is None else identity_of(pid)


def continued_by(run: RunFolder, attempt: Attempt) -> list[Attempt]:
    """The attempts that `attempt` continues, newest first: those before it since the run last started over."""
    found = []
    for tried in reversed([tried for tried in run.attempts() if tried.number < attempt.number]):
        found.append(tried)
        if not read_runner_info(tried).get("resumed", True):
            break
    return found


def end_event(attempt: Attempt) -> EndEvent | None:
    """The worker's own last event, if it came to write one: exit code and message."""
    ends = list(end_lines(attempt.metrics))
    return ends[-1] if ends else None


def log_of(attempt: Attempt) -> Path | None:
    """Its log, if it came to have one: where the project lies now, or where it was written."""
    facts = read_runner_info(attempt)
    return LogFinder(attempt.folder.absolute().parents[3]).find(facts) if "log" in facts else None


def seconds_of(run: RunFolder) -> float:
    """How long the attempts of a run that have ended took together; else what its result says; 0 if unknown."""
    total = 0.0
    for attempt in run.attempts():
        with suppress(DamagedFileError):
            ended = read_exit(attempt.exit)
            total += ended.get("seconds", 0.0) if ended else 0.0
    if total:
        return total
    with suppress(DamagedFileError):
        return sum(one.get("seconds", 0.0) for one in (read_result(run.result) or {}).get("rounds", []))
    return 0.0


class LogFinder:
    """Finds the logs of attempts in one runs folder; looks up each project once."""

    def __init__(self, runs_dir: Path) -> None:
        self._runs_dir = real_path(runs_dir)
        self._projects: dict[tuple[str, bool], Path] = {}

    def find(self, facts: RunnerFacts) -> Path:
        """The log that runner.json names."""
        key = (facts.get("cwd", ""), "environment" not in facts)
        if key not in self._projects:
            self._projects[key] = project_of(key[0], self._runs_dir, early=key[1])
        log = facts["log"]
        here = self._projects[key] / log
        if here.exists():
            return here
        beside = self._runs_dir.parent / log
        if beside.exists():
            return beside
        return Path(key[0], log) if Path(key[0]).is_absolute() else here
