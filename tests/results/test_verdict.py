"""Verdicts: position relative to the expectation, and significance of the difference."""

import pytest

from iqa_train.results.comparison import Comparison
from iqa_train.results.table import ResultRow
from iqa_train.results.verdict import MORE_IMAGES, position, verdict_text, with_verdicts


def judge(
    delta: float, span: tuple[float, float], p: float, *, others: tuple[float, ...] = (), sd: float | None = None,
    image_variance: float = 0.001**2, shared: tuple[int, ...] = (42,),
) -> ResultRow:  # fmt: skip
    row = ResultRow("A1", value=0.93, delta=delta, delta_interval=span, p=p, expected=(0.93, 0.935))
    comparison = Comparison(
        "A1", shared=shared, delta=delta, image_variance=image_variance,
        seed_variance=None if sd is None else sd**2,
    )  # fmt: skip
    rest = [ResultRow(f"X{k}", p=q) for k, q in enumerate(others)]
    return with_verdicts([row, *rest], [comparison, *(None for _ in rest)])[0]


@pytest.mark.parametrize(
    ("value", "expected", "where"),
    [
        (0.933, (0.932, 0.935), "within"),
        (0.9353, (0.932, 0.935), "within"),
        (0.9356, (0.932, 0.935), "above"),
        (0.9314, (0.932, 0.935), "below"),
        (0.9378, (0.938, 0.938), "within"),
        (-0.0055, (-0.005, -0.003), "within"),
        (None, (0.932, 0.935), None),
        (0.93, None, None),
    ],
)
def test_position_to_three_decimals(
    value: float | None, expected: tuple[float, float] | None, where: str | None
) -> None:
    assert position(value, expected) == where


def test_a_clear_difference_is_significant() -> None:
    row = judge(-0.006, (-0.008, -0.004), 0.001)
    assert (row.distinguishable, row.p_holm, row.seeds_needed) == (True, 0.001, None)
    assert verdict_text(row, "Baseline") == "within, differs significantly from Baseline: worse"


@pytest.mark.parametrize(("metric", "says"), [("krcc", "better"), ("rmse_fit", "worse")])
def test_the_metric_decides_which_direction_is_better(metric: str, says: str) -> None:
    row = ResultRow("A1", value=0.9, delta=0.02, delta_interval=(0.01, 0.03), p=0.001)
    (judged,) = with_verdicts([row], [Comparison("A1", image_variance=1e-5)], metric)
    assert verdict_text(judged) == f"differs significantly from the baseline: {says}"


def test_a_difference_that_is_not_significant_after_correction() -> None:
    row = judge(-0.004, (-0.006, -0.0001), 0.03, others=(0.5, 0.6, 0.7))
    assert row.p_holm == pytest.approx(0.12)
    assert row.distinguishable is False


def test_an_interval_that_contains_zero_is_never_significant() -> None:
    assert judge(-0.004, (-0.008, 0.0), 0.04).distinguishable is False


def test_about_how_many_seeds_and_why() -> None:
    row = judge(-0.001, (-0.003, 0.001), 0.3)
    assert row.seeds_needed == 7
    assert verdict_text(row) == "within, no significant difference (about 7 seeds needed)"
    assert "about 7 seeds are needed if the disagreement of the two runs varies with the seed" in row.notes[-1]
    assert row.needed == "~7 seeds"


def test_a_difference_close_to_zero_needs_more_seeds_than_are_worth_counting() -> None:
    row = judge(-0.00001, (-0.003, 0.001), 0.98)
    assert row.seeds_needed is not None
    assert row.seeds_needed > 1000
    assert row.needed == ">1000 seeds"
    assert verdict_text(row).endswith("no significant difference (more than 1,000 seeds needed)")
    assert row.notes[-1].startswith("more than 1,000 seeds are needed")


def test_the_note_gives_the_variation_between_seeds() -> None:
    row = judge(-0.003, (-0.007, 0.001), 0.1, sd=0.002, image_variance=0.0005**2, shared=(1, 2, 3))
    assert row.seeds_needed == 5
    assert "varies by 0.0020 (SD) between seeds, and the choice of test images adds 0.0005" in row.notes[-1]


def test_never_fewer_seeds_than_there_were() -> None:
    assert judge(-0.02, (-0.03, 0.001), 0.06, sd=0.002, shared=(1, 2, 3)).seeds_needed == 4


def test_more_images_are_needed_if_seeds_cannot_help() -> None:
    row = judge(-0.001, (-0.003, 0.001), 0.3, sd=0.002, shared=(1, 2, 3))
    assert row.seeds_needed is None and row.notes[-1] == MORE_IMAGES
    assert verdict_text(row) == "within, no significant difference (more test images needed)"


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (ResultRow("A1", state="queued"), "pending"),
        (ResultRow("A1", state="completed/running", provisional=True), "pending"),
        (ResultRow("A1", state="failed"), "failed"),
        (ResultRow("A1", state="killed"), "no result"),
        (ResultRow("A1", value=0.9, reported=True), "reported"),
        (ResultRow("A1", value=0.9), "measured"),
        (ResultRow("A1", value=0.9, position="below", provisional=True, epoch=3), "provisional at epoch 3: below"),
        (ResultRow("A1", value=0.9, delta_position="above"), "above"),
    ],
)
def test_in_words(row: ResultRow, says: str) -> None:
    assert verdict_text(row) == says
