"""Who carries runs out: this machine through its scheduler, or Slurm. Queue and run folders are the same for both."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from iqa_train.runs.identity import ProcessIdentity
from iqa_train.runs.layout import RunFolder
from iqa_train.scheduler.item_status import ItemStatus
from iqa_train.scheduler.placement import DeviceSlots
from iqa_train.scheduler.queue import Item, Queue
from iqa_train.slurm.answer import Answer

CANNOT_START = "cannot be started"
"""How the reason of a queued run starts that a backend tries to start in vain, again and again."""


@dataclass(frozen=True)
class QueueLook:
    """The queue at one moment: its items and their status; of this machine, its places, scheduler and failed starts."""

    runs_dir: Path
    queue: Queue
    status: Sequence[tuple[Item, ItemStatus]]
    places: Sequence[DeviceSlots] = ()
    scheduler: ProcessIdentity | None = None
    complaints: Mapping[str, str] = field(default_factory=dict)

    def open(self, *, slurm: bool) -> list[tuple[Item, ItemStatus]]:
        """The items of a backend that are not settled."""
        return [(i, s) for i, s in self.status if (i.slurm is not None) == slurm and s.phase != "settled"]


class Backend(Protocol):
    """Starts what is queued, says what becomes of it, and stops it."""

    def submit(self, runs_dir: Path) -> str:
        """Have the queue carried out, after a change of it; returns why that is not possible now, "" if it is."""

    def answers(self, look: QueueLook) -> dict[str, Answer]:
        """Whether each open item of this backend is running, waiting (and why: `words`) or gone, by its key."""

    def silence(self, runs_dir: Path) -> str:
        """Why what is known of the runs may be old, in a sentence; "" if it is not."""

    def stop(self, run: RunFolder, grace: float, waiting: Callable[[], None]) -> str:
        """Stop a run that is alive; returns the outcome in words. It has `grace` seconds for its checkpoint."""


def backend_of(item: Item) -> Backend:
    """The one that carries out the item."""
    from iqa_train.scheduler.local_backend import LOCAL
    from iqa_train.scheduler.slurm.backend import SLURM

    return LOCAL if item.slurm is None else SLURM


def submit_queue(runs_dir: Path, queue: Queue) -> str:
    """Have every backend of the queue carry it out; returns why one of them cannot now, "" if all can."""
    used = list(dict.fromkeys(item.slurm is not None for item in queue.items)) or [False]
    words = []
    if False in used or queue.rounds:
        from iqa_train.scheduler.local_backend import LOCAL

        words.append(LOCAL.submit(runs_dir))
    if True in used:
        from iqa_train.scheduler.slurm.backend import SLURM

        words.append(SLURM.submit(runs_dir))
    return "; ".join(filter(None, words))
