"""Tests for dependent correlations, against the examples of the papers and of those who checked them."""

import numpy as np
import pytest

from iqa_train.stats.dependent_correlations import Dependent, compare_correlations, williams_t, zou_interval
from iqa_train.stats.metrics import plcc, srcc
from iqa_train.stats.power import rank_inflation


def both_tests(r1: float, r2: float, r12: float, n: int, *, ranks: bool = False) -> Dependent:
    found = compare_correlations(r1, r2, r12, n, ranks=ranks)
    assert found is not None
    return found


def test_williams_by_steigers_example() -> None:
    """Steiger (1980), p. 249, case A: r = .4 and .5, .1 between them, N = 103."""
    assert williams_t(0.4, 0.5, 0.1, 103) == pytest.approx(-0.8913, abs=5e-5)


def test_williams_by_the_fortran_program() -> None:
    """Silver, Hittner and May's DEPCOR (2006), as cited by the tests of the R package cocor: t and two-sided p."""
    assert williams_t(0.3, 0.4, 0.5, 100) == pytest.approx(-1.0767, abs=5e-5)
    assert both_tests(0.3, 0.4, 0.5, 100).p_williams == pytest.approx(0.2843, abs=5e-5)


def test_zou_by_his_example() -> None:
    """Zou (2007), p. 409: r = .396 and .179, .088 between them, n = 66: (-.093, .517)."""
    assert zou_interval(0.396, 0.179, 0.088, 66) == pytest.approx((-0.093, 0.517), abs=5e-4)


def test_they_are_mirrored_when_the_two_change_places() -> None:
    one, other = both_tests(0.93, 0.92, 0.97, 2015), both_tests(0.92, 0.93, 0.97, 2015)
    assert one.p_williams == other.p_williams
    assert one.zou_interval == pytest.approx(tuple(-v for v in reversed(other.zou_interval)))


@pytest.mark.parametrize("values", [(1.0, 0.9, 0.9), (0.9, 0.9, 1.0), (float("nan"), 0.9, 0.9)])
def test_what_cannot_be_tested_is_none(values: tuple[float, float, float]) -> None:
    assert compare_correlations(*values, 100) is None
    assert compare_correlations(0.5, 0.4, 0.3, 3) is None


@pytest.mark.parametrize(("r", "between", "ranks"), [(0.5, 0.5, False), (0.93, 0.97, False), (0.93, 0.97, True)])
def test_of_equally_good_predictions_one_in_twenty_differs(r: float, between: float, ranks: bool) -> None:
    """Simulated normal data: all tests at 5 %. With ranks they err, if at all, on the careful side."""
    rng = np.random.default_rng(11)
    factor = np.linalg.cholesky(np.array([[1, r, r], [r, 1, between], [r, between, 1]]))
    measure, studies = srcc if ranks else plcc, 1500
    rejected = np.zeros(2)
    for _ in range(studies):
        y, a, b = factor @ rng.normal(size=(3, 150))
        found = both_tests(measure(a, y), measure(b, y), measure(a, b), 150, ranks=ranks)
        low, high = found.zou_interval
        rejected += [found.p_williams < 0.05, not low <= 0 <= high]
    error = 3 * (0.05 * 0.95 / studies) ** 0.5
    assert (rejected / studies < 0.05 + error).all()
    assert (rejected / studies > 0.025 - error if ranks else rejected / studies > 0.05 - error).all()


def test_ranks_vary_more_the_higher_the_correlation() -> None:
    assert rank_inflation(0.1) == 1.06
    assert rank_inflation(0.93) == pytest.approx(1.432, abs=1e-3)
