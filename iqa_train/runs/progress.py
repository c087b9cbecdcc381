"""How far a run has come and how long it will take, read off its events."""

from dataclasses import dataclass, replace
from datetime import datetime

from iqa_train.errors import RunError
from iqa_train.runs.documents import AnyEvent, EpochEvent, ResultFacts, last_line, read_result, read_spec_facts
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.state import RunState, epoch_events
from iqa_train.schema import read_events

_TAILS = (1 << 12, 1 << 16)  # bytes at the end of the events in which the last one stands: nearly always, always
_LONGEST = 1e10  # seconds; what is more was not measured


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
    """The progress of a run in `state`. Files that are damaged leave unknown what they hold; the state says so."""
    planned = _planned(run)
    try:
        if state.finished:
            return _whole(read_result(run.result) or {}, planned)
        if not run.attempts():
            return RunProgress(epochs=planned)
        events = epoch_events(run)
        best = [event for event in events if event.get("best")]
        srcc, plcc = (best[-1].get("test_srcc"), best[-1].get("test_plcc")) if best else (None, None)
        known = RunProgress(len(events), planned, srcc, plcc=plcc)
        return _alive(run, known, events, suspended=state.suspended) if state.alive else known
    except (RunError, OSError):
        return RunProgress(epochs=planned)


def _planned(run: RunFolder) -> int | None:
    """Epochs of all rounds together."""
    try:
        settings = (read_spec_facts(run.spec) or {"settings": {}})["settings"]
    except (RunError, OSError):
        return None
    epochs, rounds = settings.get("epochs"), settings.get("train_test_num")
    return None if epochs is None or rounds is None else epochs * rounds


def _whole(result: ResultFacts, planned: int | None) -> RunProgress:
    rounds = result.get("rounds", [])
    return RunProgress(
        sum(r.get("epochs", 0) for r in rounds), planned, result.get("srcc"),
        float(sum(r.get("seconds", 0.0) for r in rounds)), 0.0, plcc=result.get("plcc"),
    )  # fmt: skip


def _alive(run: RunFolder, known: RunProgress, events: list[EpochEvent], *, suspended: bool) -> RunProgress:
    last = last_line(run.attempts()[-1].metrics, _TAILS) or {"event": ""}
    done, total = last.get("done", 0), last.get("total", 0)
    stage = f"{last.get('stage', '')} {100 * done // max(1, total)} %" if last["event"] == "progress" else ""
    whole = left = None
    took = [seconds for event in events if (seconds := event.get("seconds")) is not None]
    if known.epochs is not None and took:
        mean = sum(took) / len(took)
        spent = _between(events[-1].get("time", ""), last.get("time", ""))
        whole = mean * known.epochs
        left = max(0.0, whole - mean * len(events) - min(spent, mean))
    elif known.epochs is not None and not events and (training := _first_training(run, last)):
        part, an_epoch = training
        whole, left = an_epoch * known.epochs, an_epoch * (known.epochs - part)
    if whole is not None and whole > _LONGEST:
        whole = left = None
    return replace(known, seconds=whole, seconds_left=None if suspended else left, stage=stage)


def _first_training(run: RunFolder, last: AnyEvent) -> tuple[float, float] | None:
    """Of the first epoch, what part is trained and how many seconds all of it takes; kept while it is validated."""
    events = [last]
    if last["event"] == "progress" and last.get("stage") != "training":
        events = list(read_events(run.attempts()[-1].metrics, AnyEvent, last=_TAILS[-1]))
    for event in reversed(events):
        total, rate = event.get("total", 0), event.get("rate")
        if event.get("stage") == "training" and total and rate:
            return event.get("done", 0) / total, total / rate
    return None


def _between(earlier: str, later: str) -> float:
    """Seconds; 0 where a time is missing or is none."""
    try:
        return max(0.0, (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds())
    except (ValueError, TypeError):
        return 0.0
