"""Test images that share a reference image are resampled together, with a note."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from iqa_train.results.comparison import Comparison, NotComparableError, compare
from iqa_train.results.paired_predictions import ExperimentPredictions, units_of
from iqa_train.results.study_comparison import compare_studies
from iqa_train.results.study_results import build_study_results
from iqa_train.runs.predictions import Predictions
from iqa_train.stats.small_samples import widen
from tests.results.made_study import MadeStudy, predictions

FEW = 400
OF_EIGHT = tuple(f"r{k % 25}" for k in range(200))  # 25 references, eight images each


def clustered(seed: int, noise: float) -> Predictions:
    return replace(predictions(seed, noise), references=OF_EIGHT)


def test_images_of_one_reference_are_drawn_together() -> None:
    table = clustered(1, 6.0)
    units = units_of([table])
    assert len(set(units.values())) == 25
    for one, reference in zip(table.images, OF_EIGHT, strict=True):
        assert (units[one] == units[table.images[0]]) == (reference == OF_EIGHT[0])


def test_an_image_without_a_reference_is_drawn_on_its_own() -> None:
    assert len(set(units_of([predictions(1, 6.0)]).values())) == 200


def test_references_recorded_by_some_runs_count_for_all() -> None:
    """Runs from before references were kept, compared with newer ones."""
    old, new = (
        ExperimentPredictions("Baseline", {42: predictions(1, 6.0)}),
        ExperimentPredictions("A1", {42: clustered(2, 8.0)}),
    )
    new_baseline = ExperimentPredictions("Baseline", {42: clustered(1, 6.0)})
    mixed, whole = (compare([new], base, resamples=FEW)[0] for base in (old, new_baseline))
    assert mixed.delta_interval == whole.delta_interval and mixed.clusters == 25


def test_other_references_of_the_same_images_are_refused() -> None:
    other = replace(clustered(2, 8.0), references=tuple(reversed(OF_EIGHT)))
    with pytest.raises(NotComparableError, match="different reference images for the same test images at seed 42"):
        compare(
            [ExperimentPredictions("A1", {42: other})],
            ExperimentPredictions("Baseline", {42: clustered(1, 6.0)}),
            resamples=FEW,
        )


def test_as_many_references_as_images_are_no_clusters() -> None:
    table = predictions(1, 6.0)
    (found,) = compare(
        [ExperimentPredictions("A1", {42: replace(table, references=table.images)})], None, resamples=FEW
    )
    (plain,) = compare([ExperimentPredictions("A1", {42: table})], None, resamples=FEW)
    assert found == plain and found.clusters is None


def test_one_reference_has_no_interval() -> None:
    single = replace(predictions(1, 6.0), references=("r",) * 200)
    base = replace(predictions(2, 8.0), references=("r",) * 200)
    (found,) = compare(
        [ExperimentPredictions("A1", {42: single})], ExperimentPredictions("Baseline", {42: base}), resamples=FEW
    )
    assert found.value is not None and found.delta is not None and found.clusters == 1
    assert (found.interval, found.delta_interval, found.p) == (None, None, None)


def test_notes_say_so_and_analytic_tests_are_left_out(tmp_path: Path) -> None:
    study = MadeStudy(tmp_path)
    study.run("Baseline", clustered(1, 6.0))
    study.run("A1", clustered(2, 12.0), changes={"attention_fusion": False})
    results = build_study_results(study.recorded(), resamples=FEW)
    row = results.row("A1")
    assert (row.clusters, row.as_json()["clusters"], row.p_williams, row.zou_interval) == (25, 25, None, None)
    assert row.delta_interval is not None and row.p is not None
    assert "95 % intervals, each by itself and not jointly; test images count by reference (25)" in results.notes
    assert any(note.startswith("no analytic tests") for note in results.notes)
    assert "only 25 reference images: intervals are rough" in results.notes
    assert not any(
        note.startswith("no analytic") for note in build_study_results(study.recorded(), "krcc", resamples=FEW).notes
    )


def test_so_do_two_studies(tmp_path: Path) -> None:
    one, other = MadeStudy(tmp_path / "a", "old"), MadeStudy(tmp_path / "b", "new")
    one.run("Baseline", clustered(1, 6.0))
    other.run("Baseline", clustered(2, 9.0))
    across = compare_studies(one.recorded(), other.recorded(), resamples=FEW)
    assert across.rows[0].clusters == 25
    assert any("test images count by reference (25)" in note for note in across.notes)


def test_few_units_are_widened_as_students_t() -> None:
    """Of a normal mean the interval of five values is the t test's; of 2,000 nothing changes."""
    draws = np.random.default_rng(3).normal(0.0, np.sqrt(4 / 5), 200_000)
    assert np.quantile(widen(draws, 5), 0.975) == pytest.approx(2.776, abs=0.03)  # t of 4 degrees of freedom
    assert widen(draws, 2000) == pytest.approx(draws, abs=5e-2)
    assert np.isnan(widen(draws, 1)).all()


def test_widening_keeps_order_and_what_is_undefined() -> None:
    draws = np.array([0.3, np.nan, 0.1, 0.2])
    wide = widen(draws, 4)
    assert np.isnan(wide[1]) and wide[2] < 0.1 and wide[0] > 0.3 and wide[3] == pytest.approx(0.2)
    assert (widen(np.zeros(50), 3) == 0).all()
    assert len(widen(np.empty(0), 3)) == 0


@pytest.mark.slow
@pytest.mark.parametrize(("references", "least"), [(25, 0.93), (6, 0.92)])
def test_by_reference_95_of_100_intervals_hold_the_truth_and_by_image_far_fewer(references: int, least: float) -> None:
    """Ten images of each; how much better one model is depends on the reference. Known sets have 25 (TID2013), 30
    (CSIQ) or 81 (KADID-10k) references, and a test split of them has a fifth."""
    held, falsely = simulate(references, by_reference=True), simulate(references, by_reference=False)
    print(f"{references} references: by reference {held:.3f}, by image {falsely:.3f}")
    assert least <= held <= 0.985
    assert falsely < 0.8


def simulate(references: int, *, by_reference: bool, studies: int = 400, each: int = 10) -> float:
    """The share of studies whose interval of the difference holds zero, where two models are equally good."""
    names = tuple(f"r{k // each}" for k in range(references * each))
    images = tuple(f"{k:04}" for k in range(references * each))
    held = 0
    for number in range(studies):
        rng = np.random.default_rng([number, references])
        scores = rng.normal(size=len(images))
        tables = []
        for _ in range(2):
            hard = np.repeat(rng.lognormal(-1.2, 0.8, references), each)  # a reference that one model cannot judge
            tables.append(Predictions(images, scores, scores + hard * rng.normal(size=len(images)),
                                      names if by_reference else None))  # fmt: skip
        found: Comparison
        base, one = (ExperimentPredictions(name, {1: table}) for name, table in zip("BA", tables, strict=True))
        (found,) = compare([one], base, "plcc", resamples=1000)
        assert found.delta_interval is not None
        held += found.delta_interval[0] <= 0 <= found.delta_interval[1]
    return held / studies
