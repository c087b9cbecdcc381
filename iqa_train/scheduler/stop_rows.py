"""Stops several runs at once: first what waits leaves the queue, then what runs is asked to end."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from iqa_train.runs.state import run_state
from iqa_train.runs.state_names import OPEN, QUEUED
from iqa_train.scheduler.overview import Row
from iqa_train.scheduler.stop import WITHDRAWN, stop_item, stop_run, withdraw


def stop_rows(
    rows: Sequence[Row], runs_dir: Path, grace: float, waiting: Callable[[], None] = lambda: None
) -> list[tuple[Row, str]]:
    """Stop each of `rows`, wherever it stands; returns what came of it, in words, in their order.

    A worker has `grace` seconds for its checkpoint; `waiting` is called meanwhile, from several threads, and may raise
    to wait no more: what was asked of the runs stays asked. Raises RunError for a damaged queue, if one of them waits.
    """
    open_items = [row.item for row in rows if row.state in OPEN and row.item]
    withdrawn = withdraw(open_items, runs_dir) if open_items else set()  # or it starts in another's place

    def one(row: Row) -> str:
        if row.item is None or row.state not in OPEN:
            return stop_run(row.run, grace, waiting)
        if row.item.key in withdrawn and not run_state(row.run).alive:
            return WITHDRAWN
        return stop_item(row.item, runs_dir, grace, waiting, asked=row.state != QUEUED)

    with ThreadPoolExecutor(max(1, min(32, len(rows)))) as pool:
        return list(zip(rows, pool.map(one, rows), strict=True))
