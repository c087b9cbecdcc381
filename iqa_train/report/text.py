"""Results for a terminal: a table that fits its width, verdicts with their reasons, and notes."""

import textwrap
from collections.abc import Callable, Sequence

from iqa_train.errors import visible
from iqa_train.report.columns import Column, Table, table_of
from iqa_train.report.verdict_text import all_reasons, headline
from iqa_train.results.table import StudyResults
from iqa_train.text import display_width

_WIDEST_TEXT = 110
_NARROWEST = 40
_GAP = "  "
_ESSENTIAL = 4  # rank: experiment, value, difference, verdict, state, p


def results_text(results: StudyResults, width: int | None = None) -> str:
    """Table, verdicts and notes within `width` columns; the least important columns are dropped. None: no limit."""
    whole = table_of(results, leave_out=["title"])  # shown with the verdict
    table = fitted(whole, width)
    blocks = [_wrapped(headline(results), width)]
    blocks.append(_table_lines(table, width) if results.rows else ["no experiments"])
    blocks.append(
        [line for r in all_reasons(results) for line in _wrapped(f"{r.name}: {'; '.join(r.sentences)}", width)]
    )
    left_out = [column.head for column in whole.columns if column.key not in table.keys]
    if "value" in table.keys and table.column("value").head != whole.column("value").head:
        left_out.insert(0, "intervals of values")
    notes = [*results.notes, table.legend()]
    if left_out:
        notes.append(f"not shown (terminal too narrow): {', '.join(left_out)}; --format csv has everything")
    blocks.append([line for note in notes if note for line in _wrapped(note, width)])
    return "\n\n".join("\n".join(block) for block in blocks if block)


def fitted(table: Table, width: int | None) -> Table:
    """The table without its least important columns, as far as needed; experiment and value stay.

    Verdicts become brief before a column is dropped, and values lose their intervals before an essential one is.
    """
    if width is None or _width(table) <= width:
        return table
    table = _dropped(table.brief("differs"), width, lambda table: _least(table).rank > _ESSENTIAL)
    if _width(table) > width:
        table = table.brief("value")
    return _dropped(table, width, lambda table: len(table.columns) > 2)


def _dropped(table: Table, width: int, may: Callable[[Table], bool]) -> Table:
    while _width(table) > width and may(table):
        table = table.without(_least(table).key)
    return table


def _least(table: Table) -> Column:
    return max(table.columns, key=lambda column: column.rank)


def _table_lines(table: Table, width: int | None) -> list[str]:
    widths = _widths(table)
    head = [column.head for column in table.columns]
    lines = [_line(table, widths, cells) for cells in (head, *([visible(c) for c in row] for row in table.cells))]
    rule = "-" * min(width or 10**6, max(map(display_width, lines)))
    return [_cut(line, width) for line in (lines[0], rule, *lines[1:])]


def _line(table: Table, widths: Sequence[int], cells: Sequence[str]) -> str:
    parts = []
    for column, room, cell in zip(table.columns, widths, cells, strict=True):
        fill = " " * (room - display_width(cell))
        parts.append(fill + cell if column.right else cell + fill)
    return _GAP.join(parts).rstrip()


def _widths(table: Table) -> list[int]:
    rows = [[column.head for column in table.columns], *([visible(cell) for cell in row] for row in table.cells)]
    return [max(display_width(row[k]) for row in rows) for k in range(len(table.columns))]


def _width(table: Table) -> int:
    return sum(_widths(table)) + len(_GAP) * (len(table.columns) - 1)


def _cut(line: str, width: int | None) -> str:
    """The line, cut off if the terminal is narrower than two columns of the table."""
    if width is None or display_width(line) <= width:
        return line
    while display_width(line) > max(width, 2) - 1:
        line = line[:-1]
    return line + "…"


def _wrapped(text: str, width: int | None) -> list[str]:
    room = max(_NARROWEST, min(width or _WIDEST_TEXT, _WIDEST_TEXT))
    return textwrap.wrap(visible(text), room, subsequent_indent="    ", break_on_hyphens=False)
