"""The origin of a run imported from an old log: which log, and which of its settings are known."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from iqa_train.errors import RunError
from iqa_train.runs.document_cache import Damage
from iqa_train.runs.documents import ProvenanceFacts, read_provenance
from iqa_train.runs.layout import RunFolder

_STATED = re.compile(r"(?<!\d)((?:19|20)\d\d)-?(\d\d)-?(\d\d)[T_ -](\d\d)[:-]?(\d\d)[:-]?(\d\d)(?!\d)")
_SINCE_1970 = re.compile(r"1\d{9}(?:\d{3}){0,3}(?:[.,]\d+)?")


@dataclass(frozen=True)
class Imported:
    """`log` is the file it was read from, of `size` bytes; `assumed` are settings that spec.json has and it does not.

    `images` are numbers by split, as far as the log says, and `began` is when the run took place, as the log or its
    name states it, in ISO 8601.
    """

    log: str
    sha256: str
    size: int
    assumed: tuple[str, ...]
    images: Mapping[str, int]
    notes: tuple[str, ...]
    began: str = ""

    def as_json(self) -> dict[str, Any]:
        """What provenance.json holds under `imported`."""
        return {
            "log": self.log,
            "sha256": self.sha256,
            "bytes": self.size,
            "assumed": list(self.assumed),
            "images": dict(self.images),
            "notes": list(self.notes),
            "began": self.began,
        }


def imported_from(run: RunFolder) -> Imported | None:
    """Where the run was imported from; None for one that this program carried out, or whose files do not say."""
    try:
        return imported_in(read_provenance(run.provenance))
    except (RunError, OSError):
        return None


def imported_in(provenance: ProvenanceFacts | Damage | None) -> Imported | None:
    """The same of a provenance.json that has been read."""
    if provenance is None or isinstance(provenance, Damage) or "imported" not in provenance:
        return None
    record = provenance["imported"]
    images = {split: count for split, count in record["images"].items() if count is not None}
    return Imported(
        record["log"], record["sha256"], record["bytes"], tuple(record["assumed"]), images, tuple(record["notes"]),
        record.get("began") or stated_in(Path(record["log"]).name),
    )  # fmt: skip


def stated_in(text: str) -> str:
    """The time that `text` states, unmistakably: year, month and day in this order, or seconds since 1970."""
    for found in _STATED.finditer(text):
        try:
            return datetime(*(int(part) for part in found.groups())).isoformat()  # type: ignore[arg-type]
        except ValueError:
            continue
    if _SINCE_1970.fullmatch(text):
        seconds = int(text[:10])
        return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat()
    return ""
