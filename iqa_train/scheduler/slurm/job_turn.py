"""Whether a run that a job was submitted for is to be started now: a pure function of the queue and of the run."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from iqa_train.runs.snapshot import RunSnapshot
from iqa_train.scheduler.item_status import ItemStatus, status_of
from iqa_train.scheduler.queue import Item, Queue, batch_words
from iqa_train.slurm.this_job import ThisJob


@dataclass(frozen=True)
class Due:
    """An attempt that is due: its number, and the earlier one that it may replace although that may be alive."""

    item: Item
    attempt: int
    supersedes: int | None = None


@dataclass(frozen=True)
class NotDue:
    """Why no attempt is made. `missing`: the queue does not have the run, or not yet as it is seen from this node."""

    words: str
    missing: bool = False


def attempt_due(
    key: str, after: int | None, queue: Queue, found: Mapping[str, RunSnapshot], job: ThisJob, gone: Mapping[str, bool]
) -> Due | NotDue:
    """The attempt that `job` is to make at the run `key`, which it was submitted for after attempt number `after`.

    `found` has snapshots of the job's runs and of those in earlier batches; `gone` says of other jobs, by their names,
    whether Slurm says that they have ended; of what it does not name, nothing is known.
    """
    item = next((item for item in queue.items if item.key == key), None)
    if item is None:
        return NotDue("it is not in the queue", missing=True)
    if item.after != after:
        return NotDue("it was queued once more, for another job")
    if queue.paused:
        return NotDue("the queue is paused")
    statuses = {other.key: status_of(other, found[other.key]) for other in queue.items if other.key in found}
    status = statuses[key]
    if status.phase == "settled":
        return NotDue(f"{status.state.name}: {status.state.reason}".rstrip(": "))
    replaced = superseded_attempt(found[key], job, gone)
    if status.phase == "running" and replaced is None:
        return NotDue(f"another process works on it ({status.state.reason or status.state.name})")
    if earlier := _earlier_batch(item, queue, statuses):
        return NotDue(f"it waits for {earlier}")
    return Due(item, status.attempt, replaced)


def superseded_attempt(found: RunSnapshot, job: ThisJob, gone: Mapping[str, bool]) -> int | None:
    """The number of the last attempt if it has not ended but was part of a job that is over; None otherwise.

    Over are an earlier start of this very job, which Slurm has put in its place, and jobs that Slurm says are gone.
    """
    last = found.last
    facts = last.facts.get("slurm") if last is not None and found.exit is None else None
    if last is None or not facts:
        return None
    if facts["job"] == job.label:
        return last.number if facts["restarts"] < job.restarts or facts["id"] != job.id else None
    return last.number if gone.get(facts["job"]) else None


def jobs_in_question(keys: Iterable[str], found: Mapping[str, RunSnapshot], job: ThisJob) -> set[str]:
    """The names of other jobs that the last attempts of these runs are part of, as far as they have not ended."""
    lasts = [found[key] for key in keys if key in found and found[key].last is not None and found[key].exit is None]
    facts = [one.last.facts.get("slurm") for one in lasts if one.last is not None]
    return {one["job"] for one in facts if one and one["job"] != job.label}


def _earlier_batch(item: Item, queue: Queue, statuses: Mapping[str, ItemStatus]) -> str:
    """An earlier batch that is not settled; "" if there is none, or if batches do not count."""
    if queue.policy != "batches":
        return ""
    earlier = [other for other in queue.items if other.batch < item.batch]
    open_ = [other for other in earlier if statuses[other.key].phase != "settled"]
    first = min(open_, key=lambda other: other.batch, default=None)
    return "" if first is None else batch_words([other for other in open_ if other.batch == first.batch])
