"""Runs that cannot be compared are an error that names them; missing, damaged or suspicious parts are noted."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from iqa_train.results.comparison import NotComparableError
from iqa_train.results.study_results import build_study_results
from iqa_train.stats.registry import METRICS
from tests.results.made_study import MadeStudy, predictions, with_values

FEW = 500


@pytest.fixture
def study(tmp_path: Path) -> MadeStudy:
    return MadeStudy(tmp_path)


def test_runs_without_predictions_show_what_they_reported(study: MadeStudy) -> None:
    study.run("Baseline", predictions(1, 6.0))
    kept = study.run("A1", predictions(2, 12.0), changes={"attention_fusion": False})
    recorded = json.loads(kept.result.read_text())["srcc"]
    (kept.path / "predictions-test.csv").unlink()
    row = build_study_results(study.recorded(), resamples=FEW).row("A1")
    assert (row.value, row.interval, row.p) == (pytest.approx(recorded), None, None)
    assert row.delta is not None and row.delta_interval is None
    assert {"seed 42: no predictions were kept", "value as the run reported it, without an interval"} <= set(row.notes)
    assert "difference of a value without predictions, which cannot be tested" in row.notes


def test_damaged_predictions_are_noted(study: MadeStudy) -> None:
    kept = study.run("Baseline", predictions(1, 6.0))
    (kept.path / "predictions-test.csv").write_text("image,score,prediction\n0.jpg,1\n")
    row = build_study_results(study.recorded(), resamples=FEW).row("Baseline")
    assert any("predictions-test.csv is damaged" in note for note in row.notes)


def test_other_test_images_are_refused_and_named(study: MadeStudy) -> None:
    study.run("Baseline", predictions(1, 6.0))
    other = predictions(2, 12.0)
    study.run("A1", with_values(other, images=("x.jpg", *other.images[1:])), changes={"attention_fusion": False})
    with pytest.raises(NotComparableError, match=r"A1 and Baseline have different test images \(1 of 200"):
        build_study_results(study.recorded(), resamples=FEW)
    row = build_study_results(study.recorded(), resamples=FEW, anyway=True).row("A1")
    assert row.interval is not None and row.delta is None
    assert "not compared with Baseline: different test images (1 of 200 differ) at seed 42" in row.notes


def test_other_scores_are_refused_and_named(study: MadeStudy) -> None:
    study.run("Baseline", predictions(1, 6.0))
    other = predictions(2, 12.0)
    study.run("A1", with_values(other, scores=other.scores * 10), changes={"attention_fusion": False})
    with pytest.raises(NotComparableError, match=r"different opinion scores \(200 of 200 images, such as 0000.jpg"):
        build_study_results(study.recorded(), resamples=FEW)


def test_other_fixed_settings_are_refused_and_named(study: MadeStudy) -> None:
    study.run("Baseline", predictions(1, 6.0))
    study.run("A1", predictions(2, 12.0), changes={"attention_fusion": False}, undeclared={"lr": 5e-6, "epochs": 8})
    with pytest.raises(
        NotComparableError, match=r"A1 and Baseline differ in undeclared settings: lr \(5e-07 and 5e-06\), epochs"
    ):
        build_study_results(study.recorded(), resamples=FEW)
    row = build_study_results(study.recorded(), resamples=FEW, anyway=True).row("A1")
    assert row.delta is not None
    assert any("lr (5e-07 and 5e-06)" in note for note in row.notes)
    assert set(row.factors) == {"attention_fusion", "lr", "epochs"}


def test_places_and_speed_are_no_settings_that_matter(study: MadeStudy) -> None:
    study.run("Baseline", predictions(1, 6.0), undeclared={"workers": 0, "cache_dir": "there"})
    study.run("A1", predictions(2, 12.0), undeclared={"workers": 4, "cache_dir": "here"})
    row = build_study_results(study.recorded(), resamples=FEW).row("A1")
    assert row.delta is not None and row.factors == ()


def test_identical_predictions_are_called_suspicious(study: MadeStudy) -> None:
    same = predictions(1, 6.0)
    study.run("Baseline", same)
    study.run("A1", same, changes={"attention_fusion": False})
    study.run("A2", predictions(2, 8.0), changes={"multi_scale": False})
    study.run("A3", predictions(2, 8.0), changes={"model_size": "tiny"})
    results = build_study_results(study.recorded(), resamples=FEW)
    row = results.row("A1")
    assert "suspicious: predictions identical to Baseline's (seed 42)" in row.notes
    assert (row.delta, row.p, row.distinguishable, row.seeds_needed) == (0.0, None, None, None)
    assert "suspicious: predictions identical to A2's (seed 42)" in results.row("A3").notes
    assert not any("suspicious" in note for name in ("Baseline", "A2") for note in results.row(name).notes)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (np.full(200, 3.0), "all predictions are equal, so correlation is undefined"),
        (np.append(np.arange(198.0), [np.nan, np.inf]), "2 of 200 predictions are not finite numbers"),
    ],
)
@pytest.mark.parametrize("metric", METRICS)
def test_predictions_without_a_defined_metric_are_noted(
    study: MadeStudy, metric: str, values: np.ndarray, says: str
) -> None:
    study.run("Baseline", predictions(1, 6.0), epochs=[0.7, 0.9])
    broken = study.run("A1", predictions(2, 8.0), changes={"attention_fusion": False}, epochs=[0.7, 0.8])
    path = broken.path / "predictions-test.csv"
    lines = path.read_text().splitlines()
    cells = [line.rpartition(",")[0] + f",{value}" for line, value in zip(lines[1:], values, strict=True)]
    path.write_text("\n".join([lines[0], *cells]) + "\n")
    (broken.path / "result.json").write_text(json.dumps({"srcc": None, "rounds": []}))
    row = build_study_results(study.recorded(), metric, resamples=FEW).row("A1")
    assert (row.value, row.delta) == (None, None)
    assert f"seed 42: {says}" in row.notes


def test_a_result_that_its_predictions_deny_is_suspicious_and_the_predictions_count(study: MadeStudy) -> None:
    study.run("Baseline", predictions(1, 6.0))
    kept = study.run("A1", predictions(2, 12.0), changes={"attention_fusion": False})
    recorded = json.loads(kept.result.read_text())
    recorded["rounds"][0]["test"]["srcc"] = 0.99
    kept.result.write_text(json.dumps(recorded))
    results = build_study_results(study.recorded(), resamples=FEW)
    row = results.row("A1")
    assert row.value < 0.95
    says = f"result.json says SRCC 0.9900, but its predictions give {row.value:.4f}, which is used"
    assert f"suspicious: seed 42: {says}" in row.notes
    assert not any("suspicious" in note for note in results.row("Baseline").notes)
    assert not any(
        "suspicious" in note for note in build_study_results(study.recorded(), "plcc", resamples=FEW).row("A1").notes
    )


def test_of_several_configurations_the_newest_counts(study: MadeStudy) -> None:
    old = study.run("Baseline", predictions(1, 6.0), changes={"lr": 1e-5})
    study.run("Baseline", predictions(2, 6.0))
    for path in (old.path, *(a.folder for a in old.attempts())):
        os.utime(path, (1, 1))
    (run,) = study.recorded()
    assert run.spec["settings"]["lr"] == 5e-7


def test_a_damaged_specification_is_noted_and_harms_no_other_run(study: MadeStudy) -> None:
    study.run("Baseline", predictions(1, 6.0))
    broken = study.run("A1", predictions(2, 12.0), changes={"attention_fusion": False})
    broken.spec.write_text("{")
    results = build_study_results(study.recorded(), resamples=FEW)
    assert results.row("Baseline").value is not None
    row = results.row("A1")
    assert row.value is not None and any("spec.json is damaged" in note for note in row.notes)
