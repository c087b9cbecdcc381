"""The script that sbatch is given: one array of jobs, each of which runs the same program."""

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from iqa_train.errors import UsageError, control_complaint, visible
from iqa_train.study.slurm_table import SlurmTable

COMMENT = "iqa-train:"
"""What the comment of our jobs starts with; the token of the submission follows."""

FOLLOW_UP = "iqa-train-follow-up"
"""The comment of a job that belongs to no run; it only reconciles."""

_PLAIN = re.compile(r"[\w@%+=:,./{}\[\]|&*~^-]*", re.ASCII)  # what sbatch reads as one word, without quotes

# A line that fails would have the run train with other libraries than meant. The shell's `set -e` would also stop at
# what fails inside of files that the site's profile reads.
_CHECK = """\
checked() { [ "$1" -eq 0 ] || { echo "iqa-train: setup failed with exit status $1: $2" >&2; exit 1; }; }"""

# Else a job whose setup ends the shell with 0 would be taken for one that has done its work. exec runs no such trap.
_END = """\
ended() { [ "$1" -ne 0 ] || echo "iqa-train: setup ended the shell before the run began" >&2; exit $(($1 ? $1 : 1)); }
trap 'ended $?' EXIT"""

# A signal before the program takes it would end the job; nothing is lost without it, as the program knows the time.
_WAIT = "trap '' USR1"


def batch_script(
    table: SlurmTable,
    program: Sequence[str],
    *,
    token: str,
    name: str,
    tasks: int,
    folder: Path,
    logs: Path,
    after: Sequence[str] = (),
    at_once: int | None = None,
    hold: bool = False,
    begin_in: int | None = None,
) -> str:
    """The script of an array of `tasks` jobs that run the words of `program` in `folder`.

    `token` names the submission, `name` the jobs for people; `logs` is the existing folder of their output; `after`
    are the ids of jobs that have to end first. `at_once` jobs may run at the same time, in place of `array_limit`; with
    `hold` none begins before it is released, with `begin_in` none before so many seconds have passed, unless the table
    says when. Raises UsageError for a word that no script can hold.
    """
    lines = [
        f"#SBATCH --{option}"
        for option in _options(table, token, name, tasks, logs, after, at_once or table.array_limit)
    ]
    if begin_in is not None and "begin" not in dict(table.options()):
        lines.append(f"#SBATCH --begin=now+{begin_in}")
    if hold:
        lines.append("#SBATCH --hold")
    body = [_WAIT, f"cd {_word(str(folder))} || exit"]
    if table.setup:
        body += [_END, _CHECK]
    for line in table.setup:
        _require_printable(line)
        body += [line, f"checked $? {_word(line)}"]
    body.append(f"exec {' '.join(map(_word, program))}")
    return "\n".join(["#!/bin/bash", *lines, "", *body, ""])


def follow_up_script(
    table: SlurmTable, program: Sequence[str], *, name: str, after: str, folder: Path, logs: Path
) -> str:
    """The script of a small job that runs `program` if a task of the array `after` fails, once all have ended.

    It asks for one core and no GPU. The setup is used only where the program's interpreter does not start without it.
    """
    given = {key: value for key, value in table.options() if key in {"partition", "account", "qos"}}
    if table.mem:
        given["mem"] = "1G"
    options = {
        "job-name": f"{name}-follow-up", "comment": FOLLOW_UP, "nodes": "1", "ntasks": "1", "cpus-per-task": "1",
        **given, "time": "10", "requeue": "", "open-mode": "append", "output": f"{_pattern(logs)}/%j.out",
        "kill-on-invalid-dep": "yes", "dependency": f"afternotok:{after}",
    }  # fmt: skip
    body = [f"cd {_word(str(folder))} || exit"]
    if table.setup:
        body.append(f"{_word(program[0])} -c '' 2>/dev/null || eval {shlex.quote(chr(10).join(table.setup))}")
    body.append(f"exec {' '.join(map(_word, program))}")
    lines = [f"#SBATCH --{_option(option, value)}" for option, value in options.items()]
    return "\n".join(["#!/bin/bash", *lines, "", *body, ""])


def _options(
    table: SlurmTable, token: str, name: str, tasks: int, logs: Path, after: Sequence[str], at_once: int | None
) -> Iterator[str]:
    limit = f"%{at_once}" if at_once else ""
    yield _option("job-name", name)
    yield _option("comment", COMMENT + token)
    yield f"array=0-{tasks - 1}{limit}"
    yield "nodes=1"
    yield "ntasks=1"
    yield from (_option(option, value) for option, value in table.options())
    yield "requeue"
    yield f"signal=B:USR1@{table.margin_seconds}"
    yield "open-mode=append"
    yield _option("output", f"{_pattern(logs)}/%A_%a.out")
    if after:
        yield f"dependency=afterany:{':'.join(after)}"


def _option(name: str, value: str) -> str:
    """An option as a line of a script holds it: sbatch reads quotes and backslashes, but no variables."""
    _require_printable(value)
    if not value:
        return name
    return f"{name}={value}" if _PLAIN.fullmatch(value) else f'{name}="' + re.sub(r'(["\\])', r"\\\1", value) + '"'


def _pattern(folder: Path) -> str:
    """The folder as a part of --output, in which sbatch replaces what follows a %."""
    text = str(folder)
    if "\\" in text:
        raise UsageError(
            f"{visible(text)}: Slurm writes no output into a folder with a backslash in its path; rename that folder"
        )
    return text.replace("%", "%%")


def _word(text: str) -> str:
    """A word for the shell."""
    _require_printable(text)
    return shlex.quote(text)


def _require_printable(text: str) -> None:
    if complaint := control_complaint(text):
        raise UsageError(f'"{visible(text)}" cannot be part of a batch script: it {complaint}')
