"""metrics.jsonl: the events of an attempt, and the epochs of a run over all its attempts."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from iqa_train.files import DamagedFileError
from iqa_train.regular import NotRegularError, open_regular, unless_stale
from iqa_train.runs.attempt_facts import read_runner_info
from iqa_train.runs.documents import AnyEvent, EndEvent, EpochEvent, RunnerFacts
from iqa_train.runs.layout import RunFolder
from iqa_train.schema import events_in

_ANCHOR = 64  # bytes before the end of what was read that must still be there for the rest to be its continuation


@dataclass(frozen=True)
class Metrics:
    """`last` is the last event of any kind, `training` the last report of progress in training, with its speed."""

    epochs: tuple[EpochEvent, ...] = ()
    last: AnyEvent | None = None
    training: AnyEvent | None = None
    end: EndEvent | None = None

    def followed_by(self, lines: list[bytes]) -> "Metrics":
        """With the events of further lines."""
        epochs = self.epochs + tuple(events_in((x for x in lines if b'"event": "epoch"' in x), EpochEvent))
        ends = list(events_in((x for x in lines if b'"event": "end"' in x), EndEvent))
        last = next(events_in(reversed(lines), AnyEvent), self.last)
        training = None
        if not epochs:
            latest = events_in((x for x in reversed(lines) if b'"training"' in x), AnyEvent)
            training = next((x for x in latest if _has_speed(x)), self.training)
        return Metrics(epochs, last, training, ends[-1] if ends else self.end)


def _has_speed(event: AnyEvent) -> bool:
    return event.get("stage") == "training" and bool(event.get("total")) and bool(event.get("rate"))


@dataclass(frozen=True)
class MetricsFile:
    """The events up to `offset`, where the first line begins that is not ended yet."""

    metrics: Metrics = Metrics()
    inode: int = 0
    offset: int = 0
    anchor: bytes = b""

    @classmethod
    def read(cls, path: Path, before: "MetricsFile | None" = None) -> "MetricsFile":
        """All of it, or what follows `before`. Raises DamagedFileError and OSError."""
        return unless_stale(lambda: cls._read(path, before))

    @classmethod
    def _read(cls, path: Path, before: "MetricsFile | None") -> "MetricsFile":
        try:
            descriptor = open_regular(path, follow=True)
        except NotRegularError as error:
            raise DamagedFileError(f"{path} is damaged ({error.strerror})") from None
        with os.fdopen(descriptor, "rb") as file:
            inode = os.fstat(descriptor).st_ino
            start = cls()
            if before is not None and before.inode == inode:
                file.seek(before.offset - len(before.anchor))
                if file.read(len(before.anchor)) == before.anchor:
                    start = before
            file.seek(start.offset)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        anchor = (start.anchor + whole)[-_ANCHOR:]
        metrics = start.metrics.followed_by(whole.split(b"\n")[:-1]) if whole else start.metrics
        return cls(metrics, inode, start.offset + len(whole), anchor)


def epochs_until_taken_over(
    attempts: Sequence[tuple[int, RunnerFacts, tuple[EpochEvent, ...]]],
) -> list[tuple[EpochEvent, ...]]:
    """The epochs of each attempt (its number, its runner's facts, its epochs) without those that it wrote after a later
    one had taken its place: they were left out of what that one continued from."""
    kept = []
    for number, _, epochs in attempts:
        counts = [facts.get("took_over", {}).get(str(number), len(epochs)) for _, facts, _ in attempts]
        kept.append(epochs[: min(counts)])
    return kept


def merged_epochs(attempts: Iterable[tuple[RunnerFacts, Iterable[EpochEvent], bool]]) -> list[EpochEvent]:
    """Every epoch since the run last started over, once each, by round and epoch.

    Of each attempt: its runner's facts, its epochs, and whether its results were set aside for the next to start over.
    """
    events: dict[tuple[int, int], EpochEvent] = {}
    for runner, epochs, set_aside in attempts:
        if runner and not runner.get("resumed", True):
            events.clear()  # it started over
        for event in epochs:
            events[event["round"], event["epoch"]] = event
        if set_aside:  # even without an exit
            events.clear()
    return [events[key] for key in sorted(events)]


def epoch_events(run: RunFolder) -> list[EpochEvent]:
    """`merged_epochs` of a run's files now. Raises DamagedFileError and OSError."""
    attempts = run.attempts()
    facts = [read_runner_info(attempt) for attempt in attempts]
    found = [(tried.number, known, epochs_in(tried.metrics)) for tried, known in zip(attempts, facts, strict=True)]
    set_aside = [bool(RunFolder(attempt.folder).outcome()) for attempt in attempts]
    return merged_epochs(zip(facts, epochs_until_taken_over(found), set_aside, strict=True))


def epochs_in(path: Path) -> tuple[EpochEvent, ...]:
    """The epochs in a metrics file; none if it is missing. Raises DamagedFileError and OSError."""
    try:
        return MetricsFile.read(path).metrics.epochs
    except FileNotFoundError:
        return ()
