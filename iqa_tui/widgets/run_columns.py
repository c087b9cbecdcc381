"""The columns of the table of runs, and which are dropped first if there is no room."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len

from iqa_train.runs.state_names import FINISHED
from iqa_tui.safe import plain
from iqa_tui.state.board import Board
from iqa_tui.state.table_lines import TableLine
from iqa_tui.widgets import run_cells as cells
from iqa_tui.widgets.glyphs import NONE

GAP = 2
VERDICTS = {"verdict", "short-verdict"}


@dataclass(frozen=True)
class Column:
    """`rank`: columns with the highest are dropped first. `instead`: the wider column that this one can replace.

    `least`: columns that it always has, so that the table does not jump when cells are filled; `kept`: it is there
    before it has content.
    """

    key: str
    head: str
    rank: int
    cell: Callable[[TableLine, Board], str]
    right: bool = False
    instead: str = ""
    widest: int = 60
    least: int = 0
    kept: bool = False


@dataclass(frozen=True)
class Grid:
    """The columns that fit, their widths, and the cells of each line."""

    columns: tuple[Column, ...]
    widths: tuple[int, ...]
    cells: tuple[tuple[str, ...], ...]


def grid(entries: Sequence[TableLine], board: Board, width: int) -> Grid:
    """The table of `entries` in `width` terminal columns, without the least important columns if needed."""
    texts = {c.key: [plain(c.cell(entry, board)) for entry in entries] for c in COLUMNS}
    columns = [_headed(c, board) for c in COLUMNS if not c.instead and _is_there(c, texts[c.key], entries)]
    while _width(columns, texts) > width and len(columns) > 2:
        least = max(columns, key=lambda column: column.rank)
        shorter = next((c for c in COLUMNS if c.instead == least.key), None)
        at = columns.index(least)
        columns[at : at + 1] = [_headed(shorter, board)] if shorter else []
    widths = [_column_width(c, texts[c.key]) for c in columns]
    room = width - sum(widths) - GAP * len(widths)
    for n, column in enumerate(columns):
        if column.key == "title" and room > 0:
            widths[n] = min(widths[n] + room, max(map(cell_len, texts["title"]), default=0) or widths[n])
    rows = [tuple(texts[c.key][n] for c in columns) for n in range(len(entries))]
    return Grid(tuple(columns), tuple(widths), tuple(rows))


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


def _is_there(column: Column, texts: Sequence[str], entries: Sequence[TableLine]) -> bool:
    if column.key == "seed":
        return len(set(texts) - {""}) > 1
    if column.key == "eta":
        return any(run.state not in FINISHED for entry in entries for run in entry.runs)
    return column.kept or any(text not in {"", NONE} for text in texts)


def _column_width(column: Column, texts: Sequence[str]) -> int:
    return min(column.widest, max([len(column.head), column.least, *map(cell_len, texts)]))


def _width(columns: Sequence[Column], texts: dict[str, list[str]]) -> int:
    return sum(_column_width(c, texts[c.key]) + GAP for c in columns)


COLUMNS = (
    Column("number", "#", 1, cells.number_cell, right=True, kept=True),
    Column("experiment", "Experiment", 0, cells.experiment_cell, widest=24, kept=True),
    Column("title", "Title", 13, cells.title_cell, widest=30),
    Column("seed", "Seed", 4, cells.seed_cell, right=True),
    Column("state", "State", 2, cells.state_cell, least=13, widest=36, kept=True),
    Column("device", "Device", 10, cells.device_cell, widest=20, kept=True),
    Column("on", "On", 7, cells.short_device_cell, instead="device", widest=12),
    Column("job", "Slurm job", 9, cells.job_cell, widest=40),
    Column("epoch", "Epoch", 6, cells.epoch_cell, right=True, kept=True),
    Column("value", "SRCC", 1, cells.value_cell, right=True, least=8, kept=True),
    Column("sd", "Seed SD", 6, cells.sd_cell, right=True),
    Column("other", "PLCC", 11, cells.other_cell, right=True, least=8),
    Column("delta", "Δ baseline [95 %]", 9, cells.delta_cell, kept=True),
    Column("short-delta", "Δ base", 3, cells.short_delta_cell, right=True, instead="delta", least=7),
    Column("expected", "Expected", 12, cells.expected_cell),
    Column("verdict", "Verdict", 10, lambda entry, _: cells.verdict_cell(entry), least=36, kept=True),
    Column(
        "short-verdict",
        "Verdict",
        5,
        lambda entry, _: cells.verdict_cell(entry, brief=True),
        instead="verdict",
        least=20,
        widest=cells.BRIEFEST,
    ),
    Column("eta", "ETA", 8, cells.eta_cell, right=True, least=8),
)
