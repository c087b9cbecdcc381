"""Which result of a run counts: a run that is run again keeps the result that it had until the new one is complete."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from iqa_train.runs.document_cache import Damage, undamaged
from iqa_train.runs.documents import EpochEvent, ProvenanceFacts, ResultFacts
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.metrics import merged_epochs
from iqa_train.runs.snapshot import RunSnapshot
from iqa_train.runs.state import state_of


@dataclass(frozen=True)
class CountedResult:
    """A result, the number of its attempt, and the folder in which it and its predictions lie.

    `set_aside`: the run has been started over since, without a result so far.
    """

    result: ResultFacts
    attempt: int
    folder: RunFolder
    set_aside: bool = False
    provenance: ProvenanceFacts | None = None


def counted_result(found: RunSnapshot) -> CountedResult | None:
    """The result of the last attempt, else of the last that had finished before the run was started over."""
    if state_of(found).finished:
        number = found.last.number if found.last is not None else 0
        return CountedResult(undamaged(found.result) or ResultFacts(), number, found.run)
    for attempt in reversed(found.known_attempts):
        if attempt.has_result:
            kept = RunFolder(attempt.files.folder)
            result, provenance = undamaged(attempt.result), undamaged(attempt.provenance)
            return CountedResult(result or ResultFacts(), attempt.number, kept, True, provenance)
    return None


def epochs_of(found: RunSnapshot, until: int | None = None) -> list[EpochEvent] | None:
    """`merged_epochs` of the run, or of its attempts up to number `until`, before they were set aside.

    None where a file of one of its attempts cannot be read.
    """
    attempts = []
    for attempt in found.known_attempts:
        if until is not None and attempt.number > until:
            break
        if isinstance(attempt.metrics, Damage) or (isinstance(attempt.runner, Damage) and attempt.runner.unreadable):
            return None
        epochs = () if attempt.metrics is None else attempt.metrics.epochs
        attempts.append((attempt.facts, epochs, attempt.set_aside and attempt.number != until))
    return merged_epochs(attempts)


def counted_epochs(found: RunSnapshot) -> list[EpochEvent] | None:
    """The epochs of the attempts that the counted result comes from; without a result, all since the last start."""
    counted = counted_result(found)
    return epochs_of(found, counted.attempt if counted is not None and counted.set_aside else None)


@dataclass(frozen=True)
class SelectedEpoch:
    """The epoch that is selected so far, on validation. `number` counts the epochs of all rounds."""

    number: int
    event: EpochEvent


def selected_epoch(events: Sequence[EpochEvent]) -> SelectedEpoch | None:
    """The selected one of the epochs of a run, in their order; None before the first."""
    for at, event in reversed(list(enumerate(events, 1))):
        if event.get("best"):
            return SelectedEpoch(event["epoch"] if event["round"] == 1 else at, event)
    return None


def measured_mean(result: ResultFacts, measure: Literal["srcc", "plcc"]) -> float | None:
    """The mean over rounds, as tables of results have it; result.json itself has the median."""
    rounds = [value for one in result.get("rounds", []) if (value := one.get("test", {}).get(measure)) is not None]
    return fmean(rounds) if len(rounds) > 1 else result.get(measure)
