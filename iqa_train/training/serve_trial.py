"""Workers that try a user's own code: a request on standard input, events as JSON lines on standard output.

Each trial emits `doing` with what comes next, `fault` with code, severity and message, and whatever else it finds out;
`done` follows, or `defect` with the traceback of a fault of this program. What the user's code prints goes nowhere.
"""

import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any, Protocol

from iqa_train.errors import UserError
from iqa_train.models.code_errors import OwnCodeError
from iqa_train.training.out_of_memory import OutOfMemoryError


class Emit(Protocol):
    """Writes an event with its fields."""

    def __call__(self, event: str, **fields: object) -> None: ...


def serve(trial: Callable[[dict[str, Any], Emit], None], failed: str) -> None:
    """Carry out the request; `failed` is the code of a fault that ends it. Ends the process and all its threads."""
    request: dict[str, Any] = json.load(sys.stdin)
    emit = _own_output()
    try:
        trial(request, emit)
        emit("done")
    except OwnCodeError as error:
        emit("fault", code=failed, severity="error", message=str(error))
        emit("done")
    except (OutOfMemoryError, UserError) as error:
        emit("fault", code=failed, severity="error", message=f"it cannot be tried here: {error}")
        emit("done")
    except BaseException:  # noqa: BLE001 (a defect of this program: its traceback is for the process that asked)
        emit("defect", trace=traceback.format_exc())
    os._exit(0)


def _own_output() -> Emit:
    """Writes events to the standard output; what else writes to it or to standard error is lost."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)

    def emit(event: str, **fields: object) -> None:
        out.write(json.dumps({"event": event, **fields}) + "\n")
        out.flush()

    return emit
