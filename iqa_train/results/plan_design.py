"""The `[design]` that a plan proposes: how many seeds at most, and in which order."""

from collections.abc import Mapping

from iqa_train.results.plan import Plan
from iqa_train.stats.planning import MOST_SEEDS, POWER, power
from iqa_train.stats.spending import FIRST_SEEDS
from iqa_train.study.design import Design

_LAST_LOOKS = (5, 7, 10, 15, MOST_SEEDS)


def proposed_design(
    plan: Plan, margins: Mapping[str, float], seeds: tuple[int, ...], hours: float | None = None
) -> Design:
    """Looks from three seeds on, to the first number at which each difference that can be shown is, with 80 % power.

    At a look, p has to be smaller than at a fixed number of seeds; that is taken into account. Differences below the
    floor do not count, and `hours` may end it earlier. Without measurements, the last look is at 10. `seeds` are the
    study's; those that have run are not used again, since their results are known.
    """
    last = 10 if plan.inputs.basis == "none" else _last_look(plan)
    if hours is not None:
        last = max([FIRST_SEEDS, *(k for k in range(FIRST_SEEDS, last + 1) if _hours(plan, k) <= hours)])
    used = plan.inputs.used
    start = max(used) + 1 if used else None
    consecutive = seeds == tuple(range(seeds[0], seeds[0] + len(seeds)))
    order: str | tuple[int, ...] = f"{seeds[0] if start is None else start}.."
    if start is None and not consecutive:
        order = Design(max_seeds=last).order(seeds)
    return Design(
        metric=plan.inputs.metric,
        min_seeds=FIRST_SEEDS,
        max_seeds=last,
        alpha=plan.alpha,
        margin=margins.get(plan.inputs.metric, 0.0),
        budget_hours=float(hours or 0.0),
        seeds=order,
    )


def _last_look(plan: Plan) -> int:
    from iqa_train.stats.sequential import smallest_p

    m = len(plan.inputs.experiments)
    reachable = [row for row in plan.effects if row.difference >= row.floor]
    for last in _LAST_LOOKS:
        level = smallest_p(FIRST_SEEDS, last, m).level(plan.alpha / m)
        spreads = plan.inputs.spreads
        if all(power(row.difference, last, spreads[row.experiment], m, level=level) >= POWER for row in reachable):
            return last if reachable else 10
    return MOST_SEEDS


def _hours(plan: Plan, seeds: int) -> float:
    """Of that many new seeds of every experiment."""
    return (plan.round_hours or 0.0) * seeds
