"""Two studies beside each other, and one setting over several values."""

from pathlib import Path

import pytest

from iqa_train.errors import UsageError
from iqa_train.results.comparison import NotComparableError
from iqa_train.results.study_comparison import compare_studies
from iqa_train.results.sweep import measured_sweep
from tests.results.made_study import MadeStudy, predictions, with_values

FEW = 400


def made(folder: Path, name: str, lr: float, noise: float, first: int) -> MadeStudy:
    study = MadeStudy(folder, name)
    study.run("Baseline", predictions(first, noise), undeclared={"lr": lr})
    study.run("A1", predictions(first + 1, noise + 3), changes={"attention_fusion": False}, undeclared={"lr": lr})
    return study


@pytest.fixture
def studies(tmp_path: Path) -> tuple[MadeStudy, MadeStudy]:
    return made(tmp_path, "lr5e6", 5e-6, 12.0, 1), made(tmp_path, "lr5e7", 5e-7, 6.0, 11)


def test_experiment_by_experiment_with_what_differs(studies: tuple[MadeStudy, MadeStudy]) -> None:
    one, other = studies
    other.run("B1", predictions(30, 9.0), changes={"model_size": "tiny"})
    found = compare_studies(one.recorded(), other.recorded(), resamples=FEW)
    assert (found.first, found.second, found.metric) == ("lr5e6", "lr5e7", "srcc")
    assert [row.experiment for row in found.rows] == ["Baseline", "A1", "B1"]
    assert found.differs == {"lr": (5e-6, 5e-7)}
    base = found.rows[0]
    assert base.delta == pytest.approx(base.second - base.first)
    assert 0 < base.delta_interval[0] < base.delta < base.delta_interval[1]
    assert base.distinguishable and base.p_holm == pytest.approx(2 * base.p)
    assert (base.images, base.seeds, base.differs) == (200, (42,), {"lr": (5e-6, 5e-7)})
    assert found.rows[2].notes == ("only in lr5e7",)
    assert any("runs are compared, not components" in note for note in found.notes)


def test_the_other_way_round_the_difference_is_the_same_with_another_sign(
    studies: tuple[MadeStudy, MadeStudy],
) -> None:
    one, other = (study.recorded() for study in studies)
    there, back = compare_studies(one, other, resamples=FEW), compare_studies(other, one, resamples=FEW)
    assert there.rows[0].delta == -back.rows[0].delta
    assert there.rows[0].p == back.rows[0].p


def test_an_experiment_that_is_not_finished_says_so(studies: tuple[MadeStudy, MadeStudy]) -> None:
    one, other = studies
    one.run("B1", state="queued")
    other.run("B1", predictions(30, 9.0))
    row = compare_studies(one.recorded(), other.recorded(), resamples=FEW).rows[-1]
    assert row.first is None and row.second is not None and row.delta is None
    assert "B1 of lr5e6: not started, no result" in row.notes


def test_other_test_images_are_refused_with_both_names(tmp_path: Path) -> None:
    one, other = MadeStudy(tmp_path, "lr5e6"), MadeStudy(tmp_path, "other")
    table = predictions(1, 6.0)
    one.run("Baseline", table)
    other.run("Baseline", with_values(table, images=tuple(f"x{name}" for name in table.images)))
    with pytest.raises(NotComparableError, match="Baseline of other and Baseline of lr5e6 have different test images"):
        compare_studies(one.recorded(), other.recorded(), resamples=FEW)
    row = compare_studies(one.recorded(), other.recorded(), resamples=FEW, anyway=True).rows[0]
    assert row.first is not None and row.second is not None and row.delta is None


def test_the_same_predictions_in_both_are_suspicious(tmp_path: Path) -> None:
    one, other = MadeStudy(tmp_path, "lr5e6"), MadeStudy(tmp_path, "lr5e7")
    for study in (one, other):
        study.run("Baseline", predictions(1, 6.0))
    row = compare_studies(one.recorded(), other.recorded(), resamples=FEW).rows[0]
    assert "suspicious: predictions identical to Baseline of lr5e6's (seed 42)" in row.notes


def test_a_study_without_runs_has_nothing_to_compare(studies: tuple[MadeStudy, MadeStudy]) -> None:
    found = compare_studies(studies[0].recorded(), [], resamples=FEW)
    assert all(row.delta is None and row.notes == ("only in lr5e6",) for row in found.rows)


def test_a_sweep_is_a_point_for_each_value_in_order(tmp_path: Path) -> None:
    study = MadeStudy(tmp_path)
    for name, lr in (("L1", 1e-6), ("L2", 5e-7), ("L3", 5e-6)):
        for seed in (42, 43):
            study.run(name, predictions(seed + int(lr * 1e7), 5 + lr * 1e6), seed=seed, changes={"lr": lr})
    study.run("B1", predictions(9, 9.0), changes={"model_size": "tiny"})
    found = measured_sweep(study.recorded(), "lr", resamples=FEW)
    assert [point.setting for point in found.points] == [5e-7, 1e-6, 5e-6]
    for point in found.points:
        assert point.interval[0] < point.value < point.interval[1]
        assert point.seeds == (42, 43)
    assert found.points[0].name == "lr5e7/L2"
    assert found.notes == ("lr5e7/B1 differs in model_size too and is left out",)
    assert len(measured_sweep(study.recorded(), "lr", resamples=FEW, anyway=True).points) == 4


def test_words_can_be_swept_too(tmp_path: Path) -> None:
    study = MadeStudy(tmp_path)
    for size in ("tiny", "small", "base"):
        study.run(size, predictions(len(size), 6.0), changes={"model_size": size})
    assert [p.setting for p in measured_sweep(study.recorded(), "model_size", resamples=FEW).points] == [
        "base",
        "small",
        "tiny",
    ]


def test_what_cannot_be_swept_is_refused(tmp_path: Path) -> None:
    study = MadeStudy(tmp_path)
    study.run("A", predictions(1, 6.0))
    study.run("B", predictions(2, 6.0), changes={"lr": 1e-5, "epochs": 9})
    with pytest.raises(UsageError, match='no run has the setting "lrr"; did you mean "lr"'):
        measured_sweep(study.recorded(), "lrr")
    with pytest.raises(NotComparableError, match=r"lr has only one value.*differs in epochs too"):
        measured_sweep(study.recorded(), "lr")
