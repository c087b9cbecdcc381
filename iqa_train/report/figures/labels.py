"""Names beside the rows of a figure: the experiment with its title, or with what it changes, in a few lines."""

from collections.abc import Sequence
from textwrap import wrap

from iqa_train.report.columns import marked_name
from iqa_train.report.figures.fonts import can_draw
from iqa_train.results.table import ResultRow

LINE = 0.115
"""Inches of height of a line of a label."""


def titled(rows: Sequence[ResultRow], room: int, most: int = 2) -> list[str]:
    """The experiments with their titles, in up to `most` lines of `room` characters each."""
    return [label(_with_title(marked_name(row), row.title), room, most) for row in rows]


def drawable_titles(rows: Sequence[ResultRow]) -> dict[str, str]:
    """The titles by experiment, without those of a script that no face has."""
    return {row.experiment: row.title for row in rows if not row.reported and can_draw(row.title)}


def _with_title(name: str, title: str) -> str:
    return f"{name}: {title}" if title and can_draw(title) else name


def label(text: str, room: int, most: int = 2) -> str:
    """`text` in up to `most` lines of `room` characters; what is too long ends on an ellipsis. No formulas."""
    lines = wrap(text, room, max_lines=most, placeholder="…", break_on_hyphens=False) or [text]
    return "\n".join(lines).replace("$", r"\$")


def height(labels: Sequence[str], least: float) -> float:
    """Inches of a row that has room for each label, at least `least`."""
    return max(least, 0.06 + LINE * max((one.count("\n") + 1 for one in labels), default=1))
