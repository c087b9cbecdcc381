"""Tries a network of a user's own: `python -m iqa_train.training.try_network_worker`, its request on standard input.

    {"settings": {...}, "code": FOLDER, "digest": false}

Beside the events of `serve_trial.py` it emits `built` with digits of the initial weights; with `"digest": true` it
does nothing else.
"""

import iqa_train.startup  # noqa: F401 (before anything that opens a file)

# isort: split
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from iqa_train.study.settings import TrainingConfig
from iqa_train.training.compute_device import choose_device
from iqa_train.training.network_trials import Fault
from iqa_train.training.out_of_memory import explain_out_of_memory
from iqa_train.training.serve_trial import Emit, serve
from iqa_train.training.try_network import network_digest, try_network

_THREADS = 8  # most; nothing is compared between machines


def main() -> None:
    """Try the network that standard input names."""
    serve(_try, failed="network-fails")


def _try(request: dict[str, Any], emit: Emit) -> None:
    settings = TrainingConfig.model_validate_json(json.dumps(request["settings"]))
    code = Path(request["code"])
    choose_device(settings.model_copy(update={"precision": "fp32", "threads": min(_THREADS, os.cpu_count() or 1)}))
    with explain_out_of_memory(batch_size=1):
        if request["digest"]:
            emit("built", digest=network_digest(settings, code))
            return
        for found in try_network(settings, code, lambda what: emit("doing", what=what)):
            if isinstance(found, Fault):
                emit("fault", **asdict(found))
            else:
                emit("built", digest=found)


if __name__ == "__main__":
    main()
