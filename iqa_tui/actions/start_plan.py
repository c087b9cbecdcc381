"""What an order to start would do, run by run, and what can mislead about it: shown before anything is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from iqa_tui.actions.resolve_order import ResolvedRun, meant_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iqa_train.runs.layout import RunFolder
    from iqa_train.study.audit import Finding
    from iqa_train.study.spec import RunSpec
    from iqa_tui.actions.orders import StartOrder
    from iqa_tui.state.board import Target

Fate = Literal["starts", "goes on", "starts over", "complete", "running", "waiting"]
TO_DO = frozenset({"starts", "goes on", "starts over"})
"""The fates of runs that are queued; the others are left as they are."""


@dataclass(frozen=True)
class PlannedRun:
    """A run of an order, and what becomes of it. `epochs`: those it has done."""

    meant: ResolvedRun
    run: RunFolder
    fate: Fate
    state: str = ""
    epochs: int = 0

    @property
    def spec(self) -> RunSpec:
        """What it is to do."""
        return self.meant.spec

    @property
    def words(self) -> str:
        """Its fate for people."""
        total = self.spec.settings.epochs * self.spec.settings.train_test_num
        return {
            "starts": "starts",
            "goes on": f"goes on after epoch {self.epochs} of {total}",
            "starts over": f"starts over; what it has ({self.state}) is kept",
            "complete": f"{self.state} already: skipped",
            "running": f"is {self.state} already: skipped",
            "waiting": "waits in the queue already: skipped",
        }[self.fate]


@dataclass(frozen=True)
class StartPlan:
    """All runs of an order, and the audit's findings about those that would start, errors first."""

    runs: tuple[PlannedRun, ...]
    findings: tuple[Finding, ...]

    @property
    def to_do(self) -> tuple[PlannedRun, ...]:
        """Those that would be queued."""
        return tuple(planned for planned in self.runs if planned.fate in TO_DO)

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Findings that forbid the start."""
        return tuple(finding for finding in self.findings if finding.severity == "error")


def plan_start(target: Target, order: StartOrder) -> StartPlan:
    """Look at the study file and the runs, and change nothing. Raises UserError for what cannot be carried out."""
    from iqa_train.runs.layout import run_folder
    from iqa_train.scheduler.item_status import item_status
    from iqa_train.scheduler.queue import read_queue

    meant = meant_by(target, order)
    items = {item.key: item for item in read_queue(target.runs_dir).items}
    runs = []
    for one in meant:
        run = run_folder(target.runs_dir, one.spec)
        item = items.get(str(run.path.relative_to(target.runs_dir)))
        waits = item is not None and item_status(item, target.runs_dir).phase == "waiting"
        runs.append(_planned(one, run, waits=waits, again=order.again))
    starting = [planned.meant for planned in runs if planned.fate in TO_DO]
    return StartPlan(tuple(runs), _findings(starting or meant))


def _planned(meant: ResolvedRun, run: RunFolder, *, waits: bool, again: bool) -> PlannedRun:
    from iqa_train.runner.runner import done_before
    from iqa_train.runs.metrics import epoch_events
    from iqa_train.runs.state import run_state

    state = run_state(run)
    if state.alive:
        return PlannedRun(meant, run, "running", state.name)
    if waits and not again:
        return PlannedRun(meant, run, "waiting", "queued")
    done = done_before(run, meant.spec.model_dump(), resume=not again, again=again)
    if done is not None:
        return PlannedRun(meant, run, "complete", done.name)
    if not run.outcome():
        return PlannedRun(meant, run, "starts")
    epochs = len(epoch_events(run))
    return PlannedRun(meant, run, "starts over" if again else "goes on", state.name, epochs)


def _findings(meant: Sequence[ResolvedRun]) -> tuple[Finding, ...]:
    """Of each audit that some of the runs are part of, what concerns them; errors first."""
    from iqa_train.study.audit import SEVERITIES, audit
    from iqa_train.study.findings import findings_about

    parts: list[tuple[ResolvedRun, set[str]]] = []
    for one in meant:
        for other, names in parts:
            if (one.study, one.profile, one.overrides) == (other.study, other.profile, other.overrides):
                names.add(_audited_name(one))
                break
        else:
            parts.append((one, {_audited_name(one)}))
    found = [
        finding
        for one, names in parts
        for finding in findings_about(audit(one.study, one.profile, one.overrides), names)
    ]
    return tuple(sorted(dict.fromkeys(found), key=lambda finding: SEVERITIES.index(finding.severity)))


def _audited_name(meant: ResolvedRun) -> str:
    """A run that the study file does not have is audited as one typed by hand, under a name made from its settings."""
    return meant.spec.experiment if meant.spec.experiment in meant.study.ids else meant.study.baseline
