"""Verdicts: position relative to the expectation, and what is concluded from the difference."""

import numpy as np
import pytest

from iqa_train.results.comparison import Comparison
from iqa_train.results.table import ResultRow, Standing
from iqa_train.results.verdict import conclusion, position, rounded_up, verdict_text, with_verdicts
from iqa_train.stats.contrast import Contrast
from iqa_train.stats.judgement import error_law
from iqa_train.stats.seed_variance import SeedVariance
from iqa_train.stats.variance_parts import VarianceParts


def judge(
    delta: float, *, seeds: int = 3, sd: float = 0.002, images: float = 0.001, others: tuple[float, ...] = (),
    metric: str = "srcc", margin: float | None = None,
) -> ResultRow:  # fmt: skip
    """A row with a difference over so many seeds; `images` is the SD from test images, `others` further p."""
    parts = VarianceParts(images**2, 0.0, images**2, 2000, seeds)
    contrast = Contrast(delta, tuple(range(seeds)), parts, 1 / seeds, _differences(delta, seeds, sd), paired=True)
    known = SeedVariance(sd**2, seeds - 1) if seeds > 1 else None
    law = error_law(contrast, known, by_reference=False)
    comparison = Comparison(
        "A1",
        shared=contrast.shared,
        delta=delta,
        law=law,
        contrast=contrast,
        scope="component" if known else "runs",
        seed_variance=known,
    )
    row = ResultRow(
        "A1", value=0.93, delta=delta, delta_interval=law.interval(delta), p=law.p(delta), expected=(0.93, 0.935)
    )
    rest = [ResultRow(f"X{k}", p=q) for k, q in enumerate(others)]
    return with_verdicts([row, *rest], [comparison, *(None for _ in rest)], metric, margin)[0]


def _differences(delta: float, seeds: int, sd: float) -> np.ndarray:
    """By seed, with exactly this mean and SD."""
    if seeds == 1:
        return np.array([delta])
    spaced = np.arange(seeds) - (seeds - 1) / 2
    return delta + sd * spaced / spaced.std(ddof=1)


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


def test_a_clear_difference_over_seeds_is_of_the_component() -> None:
    row = judge(-0.02)
    assert (row.distinguishable, row.better, row.higher, row.scope) == (True, False, False, "component")
    assert conclusion(row) == "different: worse"
    assert verdict_text(row, "Baseline") == "within, differs significantly from Baseline: worse"


@pytest.mark.parametrize(("delta", "which"), [(0.02, "higher"), (-0.02, "lower")])
def test_one_seed_speaks_of_runs_and_never_of_better_or_worse(delta: float, which: str) -> None:
    row = judge(delta, seeds=1)
    assert (row.distinguishable, row.better, row.scope) == (True, None, "runs")
    assert conclusion(row) == f"runs differ: A1 {which}"
    assert not row.component_differs
    assert verdict_text(row) == f"within, runs differ: A1 {which} (one seed: runs, not components)"


def test_a_difference_of_runs_says_up_to_which_spread_it_would_hold() -> None:
    """sqrt((0.006 / 1.96)^2 - 0.001^2) = 0.00289."""
    row = judge(-0.006, seeds=1)
    assert row.holds_to == pytest.approx(0.00289, abs=1e-5)
    assert "only if the difference varies by less than 0.0029 (SD) from seed to seed" in row.notes[-1]


@pytest.mark.parametrize(("metric", "published"), [("srcc", True), ("rmse_fit", False), ("auc_better", False)])
def test_published_spreads_are_named_only_for_what_was_published(metric: str, published: bool) -> None:
    assert ("two runs of a model usually differ by" in judge(-0.006, seeds=1, metric=metric).notes[-1]) == published


def test_runs_that_are_not_distinguished_have_no_tipping_point() -> None:
    row = judge(-0.001, seeds=1)
    assert (conclusion(row), row.holds_to, row.at_most) == ("runs not distinguished", None, None)


@pytest.mark.parametrize(("metric", "says"), [("krcc", "better"), ("rmse_fit", "worse")])
def test_the_metric_decides_which_direction_is_better(metric: str, says: str) -> None:
    assert conclusion(judge(0.05, metric=metric)) == f"different: {says}"


def test_a_difference_that_is_not_significant_after_correction_is_not_decided() -> None:
    row = judge(-0.0065, others=(0.5, 0.6, 0.7))
    assert row.p < 0.05 < row.p_holm
    assert row.distinguishable is False
    assert conclusion(row).startswith("not decided: at most 0.0")


def test_what_more_seeds_would_show_has_their_number_with_its_assurance() -> None:
    row = judge(-0.0035, sd=0.0015, images=0.0003)
    assert row.seeds_needed is not None and 3 < row.seeds_needed <= 20
    assert row.notes[-1] == f"about {row.seeds_needed} seeds would show the difference with 80 % assurance"


def test_what_no_affordable_number_of_seeds_would_show_has_none() -> None:
    row = judge(-0.0005)
    assert (row.seeds_needed, row.seeds_limit) == (None, 20)
    assert row.notes[-1] == "not within 20 seeds, with 80 % assurance"
    assert judge(-0.0005, margin=0.01, sd=0.0005, images=0.0003).seeds_limit is None, "it is decided: the same"


def test_one_seed_names_no_number_of_seeds() -> None:
    row = judge(-0.001, seeds=1)
    assert (row.seeds_needed, row.seeds_limit) == (None, None)
    assert "three seeds would show how many are needed" in row.notes[-1]
    row = judge(-0.0035, seeds=2, sd=0.0015, images=0.0003)
    assert (row.distinguishable, row.seeds_needed, row.seeds_limit) == (False, None, None), "two say too little"


def test_a_number_of_seeds_accounts_for_the_other_experiments() -> None:
    """Of four that are not decided, each is reckoned to be tested at 0.05 / 4, whatever becomes of its adjusted p."""
    alone, among = (judge(-0.0036, sd=0.0015, images=0.0003, others=p) for p in ((), (0.5, 0.6, 0.7)))
    assert alone.seeds_needed is not None
    assert among.seeds_needed is None or among.seeds_needed > alone.seeds_needed


def test_what_is_not_decided_says_how_large_the_difference_may_be() -> None:
    row = judge(-0.001)
    low, high = row.delta_interval
    assert max(abs(low), abs(high)) > row.at_most > abs(row.delta), "90 %, not 95 %"
    assert verdict_text(row).startswith("within, not decided: at most")


def test_same_needs_a_margin_and_is_within_it() -> None:
    assert judge(0.0001, sd=0.0005, images=0.0003).same is None
    row = judge(0.0001, sd=0.0005, images=0.0003, margin=0.004)
    assert (row.same, row.distinguishable) == (True, False)
    assert conclusion(row) == "same within ±0.004"
    assert verdict_text(row, "Baseline") == "within, same as Baseline within ±0.004"


def test_a_difference_may_be_real_and_less_than_the_margin() -> None:
    row = judge(0.004, sd=0.0005, images=0.0003, margin=0.01)
    assert conclusion(row) == "different, but less than the margin"


def test_one_seed_is_never_called_the_same() -> None:
    assert judge(0.0, seeds=1, images=0.0001, margin=0.01).same is None


@pytest.mark.parametrize(("value", "shown"), [(0.00612, "0.0062"), (0.0131, "0.014"), (1.21, "1.3"), (0.01, "0.010")])
def test_a_bound_is_rounded_up(value: float, shown: str) -> None:
    assert rounded_up(value) == shown


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (ResultRow("A1", state="queued"), "pending"),
        (ResultRow("A1", state="completed/running", provisional=True), "pending"),
        (ResultRow("A1", state="failed"), "failed"),
        (ResultRow("A1", state="killed"), "no result"),
        (ResultRow("A1", value=0.9, reported=True), "reported"),
        (ResultRow("A1", value=0.9), "measured"),
        (
            ResultRow("A1", value=0.9, provisional=True, epoch=3, standing=Standing(3, 0.9, 0.95)),
            "epoch 3: 0.9000 vs 0.9500 (-0.0500)",
        ),
        (ResultRow("A1", value=0.9, provisional=True, epoch=3), "pending"),
        (ResultRow("A1", value=0.9, delta_position="above"), "above"),
    ],
)
def test_in_words(row: ResultRow, says: str) -> None:
    assert verdict_text(row) == says
