"""The order of the lines of the table of runs, and which of them a filter leaves."""

from collections.abc import Callable, Sequence

from iqa_train.runs.state_names import ALIVE, FAILED, FINISHED, LOST, QUEUED, RUNNING
from iqa_tui.state.board import Board
from iqa_tui.state.table_lines import TableLine
from iqa_tui.widgets.run_cells import run_state_words, run_value

STUDY = "study"
ORDERS = {STUDY: "study order", "state": "state", "value": "value", "delta": "difference", "verdict": "verdict"}
"""In words; the others are the columns that they go by."""

TROUBLE = frozenset({FAILED, LOST})


def arranged(entries: Sequence[TableLine], board: Board, order: str, words: str) -> tuple[TableLine, ...]:
    """`entries` in another order, those of an experiment together; only what has all of the `words`, of any case."""
    blocks: list[list[TableLine]] = []
    for entry in entries:
        if entry.kind == "seed":
            blocks[-1].append(entry)
        else:
            blocks.append([entry])
    wanted = words.casefold().split()
    if wanted:
        blocks = [block for block in blocks if all(word in _text(block[0]) for word in wanted)]
    if order in _KEYS:
        blocks.sort(key=lambda block: _KEYS[order](block[0], board))
    return tuple(entry for block in blocks for entry in block)


def _text(entry: TableLine) -> str:
    """What a filter looks at: names, titles, states, seeds and devices of the runs."""
    words = [entry.run.experiment, entry.run.title]
    for run in entry.runs:
        words += [run_state_words(run), run.run.seed_words, (run.row.device if run.row else None) or ""]
    return " ".join(words).casefold()


def _by_state(entry: TableLine, _: Board) -> float:
    """What needs somebody first, then what runs, waits, is done and was never started."""
    return min(_rank(run.state) for run in entry.runs)


def _rank(state: str) -> int:
    if state in TROUBLE:
        return 0
    if state == RUNNING:
        return 2
    if state in ALIVE:
        return 3
    if state == QUEUED:
        return 4
    if state in FINISHED:
        return 5
    return 1 if state else 6


def _by_value(entry: TableLine, board: Board) -> tuple[bool, float]:
    """The best first."""
    value = entry.result.value if entry.kind == "experiment" and entry.result else run_value(entry.run, board)[0]
    return _best_first(value, board)


def _by_delta(entry: TableLine, board: Board) -> tuple[bool, float]:
    return _best_first(entry.result.delta if entry.result else None, board)


def _best_first(value: float | None, board: Board) -> tuple[bool, float]:
    if value is None:
        return True, 0.0
    if board.metric == "srcc":
        return False, -value
    from iqa_train.stats.registry import METRICS

    return False, -value if METRICS[board.metric].higher_is_better else value


def _by_verdict(entry: TableLine, _: Board) -> tuple[int, float]:
    """Better, worse, different, not decided, without a verdict; within each by p."""
    result = entry.result
    if result is None or result.distinguishable is None:
        return 4, 0.0
    if not result.distinguishable:
        return 3, 1.0 if result.p is None else result.p
    rank = 2 if result.better is None else 0 if result.better else 1
    return rank, 1.0 if result.p is None else result.p


_KEYS: dict[str, Callable[[TableLine, Board], tuple[float, float] | float]] = {
    "state": _by_state, "value": _by_value, "delta": _by_delta, "verdict": _by_verdict,
}  # fmt: skip
