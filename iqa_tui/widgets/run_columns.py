"""The columns of the table of runs: their cells, and which are dropped first if there is no room."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len

from iqa_train.report.numbers import given_span, measured, number
from iqa_train.runs.kind import EXTERNAL_MARK
from iqa_train.text import format_duration
from iqa_tui.safe import plain
from iqa_tui.state.board import Board, RunLine
from iqa_tui.widgets.glyphs import NONE, state_words

GAP = 2


@dataclass(frozen=True)
class Column:
    """`rank`: columns with the highest are dropped first. `instead`: the wider column that this one can replace."""

    key: str
    head: str
    rank: int
    cell: Callable[[RunLine, Board], str]
    right: bool = False
    instead: str = ""
    widest: int = 60


@dataclass(frozen=True)
class Grid:
    """The columns that fit, their widths, and the cells of each line."""

    columns: tuple[Column, ...]
    widths: tuple[int, ...]
    cells: tuple[tuple[str, ...], ...]


def grid(board: Board, width: int) -> Grid:
    """The table of `board` in `width` terminal columns, without the least important columns if needed."""
    texts = {c.key: [plain(c.cell(line, board)) for line in board.lines] for c in COLUMNS}
    columns = [_headed(c, board) for c in COLUMNS if not c.instead and _is_informative(c, texts[c.key])]
    while _width(columns, texts) > width and len(columns) > 2:
        least = max(columns, key=lambda column: column.rank)
        shorter = next((c for c in COLUMNS if c.instead == least.key), None)
        at = columns.index(least)
        columns[at : at + 1] = [_headed(shorter, board)] if shorter else []
    widths = [_column_width(c, texts[c.key]) for c in columns]
    rows = [tuple(texts[c.key][n] for c in columns) for n in range(len(board.lines))]
    return Grid(tuple(columns), tuple(widths), tuple(rows))


VERDICTS = {"verdict", "short-verdict"}
EXPECTED = {"within": "as expected", "below": "below expectation", "above": "above expectation"}


def verdict_cell(line: RunLine, *, brief: bool = False) -> str:
    """The verdict in a few words, and whether it was expected; the detail line has it in full."""
    result = line.result
    if result is None or result.value is None:
        return "pending" if line.is_open else NONE
    if result.provisional and line.is_open:
        return "pending"
    from iqa_train.results.verdict import conclusion  # numpy: slow to import, and loaded once there are results

    words = [conclusion(result, brief=brief)]
    if result.decision == "given up":
        words.append("given up")
    if not (brief and words[0]):
        words.append(EXPECTED.get(result.position or result.delta_position or "", ""))
    if result.provisional:
        words.append("provisional")
    return "; ".join(filter(None, words)) or ("the baseline" if line.is_baseline else "measured")


def _verdict(line: RunLine, *, brief: bool) -> str:
    return verdict_cell(line, brief=brief) if line.planned else NONE


def _headed(column: Column, board: Board) -> Column:
    """The column; its head says of verdicts that they promise less, and names a metric that is not the usual one."""
    if column.key in VERDICTS and board.results is not None:
        mark = "exploratory" if board.results.exploratory else "secondary" if board.results.secondary else ""
        return replace(column, head=f"{column.head}, {mark}") if mark else column
    if column.key in {"delta", "short-delta"} and board.metric != "srcc":
        from iqa_train.stats.registry import METRICS

        return replace(column, head=f"Δ {METRICS[board.metric].label}")
    return column


def _is_informative(column: Column, texts: Sequence[str]) -> bool:
    if column.key == "seed":
        return len(set(texts)) > 1
    return column.rank < 4 or any(text not in {"", NONE} for text in texts)


def _column_width(column: Column, texts: Sequence[str]) -> int:
    return min(column.widest, max([len(column.head), *map(cell_len, texts)]))


def _width(columns: Sequence[Column], texts: dict[str, list[str]]) -> int:
    return sum(_column_width(c, texts[c.key]) + GAP for c in columns)


def _epoch(line: RunLine, _: Board) -> str:
    if line.row is None or line.row.progress.epochs is None:
        return NONE
    return f"{line.row.progress.epoch or 0}/{line.row.progress.epochs}"


def _device(line: RunLine, _: Board) -> str:
    return (line.row.device or "") if line.row else ""


def _short_device(line: RunLine, board: Board) -> str:
    """`0` or `s0`; of another node, `n1:0` or `n1:s0`."""
    return _device(line, board).replace("CPU slot ", "s").replace(" GPU ", ":").replace(" s", ":s").removeprefix("GPU ")


def _job(line: RunLine, _: Board) -> str:
    """Slurm's job; while it waits with the reason, and when it is expected to start."""
    job = line.row.job if line.row else None
    if job is None or not job.job:
        return NONE
    if job.kind != "waiting":
        return job.job
    from iqa_train.slurm.reasons import at_clock

    start = f", {at_clock(job.start)}" if job.start is not None and job.start > time.time() else ""
    return f"{job.job} {job.reason or job.state}{start}"


def _srcc(line: RunLine, board: Board) -> str:
    """The run's value so far; for a run without files, that of its result."""
    if line.row is not None and line.row.progress.srcc is not None:
        return number(line.row.progress.srcc)
    result = line.result
    if result is None or result.value is None or line.row is not None or line.is_open:
        return NONE
    return number(result.value) if board.metric == "srcc" else NONE


def _plcc(line: RunLine, _: Board) -> str:
    plcc = line.row.progress.plcc if line.row else None
    return NONE if plcc is None else number(plcc)


def _delta(line: RunLine, board: Board) -> str:
    if line.is_baseline or line.result is None or line.result.delta is None or not line.planned:
        return NONE
    star = "*" if line.result.provisional else ""
    return measured(line.result.delta, line.result.delta_interval, signed=True) + star


def _short_delta(line: RunLine, board: Board) -> str:
    delta = _delta(line, board)
    star = "*" if delta.endswith("*") else ""
    return delta.partition(" [")[0].rstrip("*") + star


def _expected(line: RunLine, _: Board) -> str:
    return (given_span(line.result.expected) if line.result else "") or NONE


def _eta(line: RunLine, _: Board) -> str:
    if line.row is None or not line.is_open:
        return NONE
    return ("~" if line.row.eta_is_guess and line.row.eta_s is not None else "") + format_duration(line.row.eta_s, NONE)


def _title(line: RunLine, _: Board) -> str:
    if line.run.repeat > 1:
        return f"repeat {line.run.repeat}: other rounding"
    return line.title or ("other settings" if not line.planned else "")


COLUMNS = (
    Column("number", "#", 1, lambda line, _: str(line.number), right=True),
    Column(
        "experiment",
        "Experiment",
        0,
        lambda line, _: line.experiment + (EXTERNAL_MARK if line.external else ""),
        widest=24,
    ),
    Column("title", "Title", 13, _title, widest=30),
    Column("seed", "Seed", 4, lambda line, _: str(line.seed), right=True),
    Column("state", "State", 2, lambda line, _: state_words(line.state)),
    Column("device", "Device", 10, _device, widest=20),
    Column("on", "On", 7, _short_device, instead="device"),
    Column("job", "Slurm job", 9, _job, widest=40),
    Column("epoch", "Epoch", 6, _epoch, right=True),
    Column("srcc", "SRCC", 1, _srcc, right=True),
    Column("plcc", "PLCC", 11, _plcc, right=True),
    Column("delta", "Δ baseline [95 %]", 9, _delta),
    Column("short-delta", "Δ base", 3, _short_delta, right=True, instead="delta"),
    Column("expected", "Expected", 12, _expected),
    Column("verdict", "Verdict", 10, lambda line, _: _verdict(line, brief=False)),
    Column("short-verdict", "Verdict", 5, lambda line, _: _verdict(line, brief=True), instead="verdict", widest=26),
    Column("eta", "ETA", 8, _eta, right=True),
)
