"""What a row says: where it lies in what was expected, and whether its difference is more than chance."""

from collections.abc import Sequence
from dataclasses import replace

from iqa_train.results.comparison import Comparison
from iqa_train.results.table import Position, ResultRow
from iqa_train.runs.state_names import NOT_STARTED, OPEN
from iqa_train.stats.holm import holm
from iqa_train.stats.interval import Interval
from iqa_train.stats.registry import METRICS
from iqa_train.stats.seed_uncertainty import seeds_needed

LEVEL = 0.05

TOLERANCE = 0.0005
"""Expectations are given to three decimals; what rounds to one that is expected is expected."""

MORE_IMAGES = "no number of seeds would tell this difference from zero: more test images are needed"


def position(value: float | None, expected: Interval | None) -> Position | None:
    """Where `value` lies; None where either is missing."""
    if value is None or expected is None:
        return None
    low, high = expected
    slack = TOLERANCE + 1e-9
    return "below" if value < low - slack else "above" if value > high + slack else "within"


def with_verdicts(
    rows: Sequence[ResultRow], comparisons: Sequence[Comparison | None], metric: str = "srcc"
) -> list[ResultRow]:
    """The rows of one study with positions, Holm-adjusted p and verdicts; `comparisons` are what each row came from.

    Distinguishable: the adjusted p is below 0.05 and the interval of the difference excludes zero. A provisional row's
    difference, by epoch, is not judged.
    """
    adjusted = holm([row.p for row in rows])
    return [_judged(row, p, one, metric) for row, p, one in zip(rows, adjusted, comparisons, strict=True)]


def is_better(delta: float, metric: str) -> bool:
    """Whether a difference of `delta`, not 0, is for the better: of an error, the lower is."""
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
    # The level that Holm leaves to this row, so that the seeds named would be enough beside the other experiments.
    level = LEVEL * row.p / p_holm
    needed = seeds_needed(row.delta, comparison.image_variance, comparison.seed_variance, level)
    if needed is None:
        why = MORE_IMAGES if row.delta else "the difference is exactly zero"
        return replace(row, distinguishable=False, notes=(*row.notes, why))
    needed = max(needed, len(comparison.shared) + 1)
    return replace(row, distinguishable=False, seeds_needed=needed, notes=(*row.notes, _why(needed, comparison)))


def _why(needed: int, comparison: Comparison) -> str:
    """Where the number of seeds comes from."""
    if comparison.seed_variance is None:
        return (
            f"about {needed:,} seeds would tell, if what the two runs disagree on changes with the seed; one seed each "
            "cannot say"
        )
    images, seeds = (comparison.image_variance or 0.0) ** 0.5, comparison.seed_variance**0.5
    return (
        f"about {needed:,} seeds would tell: the difference varies by {seeds:.4f} (SD) from seed to seed, "
        f"and the choice of test images adds {images:.4f} however many there are"
    )


def verdict_text(row: ResultRow, baseline: str = "the baseline") -> str:
    """One phrase for a person, such as "within, distinguishable from the baseline: worse"."""
    if row.reported:
        return "reported"
    if row.value is None:
        if row.state == NOT_STARTED:
            return NOT_STARTED
        return "failed" if row.state == "failed" else "no result" if _ended(row.state) else "pending"
    parts: list[str] = [row.position or row.delta_position or ""]
    if row.distinguishable:
        how = {True: ": better", False: ": worse", None: ""}[row.better]
        parts.append(f"distinguishable from {baseline}{how}")
    elif row.distinguishable is False:
        parts.append("not distinguishable" + _how_many(row))
    text = ", ".join(part for part in parts if part) or "measured"
    if row.provisional:
        text = f"provisional at epoch {row.epoch}: {text}" if row.epoch is not None else f"provisional: {text}"
    return text


def _how_many(row: ResultRow) -> str:
    if row.seeds_needed is not None:
        return f": about {row.seeds_needed:,} seeds"
    return ": more test images" if MORE_IMAGES in row.notes else ""


def _ended(state: str) -> bool:
    return bool(state) and not OPEN & set(state.split("/"))
