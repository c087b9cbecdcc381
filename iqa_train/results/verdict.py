"""Verdicts: whether values are as expected, and whether differences are significant."""

from collections.abc import Sequence
from dataclasses import replace

from iqa_train.results.comparison import Comparison
from iqa_train.results.table import MANY_SEEDS, Position, ResultRow
from iqa_train.runs.state_names import NOT_STARTED, OPEN
from iqa_train.stats.holm import holm
from iqa_train.stats.interval import Interval
from iqa_train.stats.registry import METRICS
from iqa_train.stats.seed_uncertainty import seeds_needed

LEVEL = 0.05

TOLERANCE = 0.0005
"""Expectations have three decimals, so a value within rounding of the range counts as within it."""

MORE_IMAGES = "no number of seeds could make this difference significant: more test images are needed"


def position(value: float | None, expected: Interval | None) -> Position | None:
    """Position of `value` relative to the expected range; None if either is missing."""
    if value is None or expected is None:
        return None
    low, high = expected
    slack = TOLERANCE + 1e-9
    return "below" if value < low - slack else "above" if value > high + slack else "within"


def with_verdicts(
    rows: Sequence[ResultRow], comparisons: Sequence[Comparison | None], metric: str = "srcc"
) -> list[ResultRow]:
    """The rows of one study with positions, Holm-adjusted p and verdicts; `comparisons` belong to the rows, in order.

    Distinguishable: the adjusted p is below 0.05 and the interval of the difference excludes zero. Differences at an
    epoch (provisional rows) get no verdict.
    """
    adjusted = holm([row.p for row in rows])
    return [_judged(row, p, one, metric) for row, p, one in zip(rows, adjusted, comparisons, strict=True)]


def is_better(delta: float, metric: str) -> bool:
    """Whether a nonzero difference is an improvement: for error metrics, lower is better."""
    return (delta > 0) is METRICS[metric].higher_is_better


def _judged(row: ResultRow, p_holm: float | None, comparison: Comparison | None, metric: str) -> ResultRow:
    row = replace(
        row,
        p_holm=p_holm,
        position=position(row.value, row.expected),
        delta_position=position(row.delta, row.expected_delta),
    )
    if row.p is None or p_holm is None or row.delta is None or row.delta_interval is None or comparison is None:
        return row
    low, high = row.delta_interval
    differs = p_holm < LEVEL and not low <= 0 <= high
    if differs or comparison.image_variance is None:
        return replace(row, distinguishable=differs, better=is_better(row.delta, metric) if differs else None)
    # The level that Holm leaves for this row, so that the number of seeds accounts for the other experiments.
    level = LEVEL * row.p / p_holm
    needed = seeds_needed(row.delta, comparison.image_variance, comparison.seed_variance, level)
    if needed is None:
        why = MORE_IMAGES if row.delta else "the difference is exactly zero"
        return replace(row, distinguishable=False, notes=(*row.notes, why))
    needed = max(needed, len(comparison.shared) + 1)
    return replace(row, distinguishable=False, seeds_needed=needed, notes=(*row.notes, _why_needed(needed, comparison)))


def _why_needed(needed: int, comparison: Comparison) -> str:
    """The number of seeds needed, and what it is based on."""
    if comparison.seed_variance is None:
        return (
            f"{_seeds(needed)} are needed if the disagreement of the two runs varies with the seed, which one "
            "seed each cannot show"
        )
    images, seeds = (comparison.image_variance or 0.0) ** 0.5, comparison.seed_variance**0.5
    return (
        f"{_seeds(needed)} are needed: the difference varies by {seeds:.4f} (SD) between seeds, and the choice "
        f"of test images adds {images:.4f} for any number of seeds"
    )


def verdict_text(row: ResultRow, baseline: str = "the baseline") -> str:
    """The verdict as a phrase, such as "within, differs significantly from the baseline: worse"."""
    if row.reported:
        return "reported"
    if row.value is None:
        if row.state == NOT_STARTED:
            return NOT_STARTED
        return "failed" if row.state == "failed" else "no result" if _ended(row.state) else "pending"
    parts: list[str] = [row.position or row.delta_position or ""]
    if row.distinguishable:
        how = {True: ": better", False: ": worse", None: ""}[row.better]
        parts.append(f"differs significantly from {baseline}{how}")
    elif row.distinguishable is False:
        parts.append("no significant difference" + _needed(row))
    text = ", ".join(part for part in parts if part) or "measured"
    if row.provisional:
        text = f"provisional at epoch {row.epoch}: {text}" if row.epoch is not None else f"provisional: {text}"
    return text


def _needed(row: ResultRow) -> str:
    if row.seeds_needed is not None:
        return f" ({_seeds(row.seeds_needed)} needed)"
    return " (more test images needed)" if MORE_IMAGES in row.notes else ""


def _seeds(needed: int) -> str:
    return f"more than {MANY_SEEDS:,} seeds" if needed > MANY_SEEDS else f"about {needed} seeds"


def _ended(state: str) -> bool:
    return bool(state) and not OPEN & set(state.split("/"))
