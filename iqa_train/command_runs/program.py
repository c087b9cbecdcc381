"""The process of a command: started in a group of its own, watched, asked to stop; how it ended."""

import contextlib
import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from iqa_train.command_runs.contract import Contract
from iqa_train.errors import RunError, visible
from iqa_train.runs.process_end import ending_within

_POLL = 0.2  # seconds between two looks at what it has written
_SHELL_SAYS_SIGNAL = 128  # a shell's exit code for a child that a signal ended, plus its number
_FATAL = frozenset({signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGTERM})
_PR_SET_PDEATHSIG = 1


def run_program(
    contract: Contract, held: Sequence[int], stopping: Callable[[], bool], stop: Path, look: Callable[[], None]
) -> int:
    """Run the program to its end; returns its return code, negative for a signal.

    Its output goes where this process's goes. It inherits the descriptors `held`, so that the locks of run and device
    last as long as it does; it is killed when this process dies. `look` is called every moment. Once `stopping` is
    true, the file `stop` is made and TERM sent, once; killing it after the grace is the caller's task.
    Raises RunError for a program that cannot be started.
    """
    process = _started(contract, held)
    asked = False
    try:
        with ending_within(process.pid) as ended_within:
            while process.poll() is None:
                if stopping() and not asked:
                    asked = True
                    _ask(process, stop)
                look()
                ended_within(_POLL)
    finally:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return _return_code(process.returncode)


def _started(contract: Contract, held: Sequence[int]) -> "subprocess.Popen[bytes]":
    words = contract.words
    try:
        return subprocess.Popen(
            words, cwd=contract.folder, env=contract.environment, stdin=subprocess.DEVNULL, pass_fds=held,
            process_group=0, preexec_fn=_die_with_parent(os.getpid()),  # noqa: PLW1509 (this process has one thread)
        )  # fmt: skip
    except FileNotFoundError:
        if not contract.folder.is_dir():
            raise RunError(f"{contract.folder}: there is no such folder to start the program in") from None
        raise RunError(f'the program "{visible(words[0])}" is not there; see run of {contract.command.label}') from None
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise RunError(f'the program "{visible(words[0])}" cannot be started: {why}') from None


def _die_with_parent(parent: int) -> Callable[[], None]:
    """For the child before exec: let the kernel kill it when its parent ends, however that ends (Linux, prctl(2))."""
    prctl = ctypes.CDLL(None).prctl

    def prepare() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it was gone before that
            os._exit(1)

    return prepare


def _ask(process: "subprocess.Popen[bytes]", stop: Path) -> None:
    with contextlib.suppress(OSError):
        stop.touch()
    for number in (signal.SIGTERM, signal.SIGCONT):  # a suspended program would not react
        process.send_signal(number)


def _return_code(code: int) -> int:
    """That of the program; where a shell reports that a signal ended its child, that signal."""
    number = code - _SHELL_SAYS_SIGNAL
    return -number if number in _FATAL else code
