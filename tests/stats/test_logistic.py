"""The logistic fit before PLCC and RMSE: recovers known curves, and notes when it cannot fit."""

import math
import warnings
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import curve_fit

from iqa_train.stats.logistic import fit_logistic, logistic4, logistic5
from iqa_train.stats.logistic_search import best_curve
from iqa_train.stats.metrics import plcc, rmse

BOTH = pytest.mark.parametrize("parameters", [4, 5])


def curved(n: int = 400, noise: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    q = rng.uniform(0, 1, n)
    return q, logistic4(q, 95.0, 10.0, 0.5, 0.08) + rng.normal(0, noise, n)


def test_the_formula_is_the_papers() -> None:
    q = np.array([0.1, 0.5, 2.0])
    assert logistic4(q, 9, 1, 0.5, -0.2) == pytest.approx(1 + 8 / (1 + np.exp(-(q - 0.5) / 0.2)))
    expected = 7 * (0.5 - 1 / (1 + np.exp(3 * (q - 0.5)))) + 2 * q + 4
    assert logistic5(q, 7, 3, 0.5, 2, 4) == pytest.approx(expected)


@BOTH
def test_a_curve_without_noise_is_found_again(parameters: int) -> None:
    q, scores = curved(noise=0.0)
    fit = fit_logistic(q, scores, parameters)
    assert fit.note == ""
    assert fit.rmse < 1e-4
    assert fit.plcc == pytest.approx(1.0, abs=1e-9)


@BOTH
def test_what_is_curved_fits_better_than_before_and_nothing_fits_worse_than_a_line(parameters: int) -> None:
    q, scores = curved()
    fit = fit_logistic(q, scores, parameters)
    assert fit.plcc > plcc(q, scores) + 0.01
    assert fit.rmse == pytest.approx(3.0, rel=0.1)
    assert (fit.plcc, fit.rmse) == (plcc(fit.mapped, scores), rmse(fit.mapped, scores))


@BOTH
@pytest.mark.parametrize(("scale", "shift"), [(1e-6, 0.0), (1e6, 1e7), (-1.0, 3.0), (1e-290, 0.0), (1e290, 0.0)])
def test_unit_origin_and_direction_of_the_predictions_do_not_matter(
    parameters: int, scale: float, shift: float
) -> None:
    q, scores = curved()
    fit, other = fit_logistic(q, scores, parameters), fit_logistic(q * scale + shift, scores, parameters)
    assert other.rmse == pytest.approx(fit.rmse, rel=1e-4)


@BOTH
def test_a_line_is_fitted_as_well_as_by_a_line(parameters: int) -> None:
    rng = np.random.default_rng(6)
    q = rng.normal(size=300)
    scores = 60 + 10 * q + rng.normal(0, 2, 300)
    fit = fit_logistic(q, scores, parameters)
    line = np.polyval(np.polyfit(q, scores, 1), q)
    assert fit.rmse <= rmse(line, scores) * 1.001


@BOTH
@pytest.mark.parametrize(
    ("q", "scores", "says"),
    [
        (np.full(30, 0.3), np.arange(30.0), "the predictions are constant"),
        (np.arange(30.0), np.full(30, 3.0), "the scores are constant"),
        (np.append(np.arange(19.0), math.nan), np.arange(20.0), "some values are not finite numbers"),
        (np.arange(29.0), np.arange(29.0), "29 images are too few (at least 30 are needed)"),
    ],
)
def test_where_there_is_no_fit_the_note_says_why(parameters: int, q: np.ndarray, scores: np.ndarray, says: str) -> None:
    fit = fit_logistic(q, scores, parameters)
    assert fit.mapped is None and math.isnan(fit.plcc) and math.isnan(fit.rmse)
    assert says in fit.note


def hard_inputs() -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Name, predictions, scores: inputs on which a solver with a few starts stops early, or not at all."""
    rng = np.random.default_rng(11)
    scores = 1 + 4 * rng.beta(0.5, 0.5, 400)  # most images very good or very bad, as in KADID-10k
    yield "U-shaped scores", scores + 0.55 * rng.standard_t(2, 400), scores
    yield "predictions that saturate", 3 + 1.1 * np.tanh(1.3 * (scores - 3)) + rng.normal(0, 0.4, 400), scores
    scores = rng.uniform(0, 100, 400)
    yield "inverse S", np.cbrt(scores - 50) + rng.normal(0, 0.5, 400), scores
    yield "exponential", np.log(scores + 1) + rng.normal(0, 0.1, 400), scores
    yield "heavy tails", scores + 10 * rng.standard_t(1.5, 400), scores
    yield "no relation", rng.normal(size=400), scores
    scores = rng.integers(0, 2, 200).astype(float)
    yield "two scores", scores + rng.normal(0, 0.3, 200), scores
    q = rng.uniform(-1, 1, 200)
    yield "parabola", q, q * q + rng.normal(0, 0.1, 200)
    q = np.append(rng.normal(size=200), 8.0)
    yield "an outlier", q, np.append(q[:200] + rng.normal(0, 0.5, 200), -4.0)
    q = np.round(rng.normal(size=200) * 2)
    yield "few different predictions", q, q + rng.normal(0, 1, 200)


def by_random_starts(x: np.ndarray, y: np.ndarray, parameters: int, starts: int) -> float:
    """The least mean squared error of SciPy's `curve_fit` from random starts."""
    rng, best = np.random.default_rng(3), math.inf
    for _ in range(starts):
        steepness, middle = np.exp(rng.uniform(-2, 3)), rng.normal() * 1.5
        rest = rng.normal(size=2)
        start = (3 * rest[0], steepness, middle, rest[1], 0.0) if parameters == 5 else (*rest, middle, 1 / steepness)
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                found = curve_fit(logistic5 if parameters == 5 else logistic4, x, y, p0=start, maxfev=800)[0]
        except RuntimeError:  # it did not converge
            continue
        best = min(best, float(np.mean(((logistic5 if parameters == 5 else logistic4)(x, *found) - y) ** 2)))
    return best


@BOTH
@pytest.mark.parametrize("starts", [5, pytest.param(60, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("name", "q", "scores"), hard_inputs(), ids=lambda one: one if isinstance(one, str) else "")
def test_no_solver_with_many_random_starts_fits_better(
    name: str, q: np.ndarray, scores: np.ndarray, starts: int, parameters: int
) -> None:
    x, y = ((one - one.mean()) / one.std() for one in (q, scores))
    found = best_curve(x, y, linear=parameters == 5)
    assert found.error <= by_random_starts(x, y, parameters, starts) * (1 + 1e-6)
    assert np.mean((found(x) - y) ** 2) == pytest.approx(found.error, rel=1e-6)
    fit = fit_logistic(q, scores, parameters)
    formula = (logistic5 if parameters == 5 else logistic4)(x, *fit.parameters)
    assert scores.mean() + scores.std() * formula == pytest.approx(fit.mapped, rel=1e-6, abs=1e-6 * scores.std())


def rises_or_falls(q: np.ndarray, mapped: np.ndarray) -> bool:
    """Whether the map is monotonic, but for rounding."""
    steps, tiny = np.diff(mapped[np.argsort(q, kind="stable")]), 1e-9 * np.ptp(mapped)
    return bool((steps >= -tiny).all() or (steps <= tiny).all())


@pytest.mark.parametrize(("name", "q", "scores"), hard_inputs(), ids=lambda one: one if isinstance(one, str) else "")
def test_a_map_that_is_not_monotonic_is_remarked_and_p1401s_measures_take_one_that_is(
    name: str, q: np.ndarray, scores: np.ndarray
) -> None:
    free, plain = fit_logistic(q, scores, 5), fit_logistic(q, scores, 4)
    bound = fit_logistic(q, scores, 5, monotonic=True)
    assert bound.remark == "" and rises_or_falls(q, bound.mapped)
    assert free.rmse <= bound.rmse * (1 + 1e-9)
    assert bound.rmse <= plain.rmse * (1 + 1e-6)  # it contains the logistic with four
    assert plain.remark == "" and rises_or_falls(q, plain.mapped)
    if free.remark:
        assert free.remark.endswith(f"has PLCC {bound.plcc:.4f} and RMSE {bound.rmse:.4g}")
    else:
        assert rises_or_falls(q, free.mapped) and free.mapped == pytest.approx(bound.mapped)
    if name in {"parabola", "an outlier"}:
        assert not rises_or_falls(q, free.mapped) and free.remark


@BOTH
@given(values=arrays(float, (2, 31), elements=st.floats(-1e3, 1e3, width=32)))
@settings(deadline=None, max_examples=4)
def test_no_predictions_raise_an_error(parameters: int, values: np.ndarray) -> None:
    fit = fit_logistic(values[0], values[1], parameters)
    assert (fit.mapped is None) == bool(fit.note)
    if fit.mapped is not None:
        assert np.isfinite(fit.mapped).all()
