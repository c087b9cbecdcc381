"""The last line of a job's output, which says why it could not begin: of its setup, of Slurm, or of its program."""

import os
from pathlib import Path

from iqa_train.errors import visible
from iqa_train.redaction import without_secrets
from iqa_train.regular import open_regular

_READ = 4096  # bytes from its end
_MOST = 200  # characters


def last_line(output: Path) -> str:
    """The last line that is not empty, printable and shortened; "" where there is no output, or none to be read."""
    try:
        with os.fdopen(open_regular(output), "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _READ))
            lines = file.read(_READ).decode(errors="replace").splitlines()
    except OSError:
        return ""
    said = next((line.strip() for line in reversed(lines) if line.strip()), "").removeprefix("iqa-train: ")
    text = visible(without_secrets(said))
    return text if len(text) <= _MOST else text[: _MOST - 3] + "..."
