"""Starts runs through the queue, so that they do not depend on the console."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from iqa_train.text import join_names, plural
from iqa_tui.actions.orders import MOST_NAMES, run_name
from iqa_tui.actions.relaunch import paused_hint
from iqa_tui.actions.start_plan import PlannedRun, StartPlan, plan_start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from iqa_train.scheduler.data_check import Bar
    from iqa_tui.actions.orders import MOST_NAMES, StartOrder
    from iqa_tui.state.board import Target


def start(target: Target, order: StartOrder, progress: Callable[[str], None] = lambda _: None) -> str:
    """Queue the runs of `order` that are not complete and make sure a scheduler runs; returns what was done.

    `progress` is called while a built-in data set is generated, and may raise to cancel that. Raises UserError, with
    nothing queued, for an invalid file, an audit error, missing data, or if nothing is left to start.
    """
    from iqa_train.doctor.logout import logout_warning
    from iqa_train.errors import UsageError
    from iqa_train.scheduler.data_check import require_data
    from iqa_train.scheduler.queue import read_queue
    from iqa_train.study.audit import refuse_errors

    plan = plan_start(target, order)
    refuse_errors(plan.findings)
    if not plan.to_do:
        raise UsageError(f"nothing started: {_skipped_text(plan) or 'no run was selected'}")
    require_data([(planned.spec, planned.run) for planned in plan.runs], _bar(progress), again=order.again)
    _queue(plan.to_do, target, order)
    skipped, warning = _skipped_text(plan), logout_warning()
    message = f"{plural(len(plan.to_do), 'run')} queued: {join_names(_names(plan.to_do), MOST_NAMES)}"
    message += f"; {skipped}" if skipped else ""
    message += paused_hint(paused=read_queue(target.runs_dir).paused)
    return message + (f"\nwarning: {warning}" if warning else "")


def _queue(runs: Sequence[PlannedRun], target: Target, order: StartOrder) -> None:
    """Submit as `iqa-train --detach` does; a run that is not in the study file belongs to no batch."""
    from iqa_train.runs.seal_design import seal_design
    from iqa_train.scheduler.notify_table import notify_reference
    from iqa_train.scheduler.submit import SubmitOptions, submit
    from iqa_train.study.profiles import batches_of

    first = runs[0].resolved
    in_file = (p.resolved.study for p in runs if p.spec.experiment in p.resolved.study.ids and p.spec.baseline)
    study = next(in_file, None)
    recipients = notify_reference(study.path, target.runs_dir) if study is not None and study.notify else None
    notify = {} if study is None else {first.spec.study: recipients}
    batches = batches_of(study, first.spec.study) if study else ()
    if study is not None:
        seal_design(study, first.spec.study, target.runs_dir)
    for repeat in dict.fromkeys(planned.run.repeat for planned in runs):
        options = SubmitOptions(
            policy=order.policy, slots=order.slots or target.slots, again=order.again, logs_dir=str(target.logs_dir),
            repeat=repeat, command=("iqa-tui",), notify=notify,
            local=(study or first.study).local.manners, slurm=_slurm_tables(runs) if order.backend == "slurm" else {},
        )  # fmt: skip
        specs = [planned.spec for planned in runs if planned.run.repeat == repeat]
        submit(specs, batches, target.runs_dir, options)


def _slurm_tables(runs: Sequence[PlannedRun]) -> dict[str, dict[str, Any]]:
    """What is asked of Slurm, by experiment. Raises RunError where nothing can be submitted from here."""
    from iqa_train.scheduler.slurm.reconcile import require_slurm
    from iqa_train.study.resolve_slurm import resolved

    require_slurm()
    return {p.spec.experiment: resolved(p.resolved.study, p.spec).as_json() for p in runs}


def _skipped_text(plan: StartPlan) -> str:
    """Which runs are skipped, and why."""
    parts = []
    for effect in ("complete", "running", "queued"):
        names = _names([planned for planned in plan.runs if planned.effect == effect])
        if names:
            parts.append(f"{join_names(names, MOST_NAMES)} {'is' if len(names) == 1 else 'are'} already {effect}")
    return "; ".join(parts)


def _names(runs: Sequence[PlannedRun]) -> list[str]:
    seeds = Counter(planned.spec.seed for planned in runs)
    return [run_name(p.run, several_seeds=len(seeds) > 1) for p in runs]


def _bar(progress: Callable[[str], None]) -> Bar:
    @contextmanager
    def bar(label: str, unit: str) -> Iterator[Callable[[int, int], None]]:
        yield lambda done, total: progress(f"{label}: {done} of {total} {unit}")

    return bar
