"""Gathers what is wrong with a study file, so that one reading names all of it."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from iqa_train.errors import StudyError, visible
from iqa_train.study.lines import line_of

_MOST = 10


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
    """What is wrong with `file`, whose text is `text`."""

    file: str
    text: str = ""
    found: list[str] = field(default_factory=list)

    def add(self, place: TomlTable | None, sentence: str, key: str = "") -> None:
        """Note one problem; `key` helps to find its line."""
        line = line_of(self.text, place.table, key, place.index) if place else None
        where = f"{place}: " if place else ""
        self.found.append(f"{self.file}: {where}{sentence}" + (f" (line {line})" if line else ""))

    def extend(self, place: TomlTable, complaints: Iterable[tuple[str, str]], within: str = "") -> None:
        """Note (key, sentence) pairs; `within` names the key they stand inside of."""
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
