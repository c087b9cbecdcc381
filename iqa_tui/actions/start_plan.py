"""Plans a start: what an order would do, run by run, and what the audit finds, before anything is done."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from iqa_tui.actions.resolve_order import ResolvedRun, resolve_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iqa_train.runs.layout import RunFolder
    from iqa_train.study.findings import Finding
    from iqa_train.study.spec import RunSpec
    from iqa_tui.actions.orders import StartOrder
    from iqa_tui.state.board import Target

StartEffect = Literal["start", "continue", "start over", "complete", "running", "queued"]
STARTING = frozenset({"start", "continue", "start over"})
"""Effects on runs that will be queued; the others are skipped."""


@dataclass(frozen=True)
class PlannedRun:
    """A run of an order, and what starting it would do.

    `epochs`: done so far. `from_slurm`: it was queued for Slurm, and the order is for this machine.
    """

    resolved: ResolvedRun
    run: RunFolder
    effect: StartEffect
    state: str = ""
    epochs: int = 0
    from_slurm: bool = False

    @property
    def spec(self) -> RunSpec:
        return self.resolved.spec

    @property
    def words(self) -> str:
        """The effect in words."""
        total = self.spec.settings.epochs * self.spec.settings.train_test_num
        moved = "; it was queued for Slurm and moves to this machine" if self.from_slurm else ""
        effect = {
            "start": "starts",
            "continue": f"continues after epoch {self.epochs} of {total}",
            "start over": f"starts over; {_kept(self.state)}",
            "complete": f"already {self.state}: skipped",
            "running": f"already {self.state}: skipped",
            "queued": "already queued: skipped",
        }[self.effect]
        return effect + (moved if self.effect in STARTING else "")


def _kept(state: str) -> str:
    """What becomes of the attempt that is replaced."""
    from iqa_train.runs.state_names import FINISHED

    if state in FINISHED:
        return "its result counts until the new one is complete"
    return f"the old attempt ({state}) is kept"


@dataclass(frozen=True)
class StartPlan:
    """All runs of an order, the audit findings about those that would start, errors first, and what of their data is
    missing or cannot be read."""

    runs: tuple[PlannedRun, ...]
    findings: tuple[Finding, ...]
    data_problems: tuple[str, ...] = ()

    @property
    def to_do(self) -> tuple[PlannedRun, ...]:
        """Runs that would be queued."""
        return tuple(planned for planned in self.runs if planned.effect in STARTING)

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Findings that prevent the start."""
        return tuple(finding for finding in self.findings if finding.severity == "error")


def plan_start(target: Target, order: StartOrder) -> StartPlan:
    """Read the study file and the runs; changes nothing. Raises UserError if the order cannot be carried out."""
    from iqa_train.runs.layout import run_folder
    from iqa_train.scheduler.data_check import data_problems
    from iqa_train.scheduler.item_status import item_status
    from iqa_train.scheduler.queue import read_queue

    resolved_runs = resolve_order(target, order)
    items = {item.key: item for item in read_queue(target.runs_dir).items}
    runs = []
    for resolved in resolved_runs:
        run = run_folder(target.runs_dir, resolved.spec, resolved.repeat)
        item = items.get(str(run.path.relative_to(target.runs_dir)))
        queued = item is not None and item_status(item, target.runs_dir).phase == "waiting"
        planned = _planned(resolved, run, queued=queued, again=order.again)
        from_slurm = order.backend == "local" and item is not None and item.slurm is not None
        runs.append(replace(planned, from_slurm=from_slurm))
    starting = [planned for planned in runs if planned.effect in STARTING]
    findings = _findings([planned.resolved for planned in starting] or resolved_runs)
    return StartPlan(tuple(runs), findings, tuple(data_problems([(one.spec, one.run) for one in starting])))


def _planned(resolved: ResolvedRun, run: RunFolder, *, queued: bool, again: bool) -> PlannedRun:
    from iqa_train.runner.runner import done_before
    from iqa_train.runs.metrics import epoch_events
    from iqa_train.runs.state import run_state

    state = run_state(run)
    if state.alive:
        return PlannedRun(resolved, run, "running", state.name)
    if queued and not again:
        return PlannedRun(resolved, run, "queued", "queued")
    done = done_before(run, resolved.spec.model_dump(), resume=not again, again=again)
    if done is not None:
        return PlannedRun(resolved, run, "complete", done.name)
    if not run.outcome():
        return PlannedRun(resolved, run, "start")
    epochs = len(epoch_events(run))
    return PlannedRun(resolved, run, "start over" if again else "continue", state.name, epochs)


def _findings(runs: Sequence[ResolvedRun]) -> tuple[Finding, ...]:
    """What the audits of the runs' studies find about them, errors first."""
    from iqa_train.study.audit import audit, findings_about
    from iqa_train.study.findings import SEVERITIES

    audits: list[tuple[ResolvedRun, set[str]]] = []
    for run in runs:
        for first, names in audits:
            if (run.study, run.profile, run.overrides) == (first.study, first.profile, first.overrides):
                names.add(_audited_name(run))
                break
        else:
            audits.append((run, {_audited_name(run)}))
    findings = [
        finding
        for run, names in audits
        for finding in findings_about(audit(run.study, run.profile, run.overrides), names)
    ]
    return tuple(sorted(dict.fromkeys(findings), key=lambda finding: SEVERITIES.index(finding.severity)))


def _audited_name(run: ResolvedRun) -> str:
    """The experiment; a run that is not in the study file is audited as the baseline of a study of its own."""
    return run.spec.experiment if run.spec.experiment in run.study.ids else run.study.baseline
