"""Contributions of components: how much the baseline loses without each."""

from dataclasses import dataclass

from iqa_train.results.factors import COMMAND
from iqa_train.results.table import ResultRow, StudyResults
from iqa_train.stats.interval import Interval
from iqa_train.stats.registry import METRICS


@dataclass(frozen=True)
class Contribution:
    """What the baseline gains from what an experiment changes, in the metric's unit; positive: it helps.

    Only a `single` contribution belongs to one component; several factors have a joint effect.
    """

    experiment: str
    title: str
    factors: tuple[str, ...]
    gain: float
    interval: Interval | None
    distinguishable: bool | None
    provisional: bool

    @property
    def single(self) -> bool:
        """Whether it comes from exactly one factor."""
        return len(self.factors) == 1

    @property
    def label(self) -> str:
        """The factors, joined if there are several."""
        if not self.factors:
            return f"{self.experiment} (no effective setting differs)"
        return self.factors[0] if self.single else " + ".join(self.factors) + " together"


@dataclass(frozen=True)
class Step:
    """A bar of the waterfall, from `start` to `end`; `interval` is that of `end`.

    Every step starts at the baseline. Steps are not stacked: effects of single changes do not add up.
    """

    experiment: str
    label: str
    start: float
    end: float
    interval: Interval | None
    single: bool
    provisional: bool = False


def contributions(results: StudyResults) -> list[Contribution]:
    """Contributions of all experiments with a difference from the baseline, single-factor ones first.

    A model from elsewhere, or one of another program than the baseline's, is a rival: it changes no component.
    """
    sign = -1.0 if METRICS[results.metric].higher_is_better else 1.0
    changes = [row for row in results.rows if not (row.reported or row.external or COMMAND in row.factors)]
    found = [_contribution(row, row.delta, sign) for row in changes if row.delta is not None]
    return sorted(found, key=lambda one: not one.single)


def waterfall(results: StudyResults) -> list[Step]:
    """The baseline's value as a bar from 0, then a step for each contribution; [] without a baseline value."""
    base = results.baseline_row
    if base is None or base.value is None:
        return []
    top = base.value
    steps = [Step(base.experiment, base.title or base.experiment, 0.0, top, base.interval, single=False)]
    for one in contributions(results):
        row = results.row(one.experiment)
        assert row.delta is not None
        ends = None if row.delta_interval is None else (top + row.delta_interval[0], top + row.delta_interval[1])
        steps.append(Step(one.experiment, one.label, top, top + row.delta, ends, one.single, one.provisional))
    return steps


def optimism(results: StudyResults) -> dict[str, float]:
    """Experiment -> how much higher the SRCC would be if the epoch were chosen on test, where known."""
    return {row.experiment: row.optimism for row in results.rows if row.optimism is not None}


def _contribution(row: ResultRow, delta: float, sign: float) -> Contribution:
    span = row.delta_interval
    ends = None if span is None else (sign * span[0], sign * span[1])
    return Contribution(
        row.experiment,
        row.title,
        row.factors,
        gain=sign * delta,
        interval=None if ends is None else (min(ends), max(ends)),
        distinguishable=row.distinguishable,
        provisional=row.provisional,
    )
