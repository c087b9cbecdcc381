"""What a study can show with the hours there are: `iqa-train plan` as data."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

from iqa_train.results.plan_inputs import PlanInputs, typical
from iqa_train.stats.planning import (
    ALPHA,
    MOST_SEEDS,
    Spread,
    best_baseline_share,
    enough_seeds,
    floor,
    power,
    smallest_difference,
    smallest_margin,
)
from iqa_train.stats.spending import FIRST_SEEDS, Spending, Target, spend

_SEEDS = (3, 4, 5, 7, 10, 15, 20)
_CLEAR = 0.05  # by how much one of two purchases has to be better to be advised


@dataclass(frozen=True)
class PlanRow:
    """So many seeds of every experiment: runs in all and still to do, their hours, and what they show.

    `smallest` is the smallest difference with 80 % power; `range` the same for the ends of the interval of the spread
    over seeds; `twice_images` with twice the test images.
    """

    seeds: int
    runs: int
    to_do: int
    hours: float | None
    smallest: float
    range: tuple[float, float]
    twice_images: float


@dataclass(frozen=True)
class EffectRow:
    """An experiment's difference to be found: the floor of its own variances, the seeds that show it with 80 % power.

    `seeds` is None where at most 20 do not; `images` is then how many times as many test images it takes for the floor
    to be as low as the difference, 1.0 where it is.
    """

    experiment: str
    difference: float
    declared: bool
    floor: float
    seeds: int | None
    images: float


@dataclass(frozen=True)
class HoursPlan:
    """What `hours` buy: the same number of seeds for all (None: not three), or where each seed adds most."""

    hours: float
    seeds: int | None
    powers: Mapping[str, float]
    spending: Spending
    spending_powers: Mapping[str, float]


@dataclass(frozen=True)
class Plan:
    """All that is known beforehand. Without a basis there is only the proposal of a pilot."""

    inputs: PlanInputs
    alpha: float = ALPHA
    spread: Spread | None = None
    sd_range: tuple[float, float] | None = None
    round_hours: float | None = None
    round_range: tuple[float, float] | None = None
    rows: tuple[PlanRow, ...] = ()
    floor: float | None = None
    floor_twice_images: float | None = None
    smallest_margin: float | None = None
    effects: tuple[EffectRow, ...] = ()
    baseline_share: float | None = None
    images_from: int | None = None
    hours: HoursPlan | None = None

    @property
    def runs_saved(self) -> float | None:
        """How many times as many runs would be needed without common seeds."""
        return None if self.inputs.rho is None else 1 / (1 - self.inputs.rho)

    def as_json(self) -> dict[str, Any]:
        """The output of `iqa-train plan --json`."""
        from dataclasses import asdict

        inputs = asdict(self.inputs) | {"used": list(self.inputs.used)}
        whole = {key: value for key, value in asdict(self).items() if key != "inputs"}
        return {"inputs": inputs, "runs_saved": self.runs_saved, **whole}


def make_plan(inputs: PlanInputs, hours: float | None = None, alpha: float = ALPHA) -> Plan:
    """The plan of a study whose finished runs gave `inputs`; `hours` of one device are there to spend."""
    if inputs.basis == "none" or inputs.seed is None or not inputs.experiments:
        return Plan(inputs, alpha, round_hours=_hours(inputs.times.round))
    usual = typical(list(inputs.spreads.values()))
    m = len(inputs.experiments)
    ends = _sd_range(inputs)
    counts = sorted({*_SEEDS, *(() if hours is None else _affordable(inputs, hours))})
    rows = tuple(_row(inputs, usual, k, ends, alpha) for k in counts)
    others = [inputs.times.seconds.get(name, 1.0) for name in inputs.experiments]
    cost = sum(others) / inputs.times.seconds.get(inputs.baseline, 1.0)
    return Plan(
        inputs,
        alpha,
        spread=usual,
        sd_range=ends,
        round_hours=_hours(inputs.times.round),
        round_range=_round_range(inputs),
        rows=rows,
        floor=floor(usual.shared, m, alpha) if usual.shared else None,  # an estimate of 0 is no floor of 0
        floor_twice_images=floor(usual.shared / 2, m, alpha) if usual.shared else None,
        smallest_margin=smallest_margin(usual.shared, m, alpha) if usual.shared else None,
        effects=tuple(_effect(inputs, name, alpha) for name in inputs.experiments),
        baseline_share=None if inputs.rho is None else best_baseline_share(inputs.rho, cost),
        images_from=_images_from(usual, m, alpha),
        hours=None if hours is None or inputs.times.round is None else _with_hours(inputs, hours, alpha),
    )


def runs_to_do(inputs: PlanInputs, seeds: int) -> dict[str, int]:
    """Runs of each experiment that `seeds` seeds of all still need."""
    return {name: max(0, seeds - done) for name, done in inputs.done.items()}


def _row(inputs: PlanInputs, usual: Spread, k: int, ends: tuple[float, float], alpha: float) -> PlanRow:
    m = len(inputs.experiments)
    to_do = runs_to_do(inputs, k)

    def smallest(spread: Spread) -> float:
        return smallest_difference(k, spread, m, level=alpha / m)

    low, high = (Spread(usual.shared, max(end**2, usual.interaction), usual.interaction) for end in ends)
    return PlanRow(
        k,
        k * (m + 1),
        sum(to_do.values()),
        _hours(_cost(inputs, to_do)),
        smallest(usual),
        (smallest(low), smallest(high)),
        smallest(usual.with_images(2)),
    )


def _effect(inputs: PlanInputs, name: str, alpha: float) -> EffectRow:
    m, spread, difference = len(inputs.experiments), inputs.spreads[name], inputs.effects[name]
    least = floor(spread.shared, m, alpha)
    seeds = enough_seeds(difference, spread, m, most=MOST_SEEDS, level=alpha / m)
    return EffectRow(name, difference, name in inputs.declared, least, seeds, max(1.0, (least / difference) ** 2))


def _with_hours(inputs: PlanInputs, hours: float, alpha: float) -> HoursPlan:
    m, seconds = len(inputs.experiments), inputs.times.seconds
    affordable = _affordable(inputs, hours)
    equal = affordable[0] if affordable else None

    def target(name: str) -> Target:
        spread = inputs.spreads.get(name, Spread(0.0, 0.0))
        return Target(inputs.effects.get(name, 0.0), spread, max(1.0, seconds[name]), inputs.done[name])

    spending = spend(
        [target(name) for name in inputs.experiments],
        target(inputs.baseline),
        hours * 3600,
        rho=inputs.rho or 0.0,
        alpha=alpha,
    )
    powers = {
        name: power(inputs.effects[name], equal, inputs.spreads[name], m, level=alpha / m) if equal else 0.0
        for name in inputs.experiments
    }
    return HoursPlan(hours, equal, powers, spending, dict(zip(inputs.experiments, spending.powers, strict=True)))


def _affordable(inputs: PlanInputs, hours: float) -> tuple[int, ...]:
    """The most seeds of all experiments that `hours` pay for, if they are three or more."""
    found = 0
    for k in range(FIRST_SEEDS, 10 * MOST_SEEDS):
        cost = _cost(inputs, runs_to_do(inputs, k))
        if cost is None or cost > hours * 3600:
            break
        found = k
    return (found,) if found else ()


def _images_from(spread: Spread, m: int, alpha: float) -> int | None:
    """From how many seeds on twice the test images bring more than twice the seeds; None: not up to 20."""
    for k in range(FIRST_SEEDS, MOST_SEEDS + 1):
        more_seeds = smallest_difference(2 * k, spread, m, level=alpha / m)
        more_images = smallest_difference(k, spread.with_images(2), m, level=alpha / m)
        if more_images < more_seeds * (1 - _CLEAR):
            return k
    return None


def _sd_range(inputs: PlanInputs) -> tuple[float, float]:
    """95 % interval of the SD over seeds, from its degrees of freedom."""
    from scipy.special import chdtri  # not for every start of the program

    assert inputs.seed is not None
    total = inputs.seed.variance * inputs.seed.degrees
    low, high = (sqrt(total / float(chdtri(inputs.seed.degrees, tail))) for tail in (0.025, 0.975))
    return low, high


def _round_range(inputs: PlanInputs) -> tuple[float, float] | None:
    """95 % interval of the hours of a round; None where no experiment has run twice."""
    from scipy.special import stdtrit

    times = inputs.times
    if times.error is None or times.round is None:
        return None
    aside = float(stdtrit(times.degrees, 0.975)) * times.error
    return max(0.0, times.round - aside) / 3600, (times.round + aside) / 3600


def _cost(inputs: PlanInputs, runs: Mapping[str, int]) -> float | None:
    seconds = inputs.times.seconds
    return sum(seconds[name] * count for name, count in runs.items()) if seconds else None


def _hours(seconds: float | None) -> float | None:
    return None if seconds is None else seconds / 3600
