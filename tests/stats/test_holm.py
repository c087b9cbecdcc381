"""Holm's correction, by hand and by its properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iqa_train.stats.holm import compatible_levels, holm


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


@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=12))
def test_at_its_compatible_level_a_p_is_significant_exactly_where_holm_rejects(p_values: list[float | None]) -> None:
    levels = compatible_levels(p_values, 0.05)
    for p, level, adjusted in zip(p_values, levels, holm(p_values), strict=True):
        assert (p is None) == (level is None)
        if p is not None and level is not None and adjusted is not None and abs(adjusted - 0.05) > 1e-12:
            assert (p <= level) == (adjusted < 0.05)


def test_compatible_levels_end_at_the_first_p_that_is_not_rejected() -> None:
    assert compatible_levels([0.001, 0.9, 0.03, None]) == pytest.approx([0.05 / 3, 0.025, 0.025, None])
    assert compatible_levels([0.001, 0.002]) == pytest.approx([0.025, 0.05])
