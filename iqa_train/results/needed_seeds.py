"""How many seeds would show a difference that is not decided: with 80 % assurance, or no number is given."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from iqa_train.results.comparison import Comparison
from iqa_train.results.table import ResultRow
from iqa_train.stats.planning import MOST_SEEDS, USUAL_EFFECT, Spread, Undecided, assured_seeds
from iqa_train.stats.registry import METRICS
from iqa_train.stats.spending import FIRST_SEEDS

SPREAD_UNKNOWN = (
    "how much the difference varies from seed to seed is not known: three seeds would show how many are needed"
)

_SHARED_BASELINE = 0.75
"""Degrees of freedom of experiments' variances over seeds, each counted by itself, that are left as they share the
baseline's runs."""


@dataclass(frozen=True)
class PooledVariance:
    """The variance of a difference over seeds, from all experiments, and the degrees of freedom that it has."""

    variance: float
    degrees: float


def pooled_variance(comparisons: Sequence[Comparison | None]) -> PooledVariance | None:
    """Of the comparisons over two shared seeds or more; None if there are none."""
    usable = [one.contrast for one in comparisons if one is not None and _is_over_seeds(one) and one.contrast]
    degrees = sum(len(contrast.shared) - 1 for contrast in usable)
    if not degrees:
        return None
    variance = sum(contrast.variance * (len(contrast.shared) - 1) for contrast in usable) / degrees
    return PooledVariance(variance, degrees * (_SHARED_BASELINE if len(usable) > 1 else 1.0))


def with_needed_seeds(
    rows: Sequence[ResultRow],
    comparisons: Sequence[Comparison | None],
    level: float,
    metric: str,
    most: int = MOST_SEEDS,
) -> list[ResultRow]:
    """The rows, with a number of seeds for those that are not decided, and a note on it.

    Its p is to be below what Holm's correction leaves once the decided ones are rejected, `level` / (m - decided): to
    reckon with more would count on other undecided ones. From one or two seeds there is no number: in simulations, of
    those named from two only 55 to 70 of 100 would come true. Metrics without bounds get none, as it depends on the
    differences that are thought possible: half of the widest expected one, else 0.004.
    """
    pooled = pooled_variance(comparisons)
    effect = max((abs(end) for row in rows for end in row.expected_delta or ()), default=2 * USUAL_EFFECT) / 2
    family = sum(row.p is not None for row in rows)
    left = level / max(1, family - sum(bool(row.distinguishable) for row in rows))
    found = []
    for row, one in zip(rows, comparisons, strict=True):
        if row.distinguishable is not False or row.same or one is None:
            found.append(row)
        elif row.scope == "runs":
            found.append(replace(row, notes=(*row.notes, SPREAD_UNKNOWN)))
        elif pooled is None or METRICS[metric].bounds[1] > 1 or (case := _undecided(row, one, pooled)) is None:
            found.append(row)
        else:
            found.append(
                _named(row, replace(case, experiments=family, level=left, effect=effect or USUAL_EFFECT), most)
            )
    return found


def _undecided(row: ResultRow, one: Comparison, pooled: PooledVariance) -> Undecided | None:
    """What is known of a difference; None for one that is not over three of the experiment's seeds or more."""
    if not _is_over_seeds(one) or len(one.shared) < FIRST_SEEDS or one.contrast is None or row.delta is None:
        return None
    parts = one.contrast.parts
    spread = Spread(parts.shared, pooled.variance, parts.interaction)
    return Undecided(row.delta, len(one.shared), spread, pooled.degrees, own=one.contrast.variance)


def _named(row: ResultRow, case: Undecided, most: int) -> ResultRow:
    needed = assured_seeds(case, most)
    if needed is None:
        note = f"not within {most} seeds, with 80 % assurance"
        return replace(row, seeds_limit=most, notes=(*row.notes, note))
    note = f"about {needed} seeds would show the difference with 80 % assurance"
    return replace(row, seeds_needed=needed, notes=(*row.notes, note))


def _is_over_seeds(one: Comparison) -> bool:
    return one.contrast is not None and one.contrast.paired and len(one.shared) > 1 and not one.borrowed
