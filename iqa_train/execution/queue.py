"""What is wanted: the queue of runs, one file, replaced whole under a short lock. Nothing here starts a process.

An item names a run, whose settings lie in its own folder. Whether it is done is never written here: that is read off
the run (`standing`), counted from the attempt that was its last when it was queued.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin

from iqa_train.errors import RunError, UsageError, did_you_mean
from iqa_train.files import SCHEMA_VERSION, DamagedFileError, locked, read_json, write_json
from iqa_train.runs.layout import QueueFiles, RunFolder

POLICIES = ("batches", "greedy")


@dataclass(frozen=True)
class Item:
    """A run that is wanted.

    `batch` numbers the batches of the whole queue in their order; `gpu` is the device that its batch gives it, binding
    under any policy only if `pinned`. `after` is the number of the run's last attempt when it was queued: later ones
    count. `retries` is how many attempts in a row may come to nothing before it is given up.
    """

    run: str  # relative to the runs' folder
    experiment: str
    seed: int
    batch: int = 1
    batch_name: str = ""
    gpu: int | None = None
    pinned: bool = False
    minutes: float | None = None
    memory_gib: float = 0.0
    after: int = 0
    again: bool = False
    retries: int = 3
    code: str = ""  # fingerprint of the program it was queued with
    logs_dir: str = "logs"
    cwd: str = ""  # where it was queued: what its settings name lies relative to that
    command: tuple[str, ...] = ()
    told: bool = False  # those who want to be notified of its end have been

    @property
    def key(self) -> str:
        """What distinguishes it from every other item."""
        return self.run

    @property
    def study(self) -> str:
        """The study its run belongs to."""
        return self.run.partition("/")[0]


@dataclass(frozen=True)
class Queue:
    """The whole of what is wanted. `slots`: CPU slots to use instead of GPUs; None: GPUs, or one slot without any."""

    items: tuple[Item, ...] = ()
    policy: str = "batches"
    paused: bool = False
    slots: int | None = None
    runs_per_gpu: int = 1
    notify: dict[str, dict[str, Any]] = field(default_factory=dict)  # who is told of a study's ends, by study

    def find(self, name: str) -> list[Item]:
        """The items of an experiment, or the one of a run. Raises UsageError for neither, with the nearest names."""
        found = [item for item in self.items if name in {item.experiment, item.run}]
        if not found:
            known = dict.fromkeys(item.experiment for item in self.items)
            raise UsageError(f'"{name}" is not in the queue; {did_you_mean(name, known)}')
        return found


def read_queue(runs_dir: Path) -> Queue:
    """The queue as it is; empty if there is no file. Raises RunError for a damaged one."""
    try:
        document = read_json(QueueFiles(runs_dir).queue)
        return Queue() if document is None else _queue(document)
    except DamagedFileError as error:
        words = str(error)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        words = f"{QueueFiles(runs_dir).queue} is damaged ({error})"
    raise RunError(f"{words}; move it away and queue the runs again: none is lost")


def _queue(document: dict[str, Any]) -> Queue:
    queue = Queue(
        tuple(Item(**_known(_ITEM, entry)) for entry in document["items"]),
        **_known(_QUEUE, {name: value for name, value in document.items() if name != "items"}),
    )
    if queue.policy not in POLICIES or queue.runs_per_gpu < 1 or (queue.slots is not None and queue.slots < 1):
        raise ValueError(f"policy {queue.policy}, runs_per_gpu {queue.runs_per_gpu}, slots {queue.slots}")
    return queue


_ITEM = {f.name: f.type for f in fields(Item)}
_QUEUE = {f.name: f.type for f in fields(Queue)}


def _known(types: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    """The fields as this or a later version wrote them: what is not known here is passed over."""
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in entry.items() if k in types}
    for name, value in values.items():
        if not _fits(value, types[name]):
            raise TypeError(f"{name} cannot be {value!r}")
    return values


def _fits(value: object, kind: Any) -> bool:  # noqa: ANN401
    """Whether `value` has the type that a field declares; a whole number is a float, a truth value no number."""
    if get_origin(kind) is UnionType:
        return any(_fits(value, one) for one in get_args(kind))
    if kind in (int, float):
        return isinstance(value, (int, kind)) and not isinstance(value, bool)
    if kind is Any or not get_args(kind):
        return kind is Any or isinstance(value, kind)
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else ()
    return isinstance(value, get_origin(kind)) and all(
        _fits(v, [k for k in get_args(kind) if k is not ...][-1]) for v in inside
    )


class QueueEdit:
    """The queue while its lock is held; what `queue` is set to is written when the lock is let go of."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue


@contextmanager
def edit_queue(runs_dir: Path) -> Iterator[QueueEdit]:
    """Change the queue: nobody else does meanwhile, and readers see the old or the new one whole."""
    files = QueueFiles(runs_dir)
    with locked(files.queue_lock):
        before = read_queue(runs_dir)
        edit = QueueEdit(before)
        yield edit
        if edit.queue != before:
            write_json(files.queue, {"schema_version": SCHEMA_VERSION, **asdict(edit.queue)})


def added(queue: Queue, items: Sequence[Item]) -> Queue:
    """The queue with `items` at its end, their batches after those there; they replace items of the same runs."""
    new = {item.key for item in items}
    kept = tuple(item for item in queue.items if item.key not in new)
    last = max((item.batch for item in kept), default=0)
    return replace(queue, items=(*kept, *(replace(item, batch=item.batch + last) for item in items)))


def removed(queue: Queue, keys: Sequence[str]) -> Queue:
    """The queue without these."""
    return replace(queue, items=tuple(item for item in queue.items if item.key not in keys))


def moved(queue: Queue, keys: Sequence[str], to: int) -> Queue:
    """The queue with these items, in their order, from place `to` (1 is the first) on.

    They join the batch of the item whose place they take, so that a move matters under either policy.
    """
    mine = [item for item in queue.items if item.key in keys]
    rest = [item for item in queue.items if item.key not in keys]
    at = max(0, min(to - 1, len(rest)))
    beside = rest[at] if at < len(rest) else rest[-1] if rest else None
    if beside is not None:
        mine = [
            replace(item, batch=beside.batch, batch_name=beside.batch_name, gpu=item.gpu if item.pinned else None)
            for item in mine
        ]
    return replace(queue, items=(*rest[:at], *mine, *rest[at:]))


def folder_of(item: Item, runs_dir: Path) -> RunFolder:
    """The item's run."""
    return RunFolder(runs_dir / item.run)
