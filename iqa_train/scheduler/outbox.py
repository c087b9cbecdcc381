"""Notifications that are not delivered yet: a file for each end, removed once every channel has taken it.

The file is written before the queue says that the end has been recorded, under a name that follows from the end: a
process killed in between leaves it to the next, which writes the same file. Killed between a delivery and its note,
it is delivered twice.
"""

import hashlib
import os
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, TypedDict

from iqa_train.errors import RunError
from iqa_train.files import SCHEMA_VERSION, read_json, write_json
from iqa_train.regular import real_path
from iqa_train.runs.layout import Outbox
from iqa_train.runs.snapshot import RunSnapshot
from iqa_train.scheduler.item_status import snapshots_of, status_of
from iqa_train.scheduler.notify import Notification
from iqa_train.scheduler.queue import Item, Queue
from iqa_train.schema import Span, build, require

PAUSES = (10.0, 60.0, 300.0, 900.0)  # seconds before a channel that failed is tried again; then it is given up


class _EntryFacts(TypedDict):
    news: dict[str, Any]
    taken: list[str]
    tries: Annotated[int, Span(0, len(PAUSES))]
    due: Annotated[float, Span(0, 1e12)]


@dataclass(frozen=True)
class Entry:
    """An end on its way: `taken` are the channels that have it, `due` is when the others are tried (time.time())."""

    path: Path
    notification: Notification
    taken: tuple[str, ...] = ()
    tries: int = 0
    due: float = 0.0

    @property
    def wait(self) -> float:
        """Seconds until it is due; a clock that was set back since makes it due now."""
        left = self.due - time.time()
        return left if left <= PAUSES[-1] else 0.0

    def save(self, runs_dir: Path) -> None:
        """Write it. Folders are named from the runs folder, which may be moved meanwhile."""
        notification = asdict(self.notification)
        for name in ("run_dir", "log"):
            notification[name] = os.path.relpath(notification[name], real_path(runs_dir)) if notification[name] else ""
        facts = {"taken": list(self.taken), "tries": self.tries, "due": self.due}
        self.path.parent.mkdir(exist_ok=True)  # but never the runs folder
        write_json(self.path, {"schema_version": SCHEMA_VERSION, "news": notification, **facts})


def entries(runs_dir: Path) -> list[Entry]:
    """Everything that is not delivered yet, the oldest first. What is damaged is set aside, as `NAME.damaged`."""
    found = []
    for path in Outbox(runs_dir).entries():
        try:
            document = read_json(path)
            if document is not None:
                found.append(_entry(path, document, runs_dir))
        except (RunError, ValueError):
            set_aside(path)
    return sorted(
        found, key=lambda entry: (entry.notification.time, not entry.notification.experiment, entry.path.name)
    )


def _entry(path: Path, document: dict[str, Any], runs_dir: Path) -> Entry:
    require(document, _EntryFacts)
    notification = build(Notification, document["news"])
    notification = replace(
        notification, run_dir=_here(notification.run_dir, runs_dir), log=_here(notification.log, runs_dir)
    )
    return Entry(path, notification, tuple(document["taken"]), document["tries"], document["due"])


def set_aside(path: Path) -> None:
    """Rename an entry that cannot be delivered to `NAME.damaged`."""
    with suppress(OSError):  # something else bears that name; the entry is passed over
        path.replace(path.with_suffix(".damaged"))


def _here(name: str, runs_dir: Path) -> str:
    return os.path.normpath(real_path(runs_dir) / name) if name else ""


Snapshots = Mapping[str, RunSnapshot]
"""Of the runs of a queue's items, by the items' keys, taken under the queue's lock; None: they are taken here."""


def is_due(queue: Queue, runs_dir: Path, found: Snapshots | None = None) -> bool:
    """Whether a scheduler has something to record or to deliver."""
    entries = Outbox(runs_dir).entries()
    return bool(entries or settled_studies(queue, runs_dir, found) or _unrecorded(queue, runs_dir, queue.items, found))


def settled_studies(queue: Queue, runs_dir: Path, found: Snapshots | None = None) -> list[str]:
    """The studies whose end is to be recorded: a run's end has been, and no run of them is open any more."""
    settled = []
    for study in queue.ended:
        items = [item for item in queue.items if item.study == study]
        runs = snapshots_of(items, runs_dir) if found is None else found
        if all(status_of(item, runs[item.key]).phase == "settled" for item in items):
            settled.append(study)
    return settled


def _unrecorded(
    queue: Queue, runs_dir: Path, items: Sequence[Item], found: Snapshots | None
) -> list[tuple[Item, RunSnapshot]]:
    """Those of `items` that have ended and whose end is to be recorded."""
    open_ = [item for item in items if not item.told and queue.notify.get(item.study)]
    found = snapshots_of(open_, runs_dir) if found is None else found
    pairs = [(item, found[item.key], status_of(item, found[item.key])) for item in open_]
    return [(item, run) for item, run, status in pairs if status.phase == "settled" and status.tried]


def with_ends_recorded(
    queue: Queue, runs_dir: Path, items: Sequence[Item] | None = None, found: Snapshots | None = None
) -> Queue:
    """The queue with its runs' ends recorded, of all its items or of some; to be called under its lock."""
    wanted = {item.key for item in (queue.items if items is None else items)}
    ended = _unrecorded(queue, runs_dir, [item for item in queue.items if item.key in wanted], found)
    for item, run in ended:
        key = f"{item.run} {max((a.number for a in run.known_attempts), default=0)} {item.after}"
        _record(Notification.of_run(item, status_of(item, run), runs_dir, run), key, runs_dir)
    keys = {item.key for item, _ in ended}
    updated = tuple(replace(item, told=True) if item.key in keys else item for item in queue.items)
    studies = dict.fromkeys([*queue.ended, *(item.study for item, _ in ended)])
    return replace(queue, items=updated, ended=tuple(studies))


def with_studies_recorded(
    queue: Queue, runs_dir: Path, studies: Sequence[str] | None = None, found: Snapshots | None = None
) -> Queue:
    """The queue with the ends of its studies recorded, of all or of some; to be called under its lock, once settled."""
    done = [study for study in queue.ended if studies is None or study in studies]
    for study in done:
        items = tuple(item for item in queue.items if item.study == study)
        if items and queue.notify.get(study):
            runs = snapshots_of(items, runs_dir) if found is None else found
            tried = [(item.run, len(runs[item.key].known_attempts), item.after) for item in items]
            _record(Notification.of_study(replace(queue, items=items), runs_dir, runs), repr(tried), runs_dir)
    return replace(queue, ended=tuple(study for study in queue.ended if study not in done))


def keep_ends(before: Queue, gone: Sequence[Item], after: Queue, runs_dir: Path) -> Queue:
    """`after`, with the ends recorded of `gone`, which of `before` have left the queue or were queued once more.

    Without that, who clears the queue or relaunches a run in the moment of its end would keep it from being known.
    """
    recorded = with_ends_recorded(before, runs_dir, gone)
    left = {item.study for item in after.items}
    closed = with_studies_recorded(recorded, runs_dir, [study for study in recorded.ended if study not in left])
    return replace(after, ended=closed.ended)


def _record(notification: Notification, key: str, runs_dir: Path) -> None:
    name = re.sub(r"[^A-Za-z0-9._-]", "_", notification.experiment or notification.study)[:60]
    path = Outbox(runs_dir).entry(f"{name}-{hashlib.sha256(f'{notification.event} {key}'.encode()).hexdigest()[:12]}")
    if not path.exists():
        Entry(path, notification).save(runs_dir)
