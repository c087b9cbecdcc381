"""Names beside the rows of a figure: the experiment with its title, or with what it changes, in a few lines."""

from collections.abc import Sequence
from textwrap import wrap

from iqa_train.report.columns import marked_name
from iqa_train.results.table import ResultRow

LINE = 0.115
"""Inches of height of a line of a label."""


def titled(rows: Sequence[ResultRow], room: int, most: int = 2) -> list[str]:
    """The experiments with their titles, in up to `most` lines of `room` characters each."""
    return [label(f"{marked_name(row)}: {row.title}" if row.title else marked_name(row), room, most) for row in rows]


def label(text: str, room: int, most: int = 2) -> str:
    """`text` in up to `most` lines of `room` characters; what is too long ends on an ellipsis. No formulas."""
    lines = wrap(text, room, max_lines=most, placeholder="…", break_on_hyphens=False) or [text]
    return "\n".join(lines).replace("$", r"\$")


def height(labels: Sequence[str], least: float) -> float:
    """Inches of a row that has room for each label, at least `least`."""
    return max(least, 0.06 + LINE * max((one.count("\n") + 1 for one in labels), default=1))
