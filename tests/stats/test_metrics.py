"""The metrics against SciPy's, with ties, extreme scales and edge cases."""

import math
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from iqa_train.stats import metrics
from iqa_train.stats.concordance import concordance
from iqa_train.stats.metrics import krcc, plcc, rmse, srcc

Measure = Callable[[np.ndarray, np.ndarray], float]
SCIPY = {srcc: stats.spearmanr, krcc: stats.kendalltau, plcc: stats.pearsonr}
CORRELATIONS = pytest.mark.parametrize("measure", SCIPY, ids=lambda m: m.__name__)

ties = st.integers(-2, 2).map(float)
plain = st.floats(-100, 100).map(lambda v: round(v, 3))
pairs = st.one_of(
    st.lists(st.tuples(ties, ties), min_size=2, max_size=40),
    st.lists(st.tuples(plain, plain), min_size=2, max_size=40),
    st.lists(st.tuples(plain, ties), min_size=2, max_size=40),
)
scales = st.sampled_from([1e-300, 1e-160, 1e-9, 1.0, 1e9, 1e160, 1e300])


def reference(measure: Measure, x: np.ndarray, y: np.ndarray) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # constant input: SciPy warns and answers NaN
        return float(SCIPY[measure](x, y).statistic)


def agree(measure: Measure, x: np.ndarray, y: np.ndarray, tolerance: float = 1e-9) -> None:
    ours, theirs = measure(x, y), reference(measure, x, y)
    assert ours == pytest.approx(theirs, abs=tolerance, nan_ok=True)
    if not math.isnan(ours):
        assert -1 <= ours <= 1


@CORRELATIONS
@given(pairs=pairs, scale_x=scales, scale_y=scales)
def test_correlations_are_scipys(
    measure: Measure, pairs: list[tuple[float, float]], scale_x: float, scale_y: float
) -> None:
    x, y = np.array(pairs).T
    agree(measure, x * scale_x, y * scale_y)


@CORRELATIONS
@pytest.mark.parametrize("n", [2, 3, 100, 2015])
def test_correlations_at_the_sizes_of_real_sets(measure: Measure, n: int) -> None:
    rng = np.random.default_rng(n)
    x = rng.normal(60, 15, n)
    agree(measure, x, x + rng.normal(0, 5, n))
    agree(measure, x, rng.integers(1, 6, n).astype(float))


@given(pairs=pairs)
def test_concordance_counts_every_pair(pairs: list[tuple[float, float]]) -> None:
    x, y = np.array(pairs).T
    signs = np.sign(np.subtract.outer(x, x)) * np.sign(np.subtract.outer(y, y))
    assert concordance(x, y).tolist() == signs.sum(axis=1).tolist()


@CORRELATIONS
@pytest.mark.parametrize("n", [2, 3, 5, 6, 7, 10, 101, 2015, 3001])
def test_perfect_agreement_is_exactly_one(measure: Measure, n: int) -> None:
    x = np.random.default_rng(n).normal(60, 15, n)
    assert measure(x, x.copy()) == 1.0
    assert measure(x, -x) == -1.0


@pytest.mark.parametrize("measure", [srcc, krcc], ids=lambda m: m.__name__)
@pytest.mark.parametrize("n", [2, 3, 6, 11, 500, 2015])
def test_perfect_order_is_exactly_one_even_with_ties(measure: Measure, n: int) -> None:
    x = np.random.default_rng(n).normal(0, 1, n)
    assert measure(x, np.exp(x)) == 1.0
    assert measure(x, -np.exp(x)) == -1.0
    tied = np.round(np.append(x, [x[0], x[-1]]), 2)
    assert measure(tied, tied**3) == 1.0


@CORRELATIONS
def test_nothing_to_correlate_is_nan(measure: Measure) -> None:
    x = np.array([1.0, 2.0, 3.0])
    constant = np.full(3, 0.1 + 0.2)
    for a, b in ((x, constant), (constant, x), (constant, constant), (x[:1], x[:1]), (x[:0], x[:0])):
        assert math.isnan(measure(a, b))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("measure", [*SCIPY, rmse], ids=lambda m: m.__name__)
def test_a_value_that_is_no_number_is_nan(measure: Measure, value: float) -> None:
    x, bad = np.array([1.0, 2.0, 3.0]), np.array([1.0, value, 2.0])
    assert math.isnan(measure(x, bad))
    assert math.isnan(measure(bad, x))
    assert math.isnan(measure(bad, bad))


@pytest.mark.parametrize("measure", [*SCIPY, rmse], ids=lambda m: m.__name__)
@pytest.mark.parametrize("lengths", [(3, 2), (3, 1), (1, 3), (0, 1)])
def test_lists_of_different_lengths_are_refused(measure: Measure, lengths: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="equal length"):
        measure(np.arange(float(lengths[0])), np.arange(float(lengths[1])))


@given(pairs)
def test_rmse_is_numpys(pairs: list[tuple[float, float]]) -> None:
    x, y = np.array(pairs).T
    assert rmse(x, y) == pytest.approx(np.linalg.norm(x - y) / np.sqrt(len(x)), rel=1e-12)


def test_rmse_of_few() -> None:
    assert math.isnan(rmse(np.empty(0), np.empty(0)))
    assert rmse(np.array([3.0]), np.array([5.0])) == 2.0


@given(st.lists(st.one_of(ties, plain), min_size=1, max_size=60))
def test_ranks_are_scipys(values: list[float]) -> None:
    x = np.array(values)
    assert metrics.ranks(x).tolist() == stats.rankdata(x).tolist()


def test_a_result_holds_every_measure_and_none_where_it_is_undefined() -> None:
    constant, scores = np.array([3.0, 3.0]), np.array([3.0, 5.0])
    assert metrics.measure(constant, scores) == {"srcc": None, "krcc": None, "plcc": None, "rmse": 2**0.5}
    assert metrics.measure(scores, scores) == {"srcc": 1.0, "krcc": 1.0, "plcc": 1.0, "rmse": 0.0}
