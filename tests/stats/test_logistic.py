"""The logistic fit before PLCC and RMSE: recovers known curves, and notes when it cannot fit."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from iqa_train.stats import logistic
from iqa_train.stats.logistic import fit_logistic, logistic4, logistic5
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
@pytest.mark.parametrize(("scale", "shift"), [(1e-6, 0.0), (1e6, 1e7), (-1.0, 3.0)])
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
        (np.full(20, 0.3), np.arange(20.0), "the predictions are constant"),
        (np.arange(20.0), np.full(20, 3.0), "the scores are constant"),
        (np.append(np.arange(19.0), math.nan), np.arange(20.0), "some values are not finite numbers"),
        (np.arange(4.0), np.arange(4.0), "4 images are too few"),
    ],
)
def test_where_there_is_no_fit_the_note_says_why(parameters: int, q: np.ndarray, scores: np.ndarray, says: str) -> None:
    fit = fit_logistic(q, scores, parameters)
    assert fit.mapped is None and math.isnan(fit.plcc) and math.isnan(fit.rmse)
    assert says in fit.note


def test_a_fit_that_does_not_converge_is_none_with_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logistic, "_EVALUATIONS", 2)
    logistic._fit.cache_clear()
    fit = fit_logistic(*curved())
    assert fit.mapped is None
    assert fit.note == "the logistic fit did not converge"


@BOTH
@given(values=arrays(float, (2, 12), elements=st.floats(-1e3, 1e3, width=32)))
@settings(deadline=None, max_examples=25)
def test_no_predictions_raise_an_error(parameters: int, values: np.ndarray) -> None:
    fit = fit_logistic(values[0], values[1], parameters)
    assert (fit.mapped is None) == bool(fit.note)
    if fit.mapped is not None:
        assert np.isfinite(fit.mapped).all()
