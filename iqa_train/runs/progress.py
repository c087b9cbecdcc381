"""How far a run has come and how long it will take, from its events."""

from dataclasses import dataclass, replace
from datetime import datetime

from iqa_train.runs.counted_result import CountedResult, counted_result, epochs_of, measured_mean, selected_epoch
from iqa_train.runs.document_cache import Damage
from iqa_train.runs.documents import EpochEvent, ResultFacts
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.metrics import Metrics
from iqa_train.runs.snapshot import RunSnapshot, read_snapshot
from iqa_train.runs.state import RunState
from iqa_train.runs.state_names import FAILED

_LONGEST = 1e10  # seconds; what is more was not measured


@dataclass(frozen=True)
class RunProgress:
    """Epochs done of epochs planned, all rounds together; None where nothing is known.

    `srcc` and `plcc` are those of the result that counts; without one, test's at `selected`, the epoch selected so far.
    `again`: that result is of an earlier attempt, and the run is run again. `seconds` (all of it) and `seconds_left`
    are measured from the run's own epochs; early stopping can only make them less. `stage` is what is being done, such
    as "training 34 %".
    """

    epoch: int | None = None
    epochs: int | None = None
    srcc: float | None = None
    seconds: float | None = None
    seconds_left: float | None = None
    stage: str = ""
    plcc: float | None = None
    selected: int | None = None
    again: bool = False


def run_progress(run: RunFolder, state: RunState) -> RunProgress:
    """The progress of `run` now, which is in `state`."""
    return progress_of(read_snapshot(run), state)


def progress_of(found: RunSnapshot, state: RunState) -> RunProgress:
    """The progress of a run in `state`. What a damaged file holds stays unknown; the state says what is wrong."""
    planned = _planned(found)
    if state.finished:
        return RunProgress(epochs=planned) if isinstance(found.result, Damage) else _whole(found.result or {}, planned)
    counted = counted_result(found)
    events = [] if counted is not None and not counted.set_aside else epochs_of(found)  # it waits to be run again
    if events is None or found.last is None:
        return _with_result(RunProgress(epochs=planned), counted)
    known = RunProgress(len(events), planned)
    if (best := selected_epoch(events)) is not None and state.name != FAILED:  # which selects nothing any more
        srcc, plcc = best.event.get("test_srcc"), best.event.get("test_plcc")
        known = replace(known, srcc=srcc, plcc=plcc, selected=best.number)
    known = _with_result(known, counted)
    metrics = found.last.metrics
    if not state.alive or isinstance(metrics, Damage):
        return known
    return _alive(known, events, metrics or Metrics(), suspended=state.suspended)


def _with_result(known: RunProgress, counted: CountedResult | None) -> RunProgress:
    """With the result that counts, if there is one already."""
    if counted is None:
        return known
    srcc, plcc = measured_mean(counted.result, "srcc"), measured_mean(counted.result, "plcc")
    return replace(known, srcc=srcc, plcc=plcc, selected=None, again=True)


def _planned(found: RunSnapshot) -> int | None:
    """Epochs of all rounds together."""
    if found.spec is None or isinstance(found.spec, Damage):
        return None
    settings = found.spec["settings"]
    epochs, rounds = settings.get("epochs"), settings.get("train_test_num")
    return None if epochs is None or rounds is None else epochs * rounds


def _whole(result: ResultFacts, planned: int | None) -> RunProgress:
    rounds = result.get("rounds", [])
    return RunProgress(
        sum(r.get("epochs", 0) for r in rounds), planned, measured_mean(result, "srcc"),
        float(sum(r.get("seconds", 0.0) for r in rounds)), 0.0, plcc=measured_mean(result, "plcc"),
    )  # fmt: skip


def _alive(known: RunProgress, events: list[EpochEvent], metrics: Metrics, *, suspended: bool) -> RunProgress:
    last = metrics.last or {"event": ""}
    done, total = last.get("done", 0), last.get("total", 0)
    stage = f"{last.get('stage', '')} {100 * done // max(1, total)} %" if last["event"] == "progress" else ""
    whole = left = None
    took = [seconds for event in events if (seconds := event.get("seconds")) is not None]
    if known.epochs is not None and took:
        mean = sum(took) / len(took)
        spent = _between(events[-1].get("time", ""), last.get("time", ""))
        whole = mean * known.epochs
        left = max(0.0, whole - mean * len(events) - min(spent, mean))
    elif known.epochs is not None and not events and (training := _first_training(metrics)):
        part, an_epoch = training
        whole, left = an_epoch * known.epochs, an_epoch * (known.epochs - part)
    if whole is not None and whole > _LONGEST:
        whole = left = None
    return replace(known, seconds=whole, seconds_left=None if suspended else left, stage=stage)


def _first_training(metrics: Metrics) -> tuple[float, float] | None:
    """Of the first epoch, what part is trained and how many seconds all of it takes; kept while it is validated."""
    event, last = metrics.training, metrics.last
    if event is None or last is None or last["event"] != "progress":
        return None
    total, rate = event.get("total", 0), event.get("rate")
    return (event.get("done", 0) / total, total / rate) if total and rate else None


def _between(earlier: str, later: str) -> float:
    """Seconds; 0 where a time is missing or is none."""
    try:
        return max(0.0, (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds())
    except (ValueError, TypeError):
        return 0.0
