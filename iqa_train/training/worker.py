"""The process that trains a run: `python -m iqa_train.training.worker RUN_FOLDER ATTEMPT_FOLDER [--resume]`.

It carries out the run's spec.json. Its standard output is the attempt's log, its last event in metrics.jsonl says how
it ended, and its exit code is one of `runs.outcome`. On TERM or INT it writes a checkpoint and stops.

To read training from here to the loss, follow the list at the head of trainer.py.
"""

import iqa_train.startup  # noqa: F401 (before anything that opens a file)

# isort: split
import sys

from iqa_train.errors import UserError
from iqa_train.escape import escape_outputs
from iqa_train.handed import require_handed
from iqa_train.models.code_errors import OwnPlace, their_fault
from iqa_train.runs import outcome
from iqa_train.runs.fence import FencedWriter, Superseded
from iqa_train.runs.journal import Journal, Stopped
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.specfile import read_spec
from iqa_train.runs.worker_process import StopRequest, failed_io, report_end, unexpected, unless_gone, worker_arguments
from iqa_train.training.checkpoint import DiskFullError
from iqa_train.training.out_of_memory import OutOfMemoryError, explain_out_of_memory
from iqa_train.training.train_run import train_run
from iqa_train.training.trainer import DivergedError


def main(argv: list[str] | None = None) -> int:
    """Run the worker; returns its exit code."""
    escape_outputs()
    run, attempt, resume = worker_arguments("iqa_train.training.worker", argv)
    writer = FencedWriter(run, attempt)
    journal = Journal(attempt.metrics, StopRequest(), writer.check)
    code, message = unless_gone(run, attempt, _run_and_classify(run, journal, writer, resume=resume))
    report_end(journal, code, message)
    return code


def _run_and_classify(run: RunFolder, journal: Journal, writer: FencedWriter, *, resume: bool) -> tuple[int, str]:
    """Train the run; returns the exit code and the message for how it ended."""
    try:
        require_handed()
        writer.open()
        spec = read_spec(run)
        with explain_out_of_memory(spec.settings.batch_size, spec.settings.micro_batch_size):
            return train_run(spec, run, journal, writer, resume=resume)
    except Stopped:
        return outcome.STOPPED, "stopped on request; --resume continues"
    except Superseded as event:
        return outcome.SUPERSEDED, str(event)
    except DivergedError as error:
        return outcome.DIVERGED, f"diverged: {error}"
    except DiskFullError as error:
        return outcome.DISK_FULL, f"disk full: {error}"
    except UserError as error:
        return (outcome.INVALID if error.exit_code == 2 else outcome.UNEXPECTED), str(error)
    except OutOfMemoryError as error:
        return outcome.OUT_OF_MEMORY, f"out of memory: {error}"
    except OSError as error:
        return failed_io(error, run)
    except Exception as error:  # noqa: BLE001 (the outermost frame: a defect leaves its traceback in the log)
        theirs = their_fault(error, OwnPlace("", run.code))
        return (outcome.INVALID, f"the study's own code failed: {theirs}") if theirs else unexpected(error)


if __name__ == "__main__":
    sys.exit(main())
