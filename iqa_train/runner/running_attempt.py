"""An attempt whose worker runs."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from iqa_train.runs.layout import Attempt


@dataclass(frozen=True)
class RunningAttempt:
    """A started worker, for the caller that waits for it."""

    process: "subprocess.Popen[bytes]"
    attempt: Attempt
    log: Path
