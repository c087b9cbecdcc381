"""The worker of a run of a command: `python -m iqa_train.command_runs.worker RUN_FOLDER ATTEMPT_FOLDER [--resume]`.

It keeps the contract of `iqa_train.training.worker`, but has the user's own program do the work: it gives that its
settings, split and folders, turns what it reports into events, and its predictions into the run's.
"""

import iqa_train.startup  # noqa: F401 (before anything that opens a file)

# isort: split
import os
import resource
import signal
import stat
import sys
from collections.abc import Callable, Sequence

from iqa_train.command_runs.carry_out import carry_out
from iqa_train.errors import UserError
from iqa_train.escape import escape_outputs
from iqa_train.handed import handed_descriptors, require_handed
from iqa_train.runs import outcome
from iqa_train.runs.fence import FencedWriter, Superseded
from iqa_train.runs.journal import Journal, Stopped
from iqa_train.runs.layout import Attempt, RunFolder
from iqa_train.runs.specfile import read_spec
from iqa_train.runs.worker_process import StopRequest, failed_io, report_end, unexpected, unless_gone, worker_arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Run the worker; returns its exit code, or ends it by the signal that ended the program."""
    escape_outputs()
    run, attempt, resume = worker_arguments("iqa_train.command_runs.worker", argv)
    signalled = StopRequest()

    def stopping() -> bool:  # the program may have acted upon the file before this process has its signal
        return signalled() or attempt.stop.exists()

    writer = FencedWriter(run, attempt)
    journal = Journal(attempt.metrics, stopping, writer.check)
    end = _run_and_classify(run, attempt, journal, writer, stopping, resume=resume)
    code, message = unless_gone(run, attempt, end)
    if code < 0:
        journal.say(message)
        _end_by(-code)
    report_end(journal, code, message)
    return code


def _run_and_classify(
    run: RunFolder,
    attempt: Attempt,
    journal: Journal,
    writer: FencedWriter,
    stopping: Callable[[], bool],
    *,
    resume: bool,
) -> tuple[int, str]:
    """Carry out the run; returns the exit code (negative: a signal) and the message for how it ended."""
    try:
        require_handed()
        writer.open()
        spec = read_spec(run)
        return carry_out(spec, run, attempt, journal, writer, stopping, _own_log(), handed_descriptors(), resume=resume)
    except Stopped:
        return outcome.STOPPED, "stopped on request; --resume continues"
    except Superseded as event:
        return outcome.SUPERSEDED, str(event)
    except UserError as error:
        return (outcome.INVALID if error.exit_code == 2 else outcome.UNEXPECTED), str(error)
    except OSError as error:
        return failed_io(error, run)
    except Exception as error:  # noqa: BLE001 (the outermost frame: a defect leaves its traceback in the log)
        return unexpected(error)


def _own_log() -> int | None:
    """A descriptor that reads the log, which is standard output; None where that is no file."""
    if not stat.S_ISREG(os.fstat(1).st_mode):
        return None
    return os.open("/proc/self/fd/1", os.O_RDONLY | os.O_CLOEXEC)


def _end_by(number: int) -> None:
    """End this process by a signal, without a second core dump."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if number not in {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


if __name__ == "__main__":
    sys.exit(main())
