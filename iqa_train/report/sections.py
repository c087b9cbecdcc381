"""Sections of rows about a run, independent of how they are laid out."""

from dataclasses import dataclass
from typing import Literal

Mark = Literal["", "differs", "inert", "error", "warning", "note", "good"]


@dataclass(frozen=True)
class Line:
    """A row of a section. A single cell is prose; of several, the last may be wrapped. Cells hold unfiltered text.

    `mark` says what is special about the row.
    """

    cells: tuple[str, ...]
    mark: Mark = ""


@dataclass(frozen=True)
class Section:
    """A titled block of rows; `head` names the columns, if they have names."""

    title: str
    lines: tuple[Line, ...]
    head: tuple[str, ...] = ()


def prose(text: str, mark: Mark = "") -> Line:
    """A sentence across all columns."""
    return Line((text,), mark)


def pair(name: str, value: object, mark: Mark = "") -> Line:
    """A name and its value."""
    return Line((name, str(value)), mark)
