"""The columns of the table of runs, and which are dropped first if there is no room.

Which columns there are depends on the terminal's width and on the study, not on what the cells hold at the moment, so
that nothing jumps while runs start and end.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len, set_cell_size

from iqa_train.runs.state_names import OPEN
from iqa_tui.safe import plain
from iqa_tui.state.board import Board
from iqa_tui.state.table_lines import TableLine
from iqa_tui.widgets import run_cells as cells
from iqa_tui.widgets.glyphs import NONE

GAP = 2
VERDICTS = {"verdict", "short-verdict"}
_TITLE, _SHORT_TITLE = 28, 16  # terminal columns that titles have at least
_CUT_TITLES_FROM = 13  # rank
_SMALL = ("number", "on")


@dataclass(frozen=True)
class Column:
    """`rank`: columns with the highest are dropped first. `instead`: the wider column that this one can replace.

    `least`: terminal columns that it always has. `flexible`: it may be cut, and has more where there is room; the
    others are as wide as their content. `before`: its numbers are aligned at the decimal point, with room for this much
    before it.
    """

    key: str
    head: str
    rank: int
    cell: Callable[[TableLine, Board], str]
    right: bool = False
    instead: str = ""
    widest: int = 60
    least: int = 0
    flexible: bool = False
    before: int = 0


@dataclass(frozen=True)
class Grid:
    """The columns that fit, their widths, and the cells of each line."""

    columns: tuple[Column, ...]
    widths: tuple[int, ...]
    cells: tuple[tuple[str, ...], ...]


def grid(entries: Sequence[TableLine], board: Board, width: int) -> Grid:
    """The table of `entries` in `width` terminal columns, without the least important columns if needed."""
    texts = {c.key: [plain(c.cell(entry, board)) for entry in entries] for c in COLUMNS}
    texts |= {c.key: at_the_point(texts[c.key], c.before, c.least) for c in COLUMNS if c.before}
    content = {key: max(map(cell_len, found), default=0) for key, found in texts.items()}
    there = [c for c in COLUMNS if not c.instead and _is_there(c, texts[c.key], entries, board)]
    columns = [_headed(c, board) for c in _fitting(there, content, board, width)]
    widths = _stretched(columns, content, board, width)
    for column in [
        c for c in columns if c.key == "other" or (c.key in {"eta", "stage"} and set(texts[c.key]) <= {NONE})
    ]:
        if _is_cut(columns, widths, content):
            columns.remove(column)
            widths = _stretched(columns, content, board, width)
    rows = [tuple(texts[c.key][n] for c in columns) for n in range(len(entries))]
    return Grid(tuple(columns), tuple(widths), tuple(rows))


def _fitting(columns: list[Column], content: dict[str, int], board: Board, width: int) -> list[Column]:
    """Without the least important ones; titles are cut before an important one is dropped."""
    nominal = content | {"title": min(content["title"], _TITLE)}

    def fits(chosen: Sequence[Column]) -> bool:
        return sum(_column_width(c, nominal[c.key], board) + GAP for c in chosen) <= width

    while not fits(columns) and len(columns) > 2:
        least = max(columns, key=lambda column: column.rank)
        if least.rank < _CUT_TITLES_FROM and nominal["title"] > _SHORT_TITLE:
            nominal["title"] = _SHORT_TITLE
            continue
        shorter = [c for c in COLUMNS if c.instead == least.key]
        at = columns.index(least)
        columns = [*columns[:at], *shorter, *columns[at + 1 :]]
    for column in (c for c in COLUMNS if c.key in _SMALL):  # room that the last one left
        if not any(c.key in {column.key, column.instead} for c in columns) and fits([*columns, column]):
            columns = sorted([*columns, column], key=lambda c: _ORDER[c.key])
    return columns


def at_the_point(texts: Sequence[str], before: int = 1, width: int = 0) -> list[str]:
    """`texts` padded so that the decimal points of their numbers are below each other; a dash ends before them.

    Nothing moves when longer ones come, up to `before` terminal columns before the point and `width` in all.
    """
    own = [cell_len(text.partition(".")[0]) for text in texts]
    most = max(before, *own, 0)
    padded = [" " * (most - length) + text for length, text in zip(own, texts, strict=True)]
    whole = max(width, *map(cell_len, padded), 0)
    return [set_cell_size(text, whole) for text in padded]


def _headed(column: Column, board: Board) -> Column:
    """The column; its head says of verdicts that they promise less, and names a metric that is not the usual one."""
    if column.key in VERDICTS and board.results is not None:
        mark = "exploratory" if board.results.exploratory else "secondary" if board.results.secondary else ""
        return replace(column, head=f"{column.head}, {mark}") if mark else column
    if column.key in {"value", "other", "delta", "short-delta"} and board.metric != "srcc":
        from iqa_train.stats.registry import METRICS

        label = METRICS[board.metric].label
        return replace(column, head={"value": label, "other": "SRCC"}.get(column.key, f"Δ {label}"))
    return column


def _is_there(column: Column, texts: Sequence[str], entries: Sequence[TableLine], board: Board) -> bool:
    """Whether the study has anything for the column."""
    runs = [run for entry in entries for run in entry.runs]
    match column.key:
        case "title":
            return any(texts)
        case "seed":
            return board.has_seeds or len(set(texts) - {""}) > 1
        case "sd":
            return board.has_seeds
        case "job":
            return any(text != NONE for text in texts) or any(
                run.state in OPEN
                and run.row is not None
                and run.row.item is not None
                and run.row.item.slurm is not None
                for run in runs
            )
        case "expected":
            return board.expects or any(text != NONE for text in texts)
        case "eta" | "stage":
            return any(not run.state or run.state in OPEN for run in runs)
    return True


def _column_width(column: Column, content: int, board: Board) -> int:
    least = column.least
    if column.key == "epoch" and board.epochs:
        least = 2 * len(str(board.epochs)) + 1
    if column.key == "title":
        least = min(content, _TITLE)
    least = max(least, len(column.head))
    return least if column.flexible else min(column.widest, max(least, content))


def _stretched(columns: Sequence[Column], content: dict[str, int], board: Board, width: int) -> list[int]:
    """The widths; flexible columns share the rest of the room, verdicts first and titles last."""
    short = content | {"title": min(content["title"], _SHORT_TITLE)}
    widths = [_column_width(c, short[c.key], board) for c in columns]
    room = width - sum(widths) - GAP * len(widths)
    flexible = [n for n, column in enumerate(columns) if column.flexible]
    for n in sorted(flexible, key=lambda n: (columns[n].key == "title", columns[n].key not in VERDICTS)):
        wanted = min(columns[n].widest, content[columns[n].key])
        more = min(max(0, room), max(0, wanted - widths[n]))
        widths[n] += more
        room -= more
    return widths


def _is_cut(columns: Sequence[Column], widths: Sequence[int], content: dict[str, int]) -> bool:
    """Whether a verdict does not fit."""
    return any(
        content[column.key] > width for column, width in zip(columns, widths, strict=True) if column.key in VERDICTS
    )


COLUMNS = (
    Column("number", "#", 11, cells.number_cell, right=True),
    Column("experiment", "Experiment", 0, cells.experiment_cell, widest=24),
    Column("title", "Title", 9, cells.title_cell, widest=80, flexible=True),
    Column("seed", "Seed", 4, cells.seed_cell, right=True),
    Column("state", "State", 2, cells.state_cell, least=13, widest=36),
    Column("device", "Device", 15, cells.device_cell, least=10, widest=20, flexible=True),
    Column("on", "On", 12, cells.short_device_cell, instead="device", least=2, widest=12),
    Column("job", "Slurm job", 8, cells.job_cell, least=14, widest=40, flexible=True),
    Column("epoch", "Epoch", 6, cells.epoch_cell, right=True),
    Column("stage", "Now", 17, cells.stage_cell, least=15, widest=20, flexible=True),
    Column("value", "SRCC", 1, cells.value_cell, least=8, before=1),
    Column("trend", "By epoch", 16, cells.trend_cell, least=cells.TREND),
    Column("sd", "Seed SD", 7, cells.sd_cell, before=1),
    Column("other", "PLCC", 18, cells.other_cell, least=8, before=1),
    Column("delta", "Δ baseline [95 %]", 10, cells.delta_cell, least=26, before=2),
    Column("short-delta", "Δ base", 3, cells.short_delta_cell, instead="delta", least=7, before=2),
    Column("expected", "Expected", 14, cells.expected_cell, least=14),
    Column("verdict", "Verdict", 13, lambda entry, _: cells.verdict_cell(entry), least=36, flexible=True),
    Column(
        "short-verdict",
        "Verdict",
        5,
        lambda entry, _: cells.verdict_cell(entry, brief=True),
        instead="verdict",
        least=22,
        widest=cells.BRIEFEST,
        flexible=True,
    ),
    Column("eta", "ETA", 8, cells.eta_cell, right=True, least=8),
)
_ORDER = {column.key: n for n, column in enumerate(COLUMNS)}
