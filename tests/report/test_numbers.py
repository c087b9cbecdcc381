"""Numbers are rounded by their interval, and bold marks a significant best value."""

import math
from dataclasses import replace

import pytest
from hypothesis import given as every
from hypothesis import strategies as st

from iqa_train.report.numbers import best, decimals, given, given_span, measured, number, p_value, p_words, span
from iqa_train.results.table import StudyResults
from tests.report.samples import A1_3, A2, A2_3, BASELINE, BASELINE_3, NO_ROWS, PROVISIONAL, REPORTED, SEED_STUDY

finite = st.floats(-1e6, 1e6, allow_nan=False)


@pytest.mark.parametrize(
    ("half", "places"),
    [(0.0047, 4), (0.012, 3), (0.1, 2), (0.00996, 3), (0.000951, 5), (9.96, 0), (1.2, 1), (250.0, 0), (0.0, 4)],
)
def test_two_digits_of_the_half_width_decide(half: float, places: int) -> None:
    assert decimals((0.9 - half, 0.9 + half)) == places


@every(finite, st.floats(1e-7, 1e3))
def test_a_value_and_its_interval_have_the_same_decimals(value: float, half: float) -> None:
    text = measured(value, (value - half, value + half))
    numbers = text.replace("[", "").replace("]", "").replace(",", "").split()
    assert len({len(n.partition(".")[2]) for n in numbers}) == 1


def test_signs() -> None:
    assert number(-0.0025, 4, signed=True) == "-0.0025"
    assert number(0.0025, 4, signed=True) == "+0.0025"
    assert number(0.0025, 4) == "0.0025"
    assert number(-0.00001, 4, signed=True) == "0.0000"
    assert number(-0.0) == "0.0000"


@pytest.mark.parametrize("nothing", [None, math.nan, math.inf])
def test_a_missing_number_is_a_dash(nothing: float | None) -> None:
    assert number(nothing) == given(nothing) == p_value(nothing) == "\u2013"
    assert measured(None, None) == "\u2013"
    assert span(None) == given_span(None) == p_words(nothing) == ""


def test_given_numbers_keep_their_digits() -> None:
    assert given(0.9323) == "0.9323"
    assert given(-1.0, signed=True) == "-1"
    assert given_span((0.93, 0.933)) == "[0.930, 0.933]"
    assert given_span((0.938, 0.938)) == "0.938"
    assert given_span((-0.006, -0.003), signed=True) == "[-0.006, -0.003]"


@pytest.mark.parametrize(
    ("p", "words"),
    [
        (0.0, "p < 0.001"), (0.00099, "p < 0.001"), (0.0012, "p = 0.001"), (0.0256, "p = 0.03"), (0.0496, "p = 0.050"),
        (0.0504, "p = 0.050"), (0.42, "p = 0.42"), (1.0, "p > 0.99"),
    ],
)  # fmt: skip
def test_p(p: float, words: str) -> None:
    assert p_words(p) == words


def with_rows(*rows: object) -> StudyResults:
    return replace(SEED_STUDY, rows=rows)


def test_the_baseline_is_bold_if_all_others_differ_significantly() -> None:
    assert best(with_rows(BASELINE_3, A2_3)) is BASELINE_3
    assert best(with_rows(BASELINE_3, A1_3, A2_3)) is None


def test_with_one_seed_nothing_is_bold() -> None:
    assert best(with_rows(BASELINE, A2)) is None
    assert best(with_rows(BASELINE, replace(A2, value=0.95, delta=0.012, higher=True))) is None


def test_an_experiment_is_bold_if_it_differs_significantly_from_the_baseline() -> None:
    better = replace(A1_3, value=0.95, delta=0.0122, distinguishable=True)
    assert best(with_rows(BASELINE_3, better, A2_3)) is better
    assert best(with_rows(BASELINE_3, replace(better, distinguishable=False))) is None
    assert best(with_rows(better, replace(BASELINE_3, value=None))) is None


def test_lower_is_better_for_an_error() -> None:
    low = replace(A1_3, value=9.0, distinguishable=True)
    errors = replace(with_rows(replace(BASELINE_3, value=11.0), low), metric="rmse_fit")
    assert best(errors) is low


def test_reported_values_are_never_bold_nor_is_any_row_of_an_unfinished_study() -> None:
    assert best(with_rows(BASELINE_3, A2_3, replace(REPORTED, value=0.99))) is BASELINE_3
    assert best(PROVISIONAL) is None
    assert best(NO_ROWS) is None
