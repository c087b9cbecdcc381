"""The attempts at a run: when, how long, where, with which command, and how each ended."""

from iqa_train.redaction import public_command
from iqa_train.report.run_page.json_fields import (
    Document,
    cannot_be_read,
    contents,
    figure,
    moment,
    value_at,
    words,
)
from iqa_train.report.sections import Line, Mark, Section, pair, prose
from iqa_train.runs.attempt_facts import LogFinder
from iqa_train.runs.document_cache import Damage
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.outcome import outcome_from
from iqa_train.runs.snapshot import AttemptSnapshot, RunSnapshot
from iqa_train.runs.state import state_of
from iqa_train.runs.state_names import FAILED, FINISHED, KILLED, LOST, STOPPED
from iqa_train.text import format_duration


def attempt_sections(found: RunSnapshot) -> list[Section]:
    """A section for each attempt of a run read whole, the latest first."""
    if isinstance(found.attempts, Damage):
        return [Section("Attempts", (prose(found.attempts.words, "error"),))]
    if not found.attempts:
        return [Section("Attempts", (prose("none yet: the run was never started"),))]
    state, logs = state_of(found), LogFinder(found.run.path.absolute().parents[2])
    earlier = [_section(attempt, "", "", logs) for attempt in reversed(found.attempts[:-1])]
    return [_section(found.attempts[-1], state.name, state.reason, logs), *earlier]


def _section(attempt: AttemptSnapshot, state: str, reason: str, logs: LogFinder) -> Section:
    """`state` and `reason` are the run's if this is its last attempt, else ""."""
    runner, no_runner = contents(attempt.runner)
    ended, no_end = contents(attempt.exit)
    state = _state(attempt) or state or "end not recorded"
    reason = words(ended, "reason") or reason
    lines = [
        pair("started", moment(words(runner, "started")) + (_resumed(runner) if runner else "")),
        pair("ended", _ended(ended)),
        pair("reason", reason, _mark(state) if reason else ""),
        pair("device", words(runner, "device", "label") + _named(words(runner, "device", "name"))),
        pair("host", words(runner, "host")),
        pair("Slurm job", _job(runner)),
        pair("processes", _processes(runner)),
        pair("command", _command(runner)),
        pair("log", str(logs.find(attempt.facts)) if words(runner, "log") else ""),
    ]
    lines = [line for line in lines if line.cells[1]]
    lines += [prose(problem, "error") for problem in (no_runner, no_end, *_set_aside(attempt)) if problem]
    return Section(f"Attempt {attempt.number}: {state}", tuple(lines or [prose("it left no files")]))


def _state(attempt: AttemptSnapshot) -> str:
    """How its exit.json says that it ended; "" where that is not said."""
    if attempt.exit is None or isinstance(attempt.exit, Damage):
        return ""
    try:
        return outcome_from(attempt.exit).name
    except ValueError:
        return attempt.exit["state"]


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
    return "warning" if state in {KILLED, STOPPED} else "error" if state in {FAILED, LOST} else ""


def _named(name: str) -> str:
    return f" ({name})" if name else ""


def _processes(runner: Document) -> str:
    found = [f"{role} {pid}" for role in ("runner", "worker") if (pid := words(runner, role, "pid"))]
    return ", ".join(found)


def _job(runner: Document) -> str:
    """Its number, and where it ran."""
    job, restarts = words(runner, "slurm", "job"), figure(value_at(runner, "slurm") or {}, "restarts") or 0
    parts = [f"requeued {restarts:.0f} times" if restarts > 1 else "requeued once" if restarts else ""]
    parts += [f"{what} {told}" for what in ("partition", "node") if (told := words(runner, "slurm", what))]
    return ", ".join(filter(None, [job, *parts])) if job else ""


def _command(runner: Document) -> str:
    parts = value_at(runner, "command")
    return " ".join(public_command(parts if isinstance(parts, list) else words(runner, "command").split(" ")))


def _set_aside(attempt: AttemptSnapshot) -> list[str]:
    """What is left of an attempt after the next one started over."""
    if isinstance(attempt.metrics, Damage):
        return [attempt.metrics.words]
    folder, word = attempt.files.folder, attempt.metrics.end if attempt.metrics else None
    try:
        names = [path.name for path in RunFolder(folder).outcome()] if attempt.set_aside else []
    except OSError as error:
        return [cannot_be_read(error, folder)]
    found = [f"set aside in {folder}: {', '.join(names)}"] if names else []
    if word is not None and attempt.exit is None and word["message"]:
        found.append(f"the worker's last message: {word['message']}")
    return found


def code_line(found: RunSnapshot) -> Line | None:
    """A warning if the program changed between queueing and start of the last attempt."""
    runner = found.last.facts if found.last else {}
    then, started = words(runner, "queued_code"), words(runner, "code")
    if then and started and then != started:
        return pair("changed", f"between queueing (source {then}) and start (source {started})", "warning")
    return None
