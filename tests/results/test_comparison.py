"""Comparisons with the baseline: which seeds and images are paired, and the notes on the others."""

import numpy as np
import pytest

from iqa_train.results.comparison import NotComparableError, compare
from iqa_train.results.paired_predictions import ExperimentPredictions, model_of, units_of, usable
from iqa_train.stats.bootstrap import bootstrap
from iqa_train.stats.metrics import srcc
from iqa_train.stats.registry import METRICS
from iqa_train.stats.resamples import Resamples
from iqa_train.stats.small_samples import widen
from tests.results.made_study import predictions, with_values

FEW = 400
BASE = ExperimentPredictions("Baseline", {42: predictions(1, 6.0)})


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("images", [60, 500])
def test_interval_and_p_are_those_of_paired_resamples(metric: str, images: int) -> None:
    base = ExperimentPredictions("Baseline", {42: predictions(1, 6.0, images)})
    other = ExperimentPredictions("A1", {42: predictions(2, 6.6, images)})
    (found,) = compare([other], base, metric)
    tables = [usable(tested, metric).by_seed[42] for tested in (other, base)]
    numbered = units_of(tables)
    mine, theirs = bootstrap([model_of(t, numbered) for t in tables], metric, Resamples(images, 10_000, "k"))
    together = widen(mine - theirs, images)
    low, high = np.quantile(together, [0.025, 0.975])
    assert found.delta_interval == pytest.approx((low, high), abs=0.06 * (high - low))
    p = 2 * min(np.mean(together <= 0), np.mean(together >= 0))
    assert found.p == pytest.approx(p, abs=0.03)
    low, high = np.quantile(widen(mine, images), [0.025, 0.975])
    assert found.interval == pytest.approx((low, high), abs=0.04 * (high - low))


def test_images_may_stand_in_another_order() -> None:
    table = predictions(2, 7.0)
    back = np.arange(200)[::-1]
    turned = with_values(
        table, images=tuple(reversed(table.images)), scores=table.scores[back], predictions=table.predictions[back]
    )
    one, other = (compare([ExperimentPredictions("A1", {42: t})], BASE, resamples=FEW)[0] for t in (table, turned))
    assert one == other


def test_seeds_are_paired_where_both_have_them() -> None:
    base = ExperimentPredictions("Baseline", {seed: predictions(seed, 6.0) for seed in (42, 43, 44)})
    one = ExperimentPredictions("A1", {seed: predictions(seed + 10, 7.0) for seed in (43, 44, 45)})
    (found,) = compare([one], base, resamples=FEW)
    differences = [
        srcc(one.by_seed[s].predictions, one.by_seed[s].scores)
        - srcc(base.by_seed[s].predictions, base.by_seed[s].scores)
        for s in (43, 44)
    ]
    assert found.seeds == (43, 44, 45) and found.shared == (43, 44)
    assert list(found.differences.values()) == pytest.approx(differences)
    assert found.covers == "the shared seeds 43, 44, and 1 further seed of Baseline"
    assert any("two seeds say little" in note for note in found.notes)


def test_without_shared_seeds_means_are_compared_with_a_note() -> None:
    (found,) = compare([ExperimentPredictions("A1", {7: predictions(3, 9.0)})], BASE, resamples=FEW)
    assert found.shared == () and found.delta is not None and found.dependent is None
    assert (found.scope, found.covers) == ("runs", "two runs: seed 7, and seed 42 of Baseline")


def test_seeds_of_random_splits_are_paired_on_their_own_images() -> None:
    """A data set without an official split: each seed tests other images, the same ones for every experiment."""

    def tested(name: str, noise: float) -> ExperimentPredictions:
        tables = {}
        for seed in (1, 2, 3):
            rows = np.sort(np.random.default_rng(seed).permutation(200)[:80])
            whole = predictions(int(noise * 100) + seed, noise)
            images = tuple(whole.images[k] for k in rows)
            tables[seed] = with_values(
                whole, images=images, scores=whole.scores[rows], predictions=whole.predictions[rows]
            )
        return ExperimentPredictions(name, tables)

    (found,) = compare([tested("A1", 12.0)], tested("Baseline", 6.0), resamples=FEW)
    assert found.images == 80 and found.shared == (1, 2, 3)
    assert found.delta_interval[0] < found.delta < found.delta_interval[1] < 0


def test_a_seed_on_other_images_is_refused_and_named() -> None:
    tables = {seed: predictions(seed, 6.0) for seed in (42, 43)}
    short = predictions(43, 7.0, images=150)
    with pytest.raises(NotComparableError, match=r"different test images \(150 and 200\) at seed 43") as caught:
        compare(
            [ExperimentPredictions("A1", {42: predictions(3, 7.0), 43: short})],
            ExperimentPredictions("Baseline", tables),
            resamples=FEW,
        )
    assert caught.value.exit_code == 1


def test_one_refused_experiment_does_not_change_the_others() -> None:
    good, bad = (
        ExperimentPredictions("A1", {42: predictions(2, 7.0)}),
        ExperimentPredictions("A2", {42: predictions(3, 7.0, images=150)}),
    )
    (alone,) = compare([good], BASE, resamples=FEW)
    beside, refused = compare([good, bad], BASE, resamples=FEW, anyway=True)
    assert alone == beside
    assert refused.interval is not None and refused.delta is None


def test_a_mapped_metric_says_which_seed_could_not_be_mapped() -> None:
    tiny = predictions(2, 7.0, images=4)
    (found,) = compare([ExperimentPredictions("A1", {42: tiny})], None, "plcc_fit", resamples=FEW)
    assert found.value is None
    assert found.notes == ("seed 42: no logistic fit: 4 images are too few (at least 30 are needed)",)


def test_nothing_to_compare_is_nothing() -> None:
    assert compare([], None) == []
    (found,) = compare([ExperimentPredictions("A1", {})], BASE, resamples=FEW)
    assert found.value is None and found.notes == ()


def test_an_interval_without_width_is_left_out_with_a_note() -> None:
    few = [ExperimentPredictions(name, {1: predictions(seed, 0.01, 3)}) for name, seed in (("Baseline", 1), ("A1", 2))]
    for one in compare(few, few[0]):
        assert (one.value, one.interval) == (pytest.approx(1.0), None)
        assert "no interval: the value is the same on every resample" in one.notes
    other = compare(few, few[0])[1]
    assert (other.delta, other.delta_interval, other.p) == (pytest.approx(0.0), None, None)
    assert "no interval of the difference: it is the same on every resample" in other.notes
    two = ExperimentPredictions("Baseline", {1: predictions(1, 5, 2)})
    assert "no interval: the test images are too few" in compare([two], two)[0].notes


def test_seeds_that_predict_the_same_are_suspicious() -> None:
    same = ExperimentPredictions("A1", {1: predictions(3, 5), 2: predictions(3, 5), 3: predictions(4, 5)})
    found = compare([same], None)[0]
    assert "suspicious: the predictions of seeds 1 and 2 are identical" in found.notes
