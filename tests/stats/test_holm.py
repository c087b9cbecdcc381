"""Holm's correction, by hand and by its properties."""

from hypothesis import given
from hypothesis import strategies as st

from iqa_train.stats.holm import holm


def test_by_hand() -> None:
    """0.01 x 4, then the larger of that and 0.02 x 3, and so on; R's p.adjust(c(.01, .04, .03, .02), "holm")."""
    assert [round(p, 12) for p in holm([0.01, 0.04, 0.03, 0.02])] == [0.04, 0.06, 0.06, 0.06]
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([0.03]) == [0.03]
    assert holm([]) == []


def test_what_was_not_tested_does_not_count() -> None:
    assert holm([None, 0.02, None, 0.04]) == [None, 0.04, None, 0.04]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_order_is_kept_and_nothing_gets_smaller(values: list[float]) -> None:
    adjusted = holm(values)
    assert all(p <= a <= 1 for p, a in zip(values, adjusted, strict=True))
    assert [a for _, a in sorted(zip(values, adjusted, strict=True))] == sorted(adjusted)
    assert min(adjusted) == min(1.0, min(values) * len(values))
