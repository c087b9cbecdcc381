"""Calls sbatch for the arrays of a plan, in parts where the site takes no more at once, and for what follows them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from iqa_train.scheduler.slurm.cluster_look import ClusterLook
from iqa_train.scheduler.slurm.follow_up import script_of_follow_up
from iqa_train.scheduler.slurm.plan import Order
from iqa_train.scheduler.slurm.script import script_of
from iqa_train.scheduler.slurm.submissions import NO_FOLLOW_UP, Submission, forget, new_submission, save
from iqa_train.scheduler.slurm.troubles import Troubles
from iqa_train.slurm import commands
from iqa_train.slurm.commands import SlurmError, is_limit


class ArraySubmitter:
    """Of one pass. `refusals`: why something was not accepted; `submitted`: what was."""

    def __init__(self, runs_dir: Path, look: ClusterLook, troubles: Troubles) -> None:
        self.refusals: list[str] = []
        self.submitted: list[Submission] = []
        self._runs_dir = runs_dir
        self._look = look
        self._troubles = troubles

    def submit(self, order: Order, after: Sequence[str]) -> list[str]:
        """Submit an array, or several in its place; their numbers, none unless all was accepted."""
        answer = self._sbatch(order, after)
        if isinstance(answer, str):
            return [answer]
        if not is_limit(answer) or len(order.tasks) == 1:
            self._refuse(order, answer)
            return []
        half = len(order.tasks) // 2
        first, rest = replace(order, tasks=order.tasks[:half]), replace(order, tasks=order.tasks[half:])
        if order.at_once is not None:
            first = replace(first, at_once=min(order.at_once, half))
            rest = replace(rest, at_once=max(0, order.at_once - half))
        numbers = self.submit(first, after)
        if not numbers:  # there was no room for less
            self._refuse(rest, answer)
            return []
        more = self.submit(rest, after)
        return [*numbers, *more] if more else []

    def follow_up(self, submissions: Sequence[Submission]) -> None:
        """Have a job follow each, and what was submitted here, that has none yet."""
        for one in [*submissions, *self.submitted]:
            item = next((self._look.items[key] for key in one.keys if key in self._look.items), None)
            if one.follow_up or not one.job or item is None:
                continue
            try:
                number = commands.sbatch(script_of_follow_up(one, item, self._runs_dir))
            except SlurmError as error:
                if error.passing and not is_limit(error):
                    continue
                number = NO_FOLLOW_UP  # a site that has no place for such a job: it is not asked again
            save(replace(one, follow_up=number), self._runs_dir)

    def _refuse(self, order: Order, error: SlurmError) -> None:
        self.refusals.append(str(error))
        for key in (key for task in order.tasks for key in task):
            self._troubles.note(key, str(error), lasting=not error.passing, refused=True)

    def _sbatch(self, order: Order, after: Sequence[str]) -> str | SlurmError:
        """Submit one array; its number, or why it was not accepted."""
        items = {key: self._look.items[key] for task in order.tasks for key in task}
        first = items[order.tasks[0][0]]
        options: dict[str, Any] = first.slurm or {}
        after_of = {key: item.after for key, item in items.items()}
        look = self._look
        submission = new_submission(
            order.tasks, after_of, options, order.batch, look.queue.policy, cluster=look.cluster
        )
        submission = replace(submission, held=order.at_once == 0, at_once=order.at_once, begin=order.begin)
        save(submission, self._runs_dir)
        try:
            number = commands.sbatch(script_of(submission, first, self._runs_dir, after))
        except SlurmError as error:
            if not error.passing or is_limit(error):  # else it may still be carried out
                forget(submission, self._runs_dir)
            return error
        submission = replace(submission, job=number)
        save(submission, self._runs_dir)
        self.submitted.append(submission)
        return number
