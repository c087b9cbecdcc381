"""Reads fields of a run's documents, which may be missing, damaged or of another version."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from iqa_train.runs.document_cache import Damage

Document = Mapping[str, Any]


def contents(found: Document | Damage | None) -> tuple[Document, str]:
    """A document of a snapshot, and what is wrong with it; a missing one is empty and not wrong."""
    return ({}, found.words) if isinstance(found, Damage) else (found or {}, "")


def cannot_be_read(error: OSError, path: Path) -> str:
    """A message for an error of the operating system."""
    return f"{error.filename or path} cannot be read: {error.strerror or error}"


def value_at(value: object, *names: str) -> Any:  # noqa: ANN401 (whatever the file holds)
    """The value at a path of names; None if a part of the path is missing or not an object."""
    for name in names:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def words(value: object, *names: str) -> str:
    """The value as text; empty for None."""
    found = value_at(value, *names)
    return "" if found is None else str(found)


def figure(value: object, *names: str) -> float | None:
    """The value as a number; None for anything else."""
    found = value_at(value, *names)
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None


def moment(text: str) -> str:
    """A time of a state file in local time; `text` unchanged if it is not a time."""
    try:
        return f"{datetime.fromisoformat(text).astimezone():%Y-%m-%d %H:%M:%S}"
    except ValueError:
        return text
