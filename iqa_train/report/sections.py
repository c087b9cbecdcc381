"""Everything about a run as sections of rows, for any front end to lay out."""

from dataclasses import dataclass
from typing import Literal

Mark = Literal["", "differs", "inert", "error", "warning", "note", "good"]


@dataclass(frozen=True)
class Line:
    """A row of a section. One cell alone is prose; of several, the last may be broken into lines. They hold any text.

    `mark` says what is special about it.
    """

    cells: tuple[str, ...]
    mark: Mark = ""


@dataclass(frozen=True)
class Section:
    """A titled block of rows; `head` names the columns, where they need a name."""

    title: str
    lines: tuple[Line, ...]
    head: tuple[str, ...] = ()


def prose(text: str, mark: Mark = "") -> Line:
    """A sentence across all columns."""
    return Line((text,), mark)


def pair(name: str, value: object, mark: Mark = "") -> Line:
    """A name and what it stands for."""
    return Line((name, str(value)), mark)
