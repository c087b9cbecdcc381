"""`iqa-train`: runs the command that the first word names, or trains. Owns exit codes and the form of errors."""

import iqa_train.startup  # noqa: F401 (before anything that opens a file)

# isort: split
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from iqa_train.cli.commands import COMMANDS as _COMMANDS
from iqa_train.cli.interrupt import deliver_interrupts
from iqa_train.cli.parser import command_first, leading_options
from iqa_train.errors import UserError, did_you_mean, visible
from iqa_train.escape import escape_outputs
from iqa_train.terminal import filtered_output

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code: 0 done, 1 failed, 2 usage or invalid file, 130 interrupted."""
    escape_outputs()
    with filtered_output():
        return _main(list(sys.argv[1:] if argv is None else argv))


def _main(words: list[str]) -> int:
    try:
        with deliver_interrupts():
            code = _command_or_help(words)
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            _silence()
    except UserError as error:
        _complain(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        from iqa_train.runner.process_limits import NO_THREADS, may_start_threads

        if not may_start_threads():  # NumPy's library sends SIGINT when it cannot start threads
            _complain(NO_THREADS)
            return 1
        _complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has ended, as `| head` does
        _silence()
        return 0
    except RuntimeError as error:
        if "can't start new thread" not in str(error):
            raise
        from iqa_train.runner.process_limits import NO_THREADS

        _complain(NO_THREADS)
        return 1
    except OSError as error:
        if error.errno is None:
            raise
        what = visible(str(error.filename or "a file could not be read or written"))
        _silence_if_full()
        _complain(f"{what}: {error.strerror}")
        return 1
    return code


def _command_or_help(words: list[str]) -> int:
    """Flush the help page, after which argparse exits."""
    try:
        return _command(words)
    except SystemExit:
        sys.stdout.flush()
        raise


def _command(words: list[str]) -> int:
    """Import the command's module only now, so that --help imports none."""
    if words and words[0] == "--version":
        from iqa_train import __version__

        print(__version__)
        return 0
    if words and words[0] == "help":
        words = [*words[1:2], "--help"]
    words = command_first(words, _COMMANDS)
    at = leading_options(words)
    if at < len(words) and not words[at].startswith("-") and words[at] not in _COMMANDS:
        from iqa_train.cli.other_scripts import refuse_script

        refuse_script(words[at:])
        near = did_you_mean(words[at], _COMMANDS)
        raise UserError(f'unknown command "{visible(words[at])}"; {near}; see iqa-train --help')
    if not words or words[0].startswith("-"):
        from iqa_train.cli.commands import train

        return train.main(words)
    _attend_slurm(words)
    from importlib import import_module

    code: int = import_module(f"iqa_train.cli.commands.{words[0].replace('-', '_')}").main(words[1:])
    return code


def _attend_slurm(words: list[str]) -> None:
    """Let Slurm catch up with the queue first: there is no daemon that does. Costs nothing where none is used."""
    from iqa_train.scheduler.slurm import attend_slurm

    named = [given for word, given in pairwise(words) if word == "--runs-dir"]
    named += [word.partition("=")[2] for word in words if word.startswith("--runs-dir=")]
    with suppress(UserError, OSError):  # the command itself says what is wrong
        attend_slurm(Path(named[-1] if named else "runs"))


def _silence_if_full() -> None:
    """Give up standard output if it is full."""
    try:
        sys.stdout.flush()
    except OSError:
        _silence()


def _silence() -> None:
    """Send the rest of stdout to /dev/null."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(sentence: str) -> None:
    with suppress(OSError):  # stderr is full or closed, too; the exit code remains
        for line in sentence.splitlines():
            print(f"iqa-train: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
