"""The attempts at a run: when, how long, where, with which command, and how each ended."""

from iqa_train.redaction import public_command
from iqa_train.report.run_page.json_fields import (
    Document,
    cannot_be_read,
    document,
    figure,
    moment,
    value_at,
    words,
)
from iqa_train.report.sections import Line, Mark, Section, pair, prose
from iqa_train.runs.attempt_facts import end_event, log_of
from iqa_train.runs.documents import read_exit, read_runner
from iqa_train.runs.layout import Attempt, RunFolder
from iqa_train.runs.state import run_state
from iqa_train.runs.state_names import FINISHED, KILLED
from iqa_train.text import format_duration


def attempt_sections(run: RunFolder) -> list[Section]:
    """A section for each attempt, the latest first."""
    try:
        attempts = run.attempts()
    except OSError as error:
        return [Section("Attempts", (prose(cannot_be_read(error, run.path), "error"),))]
    if not attempts:
        return [Section("Attempts", (prose("none yet: the run was never started"),))]
    state = run_state(run)
    last = attempts[-1]
    return [_section(a, state.name if a is last else "", state.reason if a is last else "") for a in reversed(attempts)]


def _section(attempt: Attempt, state: str, reason: str) -> Section:
    """`state` and `reason` are the run's if this is its last attempt, else ""."""
    runner, no_runner = document(read_runner, attempt.runner)
    ended, no_end = document(read_exit, attempt.exit)
    state = words(ended, "state") or state or "end not recorded"
    reason = words(ended, "reason") or reason
    lines = [
        pair("started", moment(words(runner, "started")) + (_resumed(runner) if runner else "")),
        pair("ended", _ended(ended)),
        pair("reason", reason, _mark(state) if reason else ""),
        pair("device", words(runner, "device", "label") + _named(words(runner, "device", "name"))),
        pair("host", words(runner, "host")),
        pair("processes", _processes(runner)),
        pair("command", _command(runner)),
        pair("log", _log(attempt, runner)),
    ]
    lines = [line for line in lines if line.cells[1]]
    lines += [prose(problem, "error") for problem in (no_runner, no_end, *_set_aside(attempt)) if problem]
    return Section(f"Attempt {attempt.number}: {state}", tuple(lines or [prose("it left no files")]))


def _resumed(runner: Document) -> str:
    return ", resumed from a checkpoint" if value_at(runner, "resumed") else ""


def _ended(ended: Document) -> str:
    when = moment(words(ended, "ended"))
    took = format_duration(figure(ended, "seconds"))
    code, number = value_at(ended, "exit_code"), value_at(ended, "signal")
    how = f"exit code {code}" if code is not None else f"signal {number}" if number is not None else ""
    return ", ".join(part for part in (when, f"after {took}" if took else "", how) if part)


def _mark(state: str) -> Mark:
    if state in FINISHED:
        return "good"
    return "warning" if state == KILLED else "error" if state in {"failed", "lost"} else ""


def _named(name: str) -> str:
    return f" ({name})" if name else ""


def _processes(runner: Document) -> str:
    found = [f"{role} {pid}" for role in ("runner", "worker") if (pid := words(runner, role, "pid"))]
    return ", ".join(found)


def _command(runner: Document) -> str:
    parts = value_at(runner, "command")
    return " ".join(public_command(parts if isinstance(parts, list) else words(runner, "command").split(" ")))


def _log(attempt: Attempt, runner: Document) -> str:
    return str(log_of(attempt)) if words(runner, "log") else ""


def _set_aside(attempt: Attempt) -> list[str]:
    """What is left of an attempt after the next one started over."""
    try:
        names = [path.name for path in RunFolder(attempt.folder).outcome()]
        word = end_event(attempt)
    except OSError as error:
        return [cannot_be_read(error, attempt.folder)]
    found = [f"set aside in {attempt.folder}: {', '.join(names)}"] if names else []
    if word is not None and not attempt.exit.exists() and word["message"]:
        found.append(f"the worker's last message: {word['message']}")
    return found


def code_line(run: RunFolder) -> Line | None:
    """A warning if the program changed between queueing and start of the last attempt."""
    try:
        attempts = run.attempts()
    except OSError:
        return None
    runner = document(read_runner, attempts[-1].runner)[0] if attempts else {}
    then, started = words(runner, "queued_code"), words(runner, "code")
    if then and started and then != started:
        return pair("changed", f"between queueing (source {then}) and start (source {started})", "warning")
    return None
