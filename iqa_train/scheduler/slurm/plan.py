"""What to ask of Slurm so that it carries out the queue: a pure function of queue, submissions and jobs.

Runs that have no job are submitted: a job array for each batch and each set of options, in the order of the queue. A
later batch depends on the arrays of the batches before it. Jobs that are not wanted any more, or not in this place, are
cancelled while they wait; a paused queue holds them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from iqa_train.scheduler.item_status import Phase
from iqa_train.scheduler.queue import Item
from iqa_train.scheduler.slurm.submissions import Submission
from iqa_train.slurm.answer import Answer, answer_of
from iqa_train.slurm.jobs import Job
from iqa_train.slurm.reasons import HELD

_TOGETHER = 60.0  # seconds by which the moments may differ before which the runs of one array may not begin
MOST_TASKS = 1000  # of an array: Slurm's own default allows numbers up to 1000


@dataclass(frozen=True)
class Entry:
    """An item of the queue. `tried`: attempts of it have been made; `barred`: it may not be submitted now, and why.

    `begin`: the moment (seconds since 1970) before which a job for it may not begin; 0 for at once.
    """

    item: Item
    phase: Phase
    tried: bool = False
    barred: str = ""
    begin: float = 0.0


@dataclass(frozen=True)
class Order:
    """An array to submit. It begins after the arrays in `after`, and after those of `after_orders` (of this plan).

    `at_once` of its tasks may run at the same time (None: all); with 0 it is submitted held. `begin`: as of an `Entry`.
    """

    tasks: tuple[tuple[str, ...], ...]
    batch: int
    after: tuple[str, ...] = ()
    after_orders: tuple[int, ...] = ()
    at_once: int | None = None
    begin: float = 0.0


@dataclass(frozen=True)
class SlurmPlan:
    """What to do, in this order. `waits`: why a run that has no job is not submitted, by its key."""

    cancel: tuple[str, ...] = ()
    hold: tuple[str, ...] = ()
    release: tuple[str, ...] = ()
    throttles: Mapping[str, int] = field(default_factory=dict)
    submit: tuple[Order, ...] = ()
    depend: tuple[str, ...] = ()  # arrays of later batches than one of `submit`, which begin after that too
    waits: Mapping[str, str] = field(default_factory=dict)
    over: tuple[Submission, ...] = ()  # of which no job is left


@dataclass
class _Array:
    """A submission and its jobs now."""

    submission: Submission
    jobs: Mapping[int, Job]

    @property
    def number(self) -> str:
        return next((job.array for job in self.jobs.values()), self.submission.job)

    @property
    def is_held(self) -> bool:
        """Whether it is by us, also where Slurm has forgotten that we released it."""
        one = self.submission
        return one.held or (one.released and any(self.jobs[task].reason in HELD for task in self.waiting()))

    def open_tasks(self) -> list[int]:
        """Those that wait or run, in order."""
        return sorted(task for task, job in self.jobs.items() if answer_of(job).kind in {"waiting", "running"})

    def waiting(self) -> list[int]:
        return [task for task in self.open_tasks() if answer_of(self.jobs[task]).kind == "waiting"]


def answers(
    items: Sequence[Item], submissions: Sequence[Submission], jobs: Mapping[str, Mapping[int, Job]]
) -> dict[str, Answer]:
    """Slurm's answer on each item that has been submitted, by its key: of several jobs, the most alive one's.

    A submission whose sbatch is under way counts as waiting.
    """
    after = {item.key: item.after for item in items}
    rank = {"running": 3, "waiting": 2, "unknown": 1, "gone": 0}
    found: dict[str, Answer] = {}
    for submission in submissions:
        mine = jobs.get(submission.token, {})
        for task, keys in enumerate(submission.tasks):
            job = mine.get(task)
            if job is not None:
                answer = answer_of(job)
            elif not mine and submission.under_way:
                answer = Answer("waiting", state="SUBMITTING")
            else:
                answer = Answer("gone", f"{submission.job}_{task}" if submission.job else "")
            for key in keys:
                if key in after and submission.names(key, after[key]):
                    before = found.get(key)
                    if before is None or rank[answer.kind] >= rank[before.kind]:
                        found[key] = answer
    return found


def plan(
    entries: Sequence[Entry],
    submissions: Sequence[Submission],
    jobs: Mapping[str, Mapping[int, Job]],
    *,
    policy: str = "batches",
    paused: bool = False,
    hurry: bool = False,
) -> SlurmPlan:
    """What to ask of Slurm now. `jobs` is what squeue lists of each submission, by its token and the task.

    `hurry`: jobs that were put off are cancelled, so that the next plan submits their runs at once.
    """
    mine = {entry.item.key: entry for entry in entries if entry.item.slurm is not None}
    arrays = [_Array(one, jobs.get(one.token, {})) for one in submissions]
    cancel = _unwanted(arrays, mine, policy, hurry=hurry) | _out_of_order(arrays, entries)
    has_job = answers([entry.item for entry in mine.values()], submissions, jobs)
    open_ = {key for key, answer in has_job.items() if answer.kind != "gone"}
    missing = [e for e in mine.values() if e.phase == "waiting" and e.item.key not in open_]
    submit, waits = _orders(missing, entries, arrays, policy, paused=paused)
    limits = [_limit_of(mine[order.tasks[0][0]].item) for order in submit]
    of_arrays, of_orders = _limited(arrays, cancel, submit, limits)
    submit = tuple(replace(order, at_once=of_orders.get(k)) for k, order in enumerate(submit))
    hold: list[str] = []
    release: list[str] = []
    throttles: dict[str, int] = {}
    for array in arrays:
        if not array.number or not any(array.jobs[task].label not in cancel for task in array.waiting()):
            continue
        at_once = of_arrays.get(array.number)
        shut = paused or at_once == 0
        if shut != array.is_held:
            (hold if shut else release).append(array.number)
        if at_once and at_once != array.submission.at_once:
            throttles[array.number] = at_once
    over = tuple(a.submission for a in arrays if not a.open_tasks() and not a.submission.under_way)
    first = min((order.batch for order in submit), default=0) if policy == "batches" else 0
    depend = tuple(a.number for a in arrays if first and a.submission.batch > first and a.waiting())
    return SlurmPlan(tuple(sorted(cancel)), tuple(hold), tuple(release), throttles, submit, depend, waits, over)


def earlier_arrays(array: str, submissions: Sequence[Submission], jobs: Mapping[str, Mapping[int, Job]]) -> list[str]:
    """The arrays that one of a later batch begins after: those of earlier batches that have not ended."""
    arrays = [_Array(one, jobs.get(one.token, {})) for one in submissions]
    batch = next(a.submission.batch for a in arrays if a.number == array)
    return [a.number for a in arrays if a.submission.batch < batch and a.open_tasks() and a.number]


def _limit_of(item: Item) -> int | None:
    return int(limit) if (limit := (item.slurm or {}).get("array_limit")) else None


def _kind(item: Item) -> str:
    """Equal for items that may share an array: the same is asked of Slurm, by the same project and interpreter."""
    return json.dumps([item.slurm, item.cwd, item.python], sort_keys=True)


def _unwanted(arrays: Sequence[_Array], mine: Mapping[str, Entry], policy: str, *, hurry: bool) -> set[str]:
    """Jobs that wait for runs which are done, were removed, now belong to another batch, or ask for something else."""
    found = set()
    for array in arrays:
        submission = array.submission
        for task in array.waiting():
            wanted = [
                mine[key]
                for key in submission.tasks[task]
                if key in mine and submission.names(key, mine[key].item.after) and mine[key].phase != "settled"
            ]
            moved = submission.policy != policy or (hurry and submission.begin > 0)
            moved |= task in submission.cancelled  # Slurm has not answered, or has forgotten it
            moved |= policy == "batches" and any(entry.item.batch != submission.batch for entry in wanted)
            moved |= any(entry.item.slurm != submission.options for entry in wanted)  # the start was repeated
            if not wanted or moved:
                found.add(array.jobs[task].label)
    return found


def _out_of_order(arrays: Sequence[_Array], entries: Sequence[Entry]) -> set[str]:
    """Jobs that wait before others that have been moved in front of them; those tried or put off keep their place."""
    place = {
        key: (int(array.number), task, array.jobs[task].label, array.submission.batch)
        for array in arrays
        if array.number.isdecimal() and not array.submission.begin
        for task in array.waiting()
        for key in array.submission.tasks[task]
    }
    found: set[str] = set()
    last: dict[tuple[int, str], tuple[int, int]] = {}
    behind: set[tuple[int, str]] = set()  # of which a job is out of order: those that follow are submitted again, too
    for entry in entries:
        if entry.tried or entry.phase != "waiting" or entry.item.key not in place:
            continue
        number, task, name, batch = place[entry.item.key]
        group = batch, _kind(entry.item)  # between runs that ask for different things, Slurm decides
        if (number, task) < last.get(group, (0, -1)) or group in behind:
            behind.add(group)
            found.add(name)
        last[group] = max(last.get(group, (0, -1)), (number, task))
    return found


def _orders(
    missing: Sequence[Entry], entries: Sequence[Entry], arrays: Sequence[_Array], policy: str, *, paused: bool
) -> tuple[tuple[Order, ...], dict[str, str]]:
    """The arrays to submit, and why the rest of what has no job waits."""
    waits = {entry.item.key: entry.barred for entry in missing if entry.barred}
    if paused:
        return (), {entry.item.key: "the queue is paused" for entry in missing}
    ready = [entry for entry in missing if not entry.barred]
    # a batch that another machine, or nobody, carries out has no job to depend on
    stuck = {e.item.batch for e in entries if e.phase != "settled" and (e.item.slurm is None or e.barred)}
    first_stuck = min(stuck, default=None) if policy == "batches" else None
    groups: dict[tuple[int, str, int], list[Entry]] = {}
    for entry in ready:
        if first_stuck is not None and entry.item.batch > first_stuck:
            waits[entry.item.key] = f"waiting for batch {first_stuck}"
            continue
        batch = entry.item.batch if policy == "batches" else 0
        groups.setdefault((batch, _kind(entry.item), int(entry.begin // _TOGETHER)), []).append(entry)
    orders: list[Order] = []
    for (batch, *_), group in sorted(groups.items(), key=lambda pair: pair[0][0]):
        earlier = [a for a in arrays if policy == "batches" and a.submission.batch < batch and a.open_tasks()]
        after = tuple(array.number for array in earlier if array.number)
        before = tuple(k for k, order in enumerate(orders) if policy == "batches" and order.batch < batch)
        per_job = max(1, int((group[0].item.slurm or {}).get("runs_per_job") or 1))
        keys = [entry.item.key for entry in group]
        tasks = [tuple(keys[k : k + per_job]) for k in range(0, len(keys), per_job)]
        for first in range(0, len(tasks), MOST_TASKS):
            part = tuple(tasks[first : first + MOST_TASKS])
            orders.append(Order(part, batch, after, before, begin=max(entry.begin for entry in group)))
    return tuple(orders), waits


def _limited(
    arrays: Sequence[_Array], cancel: set[str], orders: Sequence[Order], limits: Sequence[int | None]
) -> tuple[dict[str, int], dict[int, int]]:
    """How many tasks may run at once of each array and of each order that has an `array_limit`; 0: none now.

    All with the same limit and batch share it: the earliest first, so that the order of the queue counts.
    """
    groups: dict[tuple[int, int], list[_Array]] = {}
    for array in arrays:
        if limit := array.submission.options.get("array_limit"):
            groups.setdefault((int(limit), array.submission.batch), []).append(array)
    of_arrays: dict[str, int] = {}
    of_orders: dict[int, int] = {}
    left: dict[tuple[int, int], int] = {}
    for (limit, batch), group in groups.items():
        waiting = {a.number: [t for t in a.waiting() if a.jobs[t].label not in cancel] for a in group}
        running = {a.number: len(a.open_tasks()) - len(a.waiting()) for a in group}
        budget = max(0, limit - sum(running.values()))
        for array in group:
            more = min(len(waiting[array.number]), budget)
            budget -= more
            if waiting[array.number]:
                of_arrays[array.number] = running[array.number] + more
        left[limit, batch] = budget
    for k, order in enumerate(orders):
        limit_of_order = limits[k]
        if limit_of_order is not None:
            budget = left.get((limit_of_order, order.batch), limit_of_order)
            of_orders[k] = min(len(order.tasks), budget)
            left[limit_of_order, order.batch] = budget - of_orders[k]
    return of_arrays, of_orders
