"""Tries a network of a user's own: `python -m iqa_train.training.try_network_worker`, its request on standard input.

    {"settings": {...}, "code": FOLDER, "digest": false}

It emits `doing` with what comes next, `built` with digits of the initial weights, `fault` with code, severity and
message, and `done`; with `"digest": true` only `built`. What the user's code prints goes nowhere.
"""

import iqa_train.startup  # noqa: F401 (before anything that opens a file)

# isort: split
import json
import os
import sys
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from iqa_train.errors import UserError
from iqa_train.models.code_errors import OwnCodeError
from iqa_train.study.settings import TrainingConfig
from iqa_train.training.compute_device import choose_device
from iqa_train.training.network_trials import Fault
from iqa_train.training.out_of_memory import OutOfMemoryError, explain_out_of_memory
from iqa_train.training.try_network import network_digest, try_network


def main() -> None:
    """Try the network that standard input names. Ends the process, whatever threads the user's code has started."""
    request: dict[str, Any] = json.load(sys.stdin)
    out = _own_output()
    try:
        _try(request, out)
    except OwnCodeError as error:
        _emit(out, "fault", code="network-fails", severity="error", message=str(error))
        _emit(out, "done")
    except (OutOfMemoryError, UserError) as error:
        _emit(out, "fault", code="network-fails", severity="error", message=f"it cannot be tried here: {error}")
        _emit(out, "done")
    except BaseException:  # noqa: BLE001 (a defect of this program: its traceback is for the process that asked)
        _emit(out, "defect", trace=traceback.format_exc())
    out.flush()
    os._exit(0)


def _try(request: dict[str, Any], out: TextIO) -> None:
    settings = TrainingConfig.model_validate_json(json.dumps(request["settings"]))
    code = Path(request["code"])
    choose_device(settings.model_copy(update={"precision": "fp32"}))
    with explain_out_of_memory(settings.batch_size):
        if request["digest"]:
            _emit(out, "built", digest=network_digest(settings, code))
            _emit(out, "done")
            return
        for found in try_network(settings, code, lambda what: _emit(out, "doing", what=what)):
            if isinstance(found, Fault):
                _emit(out, "fault", **asdict(found))
            else:
                _emit(out, "built", digest=found)
    _emit(out, "done")


def _own_output() -> TextIO:
    """The standard output for events alone; what else writes to it or to standard error is lost."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    return out


def _emit(out: TextIO, event: str, **fields: object) -> None:
    out.write(json.dumps({"event": event, **fields}) + "\n")
    out.flush()


if __name__ == "__main__":
    main()
