"""Holm's correction for multiple tests."""

from collections.abc import Sequence


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjusted p values, which bound the family-wise error rate. None stays None and is not counted.

    The k-th smallest of m is multiplied by m - k + 1, and raised to the adjusted value before it if that is larger
    (Holm, Scandinavian Journal of Statistics 6, 1979).
    """
    known = sorted((p, at) for at, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for place, (p, at) in enumerate(known):
        largest = max(largest, min(1.0, p * (len(known) - place)))
        adjusted[at] = largest
    return adjusted


def holm_levels(p_values: Sequence[float | None], alpha: float = 0.05) -> list[float | None]:
    """The level at which Holm's procedure tests each p: alpha / (m - rank + 1)."""
    known = sorted((p, at) for at, p in enumerate(p_values) if p is not None)
    levels: list[float | None] = [None] * len(p_values)
    for place, (_, at) in enumerate(known):
        levels[at] = alpha / (len(known) - place)
    return levels


def compatible_levels(p_values: Sequence[float | None], alpha: float = 0.05) -> list[float | None]:
    """The levels of intervals that exclude zero exactly where Holm's procedure rejects.

    A rejected p has its own level. All others have that of the first that is not rejected, at which the procedure ends.
    """
    own = holm_levels(p_values, alpha)
    kept = [level for p, level in zip(p_values, own, strict=True) if p is not None and level is not None and p > level]
    last = min(kept, default=alpha)
    return [None if level is None else min(level, last) for level in own]
