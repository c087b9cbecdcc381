"""What is told of a run that was imported from an old log: which log, and which of its settings are known."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from iqa_train.errors import RunError
from iqa_train.runs.documents import read_provenance
from iqa_train.runs.layout import RunFolder


@dataclass(frozen=True)
class Imported:
    """`log` is the file it was read from, of `size` bytes; `assumed` are settings that spec.json has and it does not.

    `images` are numbers by split, as far as the log tells.
    """

    log: str
    sha256: str
    size: int
    assumed: tuple[str, ...]
    images: Mapping[str, int]
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """What provenance.json holds under `imported`."""
        return {
            "log": self.log,
            "sha256": self.sha256,
            "bytes": self.size,
            "assumed": list(self.assumed),
            "images": dict(self.images),
            "notes": list(self.notes),
        }


def imported_from(run: RunFolder) -> Imported | None:
    """Where the run was imported from; None for one that this program carried out, or whose files do not say."""
    try:
        told = (read_provenance(run.provenance) or {}).get("imported")
    except (RunError, OSError):
        return None
    if told is None:
        return None
    images = {split: count for split, count in told["images"].items() if count is not None}
    return Imported(
        told["log"], told["sha256"], told["bytes"], tuple(told["assumed"]), images, tuple(told["notes"])
    )  # fmt: skip
