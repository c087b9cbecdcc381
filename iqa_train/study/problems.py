"""Collects the problems of a study file, with their lines, so that one reading reports all of them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from iqa_train.errors import StudyError, visible

_MOST = 10
_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?$")


@dataclass(frozen=True)
class TomlTable:
    """A table of the file: its dotted name, its number among the tables of that name, and what a message calls it."""

    table: str
    index: int | None = None
    name: str = ""

    def __str__(self) -> str:
        if self.index is None:
            return visible(f"[{self.table}]")
        return visible(f"[[{self.table}]] " + (f'"{self.name}"' if self.name else f"number {self.index + 1}"))


@dataclass
class Problems:
    """The problems of `file`, whose text is `text`."""

    file: str
    text: str = ""
    found: list[str] = field(default_factory=list)

    def add(self, place: TomlTable | None, sentence: str, key: str = "") -> None:
        """Note one problem; `key` helps to find its line."""
        line = line_of(self.text, place.table, key, place.index) if place else None
        where = f"{place}: " if place else ""
        self.found.append(f"{self.file}: {where}{sentence}" + (f" (line {line})" if line else ""))

    def extend(self, place: TomlTable, complaints: Iterable[tuple[str, str]], within: str = "") -> None:
        """Note (key, sentence) pairs; `within` is the key that contains them."""
        for key, sentence in complaints:
            self.add(place, f"{within}: {sentence}" if within else sentence, key or within)

    def stop_if_any(self) -> None:
        """Raise StudyError with a line for each problem."""
        if not self.found:
            return
        lines = self.found[:_MOST]
        if len(self.found) > _MOST:
            lines.append(f"{self.file}: and {len(self.found) - _MOST} more")
        raise StudyError("\n".join(lines))


def line_of(text: str, table: str, key: str = "", index: int | None = None) -> int | None:
    """The line, from 1, of `key` in `[table]`, or in the `index`th `[[table]]`; without a key, that of the header.

    None if it is not certain: the key occurs several times, or the file has multi-line strings.
    """
    if '"""' in text or "'''" in text:
        return None
    lines = text.splitlines()
    start, end = _extent(lines, table, index)
    if start is None:
        return None
    if not key:
        return start + 1
    spelt = re.compile(rf"""(?:^|[\s{{,.])["']?{re.escape(key)}["']?\s*=""")
    hits = [n for n in range(start + 1, end) if spelt.search(_without_comment(lines[n]))]
    return hits[0] + 1 if len(hits) == 1 else None


def _extent(lines: list[str], table: str, index: int | None) -> tuple[int | None, int]:
    """Line of the table's header, from 0, and the line after its end, sub-tables included."""
    start, seen = None, -1
    for n, line in enumerate(lines):
        header = _HEADER.match(line)
        if header is None:
            continue
        name = re.sub(r"[\s\"']", "", header[2])
        if name == table:
            seen += 1
        if start is not None and not name.startswith(table + "."):
            return start, n
        if start is None and name == table and seen == (index or 0):
            start = n
    return start, len(lines)


def _without_comment(line: str) -> str:
    return re.sub(r"""("[^"]*"|'[^']*')|#.*""", lambda m: m[1] or "", line)
