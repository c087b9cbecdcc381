"""A small model of Slurm: what squeue lists of the arrays that a plan has submitted, held, cancelled."""

from collections.abc import Mapping
from dataclasses import replace

from iqa_train.scheduler.queue import Item
from iqa_train.scheduler.slurm.plan import SlurmPlan
from iqa_train.scheduler.slurm.submissions import Submission, new_submission, tasks_now
from iqa_train.slurm.jobs import Job


def item(name: str, batch: int = 1, **options: object) -> Item:
    return Item(f"study/{name}/s1-0123456789", name, 1, batch=batch, slurm=dict(options))


class Cluster:
    """What squeue would list of the arrays that were submitted; runs start as dependencies and limits allow."""

    def __init__(self) -> None:
        self.submissions: list[Submission] = []
        self.jobs: dict[tuple[str, int], str] = {}  # (array, task) -> state
        self.held: set[str] = set()
        self.at_once: dict[str, int | None] = {}
        self.after: dict[str, tuple[str, ...]] = {}
        self.begin: dict[str, float] = {}
        self.ran: list[str] = []
        self.most = 0

    def squeue(self) -> list[Job]:
        by_number = {one.job: one for one in self.submissions}
        return [
            Job(array, task, array, state, "", "", None, None, 0, "", f"iqa-train:{by_number[array].token}")
            for (array, task), state in self.jobs.items()
            if array in by_number
        ]

    def listed(self) -> Mapping[str, Mapping[int, Job]]:
        return tasks_now(self.submissions, self.squeue())

    def follow(self, planned: SlurmPlan, items: Mapping[str, Item], policy: str) -> None:
        for name in planned.cancel:
            array, _, task = name.partition("_")
            assert self.jobs[array, int(task)] == "PENDING"
            self.jobs[array, int(task)] = "CANCELLED"
        self.held |= set(planned.hold)
        self.held -= set(planned.release)
        self.at_once |= planned.throttles
        numbers: list[str] = []
        for order in planned.submit:
            number = str(len(self.at_once) + 1)
            keys = [key for task in order.tasks for key in task]
            made = new_submission(
                order.tasks, {key: items[key].after for key in keys}, items[keys[0]].slurm or {}, order.batch, policy
            )
            self.submissions.append(replace(made, job=number))
            self.at_once[number] = order.at_once
            self.begin[number] = order.begin
            if order.at_once == 0:
                self.held.add(number)
            self.after[number] = (*order.after, *(numbers[k] for k in order.after_orders))
            numbers.append(number)
            for array in planned.depend:
                if next(one.batch for one in self.submissions if one.job == array) > order.batch:
                    self.after[array] = (*self.after[array], number)
            self.jobs |= dict.fromkeys(((number, k) for k in range(len(order.tasks))), "PENDING")
        self.submissions = [
            replace(one, held=one.job in self.held, at_once=self.at_once[one.job], begin=self.begin[one.job])
            for one in self.submissions
            if one not in planned.over
        ]

    def may_start(self) -> list[tuple[str, int]]:
        """The tasks that wait for nothing but a node, or for a moment to come."""
        return [place for place, state in self.jobs.items() if state == "PENDING" and self._is_free(*place)]

    def start(self) -> None:
        for place in list(self.jobs):
            if self.jobs[place] == "PENDING" and self._is_free(*place):
                self.jobs[place] = "RUNNING"
        self.most = max(self.most, sum(state == "RUNNING" for state in self.jobs.values()))

    def _is_free(self, array: str, _task: int) -> bool:
        running = sum(state == "RUNNING" for (other, _), state in self.jobs.items() if other == array)
        open_before = any(
            state in {"PENDING", "RUNNING"} for (other, _), state in self.jobs.items() if other in self.after[array]
        )
        limit = self.at_once[array]
        return array not in self.held and (limit is None or running < limit) and not open_before

    def keys(self, array: str, task: int) -> tuple[str, ...]:
        return next(one.tasks[task] for one in self.submissions if one.job == array)
