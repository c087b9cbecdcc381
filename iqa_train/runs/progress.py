"""How far a run has come and how long it will take, read off its events."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from iqa_train.errors import RunError
from iqa_train.files import read_json, read_lines
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.state import RunState, epoch_events

_TAILS = (1 << 12, 1 << 16)  # bytes at the end of the events in which the last one stands: nearly always, always


@dataclass(frozen=True)
class RunProgress:
    """Epochs done of epochs planned, all rounds together; None where nothing is known.

    `srcc` and `plcc` are test's at the best validation epoch so far, or the result. `seconds` (all of it) and
    `seconds_left` are measured from the run's own epochs; early stopping can only make them less. `stage` says what is
    being done, such as "training 34 %".
    """

    epoch: int | None = None
    epochs: int | None = None
    srcc: float | None = None
    seconds: float | None = None
    seconds_left: float | None = None
    stage: str = ""
    plcc: float | None = None


def run_progress(run: RunFolder, state: RunState) -> RunProgress:
    """The progress of a run in `state`."""
    try:
        settings = (read_json(run.spec) or {}).get("settings", {})
        planned = settings["epochs"] * settings["train_test_num"] if settings else None
        if state.finished:
            result = read_json(run.result) or {}
            rounds = result.get("rounds", [])
            took = float(sum(r["seconds"] for r in rounds))
            return RunProgress(
                sum(r["epochs"] for r in rounds), planned, result.get("srcc"), took, 0.0, plcc=result.get("plcc")
            )
        if not run.attempts():
            return RunProgress(epochs=planned)
        events = epoch_events(run)
        best = [event for event in events if event["best"]]
        srcc, plcc = (best[-1]["test_srcc"], best[-1].get("test_plcc")) if best else (None, None)
        known = RunProgress(len(events), planned, _number(srcc), plcc=_number(plcc))
        return _alive(run, known, events) if state.alive else known
    except (
        RunError,
        OSError,
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
    ):  # files of something else, or damaged: the state says so
        return RunProgress()


def _alive(run: RunFolder, known: RunProgress, events: list[dict[str, Any]]) -> RunProgress:
    last = _last_event(run)
    stage = ""
    seconds = left = None
    if last is not None and last.get("event") == "progress":
        stage = f"{last['stage']} {100 * last['done'] // max(1, last['total'])} %"
    if known.epochs is not None and events:
        mean = sum(event["seconds"] for event in events) / len(events)
        spent = _between(events[-1]["time"], last["time"]) if last is not None else 0.0
        seconds = mean * known.epochs
        left = max(0.0, seconds - mean * len(events) - min(spent, mean))
    elif known.epochs is not None and last is not None and last.get("stage") == "training" and last.get("rate"):
        an_epoch = last["total"] / last["rate"]
        seconds, left = an_epoch * known.epochs, an_epoch * (known.epochs - last["done"] / last["total"])
    return replace(known, seconds=seconds, seconds_left=left, stage=stage)


def _last_event(run: RunFolder) -> dict[str, Any] | None:
    metrics = run.attempts()[-1].metrics
    for tail in _TAILS:
        events = list(read_lines(metrics, last=tail))
        if events:
            return events[-1]
    return None


def _number(value: object) -> float | None:
    """None for what is no number, in a file that somebody has changed."""
    return float(value) if isinstance(value, int | float) else None


def _between(earlier: str, later: str) -> float:
    return max(0.0, (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds())
