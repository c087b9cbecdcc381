"""Several differences are tested at once: Holm's correction."""

from collections.abc import Sequence


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjusted p, so that all below 0.05 together are wrong in at most 5 of 100 studies. None stays None, uncounted.

    The k-th smallest of m is multiplied by m - k + 1, and none is made smaller than a smaller one's (Holm,
    Scandinavian Journal of Statistics 6, 1979).
    """
    known = sorted((p, at) for at, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for place, (p, at) in enumerate(known):
        largest = max(largest, min(1.0, p * (len(known) - place)))
        adjusted[at] = largest
    return adjusted
