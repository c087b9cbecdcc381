"""Whose spread over seeds counts for which experiment, and what does not matter to p."""

from dataclasses import replace

import numpy as np
import pytest

from iqa_train.results.comparison import Comparison, compare
from iqa_train.results.paired_predictions import ExperimentPredictions
from iqa_train.runs.predictions import Predictions
from iqa_train.stats.holm import holm
from iqa_train.stats.judgement import judgements
from tests.results.made_study import predictions
from tests.stats.simulated_runs import BASELINE, Setting, study


def test_one_seed_of_each_speaks_of_the_runs_alone() -> None:
    sides, base = study(Setting(seeds=1), np.random.default_rng(5))
    one = judgements(sides, base, BASELINE)["E0"]
    assert (one.scope, one.seed_variance, one.law.seeds) == ("runs", None, 0)


def test_one_seed_borrows_from_three_of_the_baseline_and_not_from_two() -> None:
    (sides, base), (fewer, base_of_two) = (
        study(Setting(seeds=1, more=more), np.random.default_rng(5)) for more in (2, 1)
    )
    lent = judgements(sides, base, BASELINE)["E0"]
    assert lent.scope == "component" and lent.lenders == {BASELINE: 3}
    assert lent.law.seeds == pytest.approx(base.variance * (1 + 1 / 3)) and lent.law.degrees == 2
    assert judgements(fewer, base_of_two, BASELINE)["E0"].scope == "runs"


def test_a_second_seed_does_not_take_away_what_one_has_with_a_borrowed_spread() -> None:
    """Alone, the spread of two seeds has one degree of freedom; the baseline's five count as two more."""
    one, two = (
        next(
            iter(judgements(*study(Setting((0.0,), seeds=k, more=5 - k), np.random.default_rng(5)), BASELINE).values())
        )
        for k in (1, 2)
    )
    assert one.seed_variance is not None and two.seed_variance is not None
    assert (one.seed_variance.degrees, two.seed_variance.degrees) == (4, 3)
    assert two.law.interval(0.0)[1] < 1.2 * one.law.interval(0.0)[1]


def test_the_overlap_of_training_sets_counts_for_what_is_not_from_test_images() -> None:
    sides, base = study(Setting(seeds=3, interaction=0.002**2), np.random.default_rng(5))
    plain, allowed = (judgements(sides, base, BASELINE, overlap=overlap)["E0"] for overlap in (0.0, 0.25))
    assert plain.seed_variance is not None
    rest = max(0.0, plain.seed_variance.variance - plain.contrast.parts.interaction)
    assert rest > 0 and allowed.law.seeds == pytest.approx(plain.law.seeds + 0.25 * rest)


def p_of(tables: dict[int, Predictions], base: dict[int, Predictions]) -> Comparison:
    (found,) = compare([ExperimentPredictions("A", tables)], ExperimentPredictions("B", base), resamples=50)
    return found


@pytest.mark.parametrize("images", [60, 200], ids=["by draws", "by influences"])
def test_neither_the_order_of_images_nor_that_of_seeds_matters(images: int) -> None:
    base = {seed: predictions(seed, 6.0, images) for seed in (1, 2, 3)}
    one = {seed: predictions(10 + seed, 7.0, images) for seed in (1, 2, 3)}
    plain = p_of(one, base)
    order = np.random.default_rng(0).permutation(images)

    def mixed(table: Predictions) -> Predictions:
        names = tuple(table.images[k] for k in order)
        return replace(table, images=names, scores=table.scores[order], predictions=table.predictions[order],
                       opinions=None)  # fmt: skip

    for other in (
        p_of({seed: mixed(table) for seed, table in one.items()}, {seed: mixed(base[seed]) for seed in base}),
        p_of({seed: one[seed] for seed in (3, 1, 2)}, base),
        p_of(one, {seed: base[seed] for seed in (2, 3, 1)}),
    ):
        assert other.p == pytest.approx(plain.p, rel=1e-9)
        assert other.delta_interval == pytest.approx(plain.delta_interval, rel=1e-6)


def test_of_sixty_experiments_one_that_differs_is_found_by_any_metric() -> None:
    """p from draws has a smallest value, which Holm's correction for so many makes larger than 0.05."""
    base = ExperimentPredictions("B", {1: predictions(1, 6.0)})
    others = [ExperimentPredictions(f"E{k}", {1: predictions(k + 2, 12.0 if k == 7 else 6.0)}) for k in range(60)]
    for metric in ("krcc", "srcc"):
        adjusted = holm([one.p for one in compare(others, base, metric, resamples=20)])
        found = [k for k, p in enumerate(adjusted) if p is not None and p < 0.05]
        assert found == [7] and adjusted[7] is not None and adjusted[7] < 0.001
