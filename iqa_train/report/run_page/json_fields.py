"""Reading what may be missing, damaged or of another version, without a word about it twice."""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from iqa_train.errors import UserError

Document = Mapping[str, Any]


def document(reader: Callable[[Path], Mapping[str, Any] | None], path: Path) -> tuple[Document, str]:
    """What `reader` finds in a file and what is wrong with the file; nothing is wrong with one that is not there."""
    try:
        return reader(path) or {}, ""
    except UserError as error:
        return {}, str(error)
    except OSError as error:
        return {}, cannot_be_read(error, path)


def cannot_be_read(error: OSError, path: Path) -> str:
    """The sentence of an error of the operating system."""
    return f"{error.filename or path} cannot be read: {error.strerror or error}"


def value_at(value: object, *names: str) -> Any:  # noqa: ANN401 (whatever the file holds)
    """What stands at the end of a path of names; None where a part of it is missing or no object."""
    for name in names:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def words(value: object, *names: str) -> str:
    """The same as text; empty for nothing."""
    found = value_at(value, *names)
    return "" if found is None else str(found)


def figure(value: object, *names: str) -> float | None:
    """The same as a number; None for anything else."""
    found = value_at(value, *names)
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None


def moment(text: str) -> str:
    """A time of a state file as this machine's clock on the wall has it; `text` itself where it is no time."""
    try:
        return f"{datetime.fromisoformat(text).astimezone():%Y-%m-%d %H:%M:%S}"
    except ValueError:
        return text
