"""The queue of runs: one file, replaced whole under a short lock. Nothing here starts a process.

An item names a run, whose settings lie in its own folder. Its status is never written here: `item_status` derives it
from the run's attempts since it was queued.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, NotRequired, TypedDict

from iqa_train.errors import RunError, UsageError, did_you_mean, visible
from iqa_train.files import SCHEMA_VERSION, DamagedFileError, json_bytes, parse_json, read_json, write_atomic
from iqa_train.limits import MOST_PLACES
from iqa_train.locks import locked
from iqa_train.runs.layout import QueueFiles, RunFolder
from iqa_train.runs.project import project_of
from iqa_train.schema import Span, build, require
from iqa_train.study.manners import UNLIMITED, Manners, manners_from

POLICIES = ("batches", "greedy")


@dataclass(frozen=True)
class Item:
    """A queued run.

    `batch` numbers the batches of the whole queue in their order; `gpu` is the device that its batch gives it, binding
    under any policy only if `pinned`. `after` is the number of the run's last attempt when it was queued: later ones
    count. `retries` is how many attempts in a row may end without an epoch before it is given up.
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
    cwd: str = ""  # the project that its settings name files of, as `runs.project` records it
    command: tuple[str, ...] = ()
    told: bool = False  # its end has been recorded for notifications
    environment: dict[str, str] | None = None  # of the command that queued it, as far as `surroundings` names it
    python: str = ""  # the interpreter of that command, relative to the project if it lies there
    slurm: dict[str, Any] | None = None  # what is asked of Slurm for it (`SlurmTable`); None: it runs on this machine
    local: Manners = UNLIMITED  # towards other users of this machine; without effect on Slurm

    @property
    def key(self) -> str:
        """Unique in the queue."""
        return self.run

    @property
    def study(self) -> str:
        """The study its run belongs to."""
        return self.run.partition("/")[0]

    def project(self, runs_dir: Path) -> Path:
        """The folder that its settings name files relative to, wherever the project lies now."""
        return project_of(self.cwd, runs_dir, early=self.environment is None)


@dataclass(frozen=True)
class Rounds:
    """That further rounds of a study are wanted, until every verdict of its design is decided.

    `items` holds an item of each experiment, whose settings and options those of further seeds have. `waits` says what
    keeps the next round from being queued.
    """

    items: tuple[Item, ...]
    waits: str = ""
    asked: float = 0.0  # when a person last asked for them (time.time()): a look is due since then, whatever it finds


class _RoundsFacts(TypedDict):
    items: list[dict[str, Any]]
    waits: str
    asked: NotRequired[float]


@dataclass(frozen=True)
class Queue:
    """Items and options. `slots`: CPU slots to use instead of GPUs; None: GPUs, or one CPU slot where there is none."""

    items: tuple[Item, ...] = ()
    policy: str = "batches"
    paused: bool = False
    slots: Annotated[int, Span(1, MOST_PLACES)] | None = None
    runs_per_gpu: Annotated[int, Span(1, MOST_PLACES)] = 1
    notify: dict[str, dict[str, Any]] = field(default_factory=dict)  # [notify] by study
    ended: tuple[str, ...] = ()  # studies of which a run's end has been recorded since the study's own
    rounds: dict[str, Rounds] = field(default_factory=dict)  # by study
    looks: dict[str, str] = field(default_factory=dict)  # by study: what the last look has decided, in words

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
    except ValueError as error:
        words = f"{QueueFiles(runs_dir).queue} is damaged ({error})"
    raise RunError(f"{words}; move it away and queue the runs again; no run is lost")


def _queue(document: dict[str, Any]) -> Queue:
    """Raises ValueError for one that this or another version of the program cannot have written."""
    if not isinstance(document.get("items"), list):
        raise ValueError("no list of items")  # noqa: TRY004 (it is the file that is wrong)
    items = tuple(_item(entry) for entry in document["items"])
    queue = build(Queue, document | {"items": [], "rounds": {}})
    queue = replace(queue, items=items, rounds=_rounds(document.get("rounds", {})))
    if queue.policy not in POLICIES:
        raise ValueError(f"policy cannot be {visible(queue.policy[:40])!r}")
    templates = [item for rounds in queue.rounds.values() for item in rounds.items]
    outside = next((item.run for item in (*queue.items, *templates) if not _names_a_run(item.run)), None)
    if outside is not None:
        raise ValueError(f"run cannot be {visible(outside[:80])!r}")
    return queue


def _readable(document: dict[str, Any]) -> bytes:
    """The file's content. Raises UsageError for one that `read_queue` would call damaged."""
    try:
        data = json_bytes(document)
        _queue(parse_json(data))
    except ValueError as error:
        raise UsageError(f"the queue stays as it was, because it could not be read back: {error}") from None
    return data


def _item(entry: object) -> Item:
    """Raises ValueError."""
    item = build(Item, entry)
    return replace(item, local=manners_from(item.local)) if isinstance(item.local, dict) else item


def _rounds(document: object) -> dict[str, Rounds]:
    require(document, dict[str, _RoundsFacts])
    assert isinstance(document, dict)
    return {
        study: Rounds(tuple(_item(entry) for entry in facts["items"]), facts["waits"], float(facts.get("asked", 0.0)))
        for study, facts in document.items()
    }


def _names_a_run(run: str) -> bool:
    """Whether it is a folder below the runs' folder."""
    parts = run.split("/")
    return len(parts) == 3 and not {"", ".", ".."} & set(parts)


class QueueEdit:
    """The queue while its lock is held; `queue` is written when the lock is released."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue


def require_runs_folder(runs_dir: Path) -> None:
    """Raise RunError unless the runs folder is there."""
    if not runs_dir.is_dir():
        raise RunError(
            f"{runs_dir}: there is no runs folder (not yet, or it was moved, deleted or unmounted); --runs-dir names "
            "another, and iqa-train --exp ID --detach makes one"
        )


@contextmanager
def edit_queue(runs_dir: Path) -> Iterator[QueueEdit]:
    """Change the queue under its lock; readers see the old or the new one whole.

    The end of a run that leaves the queue is first recorded for its notifications.
    Raises RunError where the runs folder is not there: only a command that starts runs makes it.
    """
    files = QueueFiles(runs_dir)
    require_runs_folder(runs_dir)
    with locked(files.queue_lock, make_folder=False) as lock:
        before = read_queue(runs_dir)
        edit = QueueEdit(before)
        yield edit
        if edit.queue != before:
            edit.queue = _with_ends_kept(before, edit.queue, runs_dir)
            lock.require()
            write_atomic(files.queue, _readable({"schema_version": SCHEMA_VERSION, **asdict(edit.queue)}))


def _with_ends_kept(before: Queue, after: Queue, runs_dir: Path) -> Queue:
    """`after`, with the ends recorded of runs that have left the queue or were queued once more."""
    stays = {(item.key, item.after) for item in after.items}
    gone = [item for item in before.items if (item.key, item.after) not in stays]
    if not gone or not before.notify:
        return after
    from iqa_train.scheduler.outbox import keep_ends  # which reads items

    return keep_ends(before, gone, after, runs_dir)


def added(queue: Queue, items: Sequence[Item]) -> Queue:
    """The queue with `items` at its end, their batches after those there; they replace items of the same runs."""
    new = {item.key for item in items}
    kept = tuple(item for item in queue.items if item.key not in new)
    last = max((item.batch for item in kept), default=0)
    return replace(queue, items=(*kept, *(replace(item, batch=item.batch + last) for item in items)))


def without_rounds(queue: Queue, studies: Collection[str]) -> Queue:
    """The queue without the wish for further rounds of these studies."""
    return replace(queue, rounds={study: rounds for study, rounds in queue.rounds.items() if study not in studies})


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


def moved_past(queue: Queue, key: str, other: str) -> Queue:
    """The queue with an item on the other side of another, in whose batch it is then."""
    places = {item.key: n for n, item in enumerate(queue.items)}
    mine, neighbour = queue.items[places[key]], queue.items[places[other]]
    rest = [item for item in queue.items if item.key != key]
    at = rest.index(neighbour) + (1 if places[key] < places[other] else 0)
    gpu = mine.gpu if mine.pinned or mine.batch == neighbour.batch else None
    joined = replace(mine, batch=neighbour.batch, batch_name=neighbour.batch_name, gpu=gpu)
    return replace(queue, items=(*rest[:at], joined, *rest[at:]))


def batch_words(items: Sequence[Item]) -> str:
    """What a batch of these is called: its name, else what was queued together (those of a seed, of a command)."""
    name = next((item.batch_name for item in items if item.batch_name), "")
    if name:
        return name[:1].lower() + name[1:] if name.lower().startswith("batch") else f'batch "{name}"'
    seeds = {item.seed for item in items}
    what = f"the runs with seed {seeds.pop()}" if len(seeds) == 1 else "the runs"
    return f"{what} that were queued before"


def folder_of(item: Item, runs_dir: Path) -> RunFolder:
    """The item's run."""
    return RunFolder(runs_dir / item.run)
