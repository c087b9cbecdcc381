"""Which keys of the study screen would do nothing in the present state, so that none of them is advertised."""

from collections.abc import Collection

from iqa_train.runs.state_names import FAILED, FINISHED, LOST
from iqa_tui.state.attempt_log import attempts_of
from iqa_tui.state.board import Board, RunLine


def idle_keys(board: Board, chosen: Collection[RunLine], log: bool) -> set[str]:
    """Their ids; `chosen` are the runs that keys act on, `log` whether a log is shown."""
    lines = board.lines
    useful = {
        "runs.start": any(not line.is_open and line.state not in FINISHED and not line.external for line in lines),
        "runs.stop": any(line.is_open for line in chosen),
        "runs.relaunch": any(line.state and not line.is_open and not line.external for line in chosen),
        "runs.open": bool(chosen),
        "runs.copy": bool(chosen),
        "runs.mark": len(lines) > 1,
        "runs.filter": len(lines) > 1,
        "runs.sort": len(lines) > 1,
        "runs.seeds": board.has_seeds,
        "runs.next-failed": any(line.state in {FAILED, LOST} for line in lines),
        "view.compare": sum(bool(line.state) for line in lines) > 1,
        "results.export": board.results is not None,
        "queue.pause": board.paused or board.needs_scheduler or any(line.is_open for line in lines),
        "view.plot": any(curve.points for curve in board.curves),
    }
    logs = ("search", "filter", "follow", "wrap", "next_result", "next_trouble")
    useful |= {f"log.{name}": log for name in logs}
    several = any(attempts_of(line) > 1 for line in chosen)
    useful |= {"log.earlier": several, "log.later": several}
    return {name for name, use in useful.items() if not use}
