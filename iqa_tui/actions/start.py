"""Starting runs: through the queue, so that they need no console."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from iqa_train.text import join_names, plural
from iqa_tui.actions.relaunch import paused_words
from iqa_tui.actions.start_plan import PlannedRun, StartPlan, plan_start
from iqa_tui.actions.words import run_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from iqa_train.scheduler.data_check import Bar
    from iqa_tui.actions.orders import StartOrder
    from iqa_tui.state.board import Target


def start(target: Target, order: StartOrder, progress: Callable[[str], None] = lambda _: None) -> str:
    """Queue the runs of `order` that are not complete and see to a scheduler; returns what was done.

    `progress` is called while a built-in data set is made, and may raise to end that. Raises UserError, with nothing
    queued: an invalid file, an error of the audit, missing data, or nothing left to start.
    """
    from iqa_train.doctor.logout import logout_warning
    from iqa_train.errors import UsageError
    from iqa_train.scheduler.data_check import require_data
    from iqa_train.scheduler.queue import read_queue
    from iqa_train.study.findings import refuse_errors

    plan = plan_start(target, order)
    refuse_errors(plan.findings)
    if not plan.to_do:
        raise UsageError(f"nothing started: {_left(plan) or 'no run was chosen'}")
    require_data([(planned.spec, planned.run) for planned in plan.runs], _bar(progress), again=order.again)
    _queue(plan.to_do, target, order)
    left, warning = _left(plan), logout_warning()
    message = f"{plural(len(plan.to_do), 'run')} queued: {join_names(_names(plan.to_do), most=5)}"
    message += f"; {left}" if left else ""
    message += paused_words(paused=read_queue(target.runs_dir).paused)
    return message + (f"\nwarning: {warning}" if warning else "")


def _queue(runs: Sequence[PlannedRun], target: Target, order: StartOrder) -> None:
    """As `iqa-train --detach` does; runs that the study file does not have belong to none of its batches."""
    from iqa_train.scheduler.notify_table import notify_reference
    from iqa_train.scheduler.submit import SubmitOptions, submit
    from iqa_train.study.batches import batches_of

    meant = runs[0].meant
    study = next((p.meant.study for p in runs if p.spec.experiment in p.meant.study.ids and p.spec.baseline), None)
    recipients = notify_reference(study.path, target.runs_dir) if study is not None and study.notify else None
    notify = {} if study is None else {meant.spec.study: recipients}
    wishes = SubmitOptions(
        policy=order.policy, slots=order.slots or target.slots, again=order.again, logs_dir=str(target.logs_dir),
        command=("iqa-tui",), notify=notify,
    )  # fmt: skip
    batches = batches_of(study, meant.spec.study) if study else ()
    submit([planned.spec for planned in runs], batches, target.runs_dir, wishes)


def _left(plan: StartPlan) -> str:
    """Which runs are left as they are, and why."""
    parts = []
    for fate, words in (("complete", "complete"), ("running", "running"), ("waiting", "waiting")):
        names = _names([planned for planned in plan.runs if planned.fate == fate])
        if names:
            parts.append(f"{join_names(names, most=5)} {'is' if len(names) == 1 else 'are'} {words} already")
    return "; ".join(parts)


def _names(runs: Sequence[PlannedRun]) -> list[str]:
    seeds = Counter(planned.spec.seed for planned in runs)
    return [run_name(p.spec.experiment, p.spec.seed, several_seeds=len(seeds) > 1) for p in runs]


def _bar(progress: Callable[[str], None]) -> Bar:
    @contextmanager
    def bar(label: str, unit: str) -> Iterator[Callable[[int, int], None]]:
        yield lambda done, total: progress(f"{label}: {done} of {total} {unit}")

    return bar
