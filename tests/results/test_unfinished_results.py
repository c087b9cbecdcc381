"""Results of unfinished and partly failed studies: values by epoch, marked as provisional."""

from pathlib import Path

import pytest

from iqa_train.results.epochs import curves
from iqa_train.results.run_record import record
from iqa_train.results.shown import standing_words
from iqa_train.results.study_results import build_study_results
from iqa_train.results.table import Standing
from iqa_train.runs.layout import run_folder
from iqa_train.study.load import load_study
from iqa_train.study.resolve import resolve_all
from tests.results.made_study import MadeStudy, predictions

FEW = 500


@pytest.fixture
def study(tmp_path: Path) -> MadeStudy:
    return MadeStudy(tmp_path)


def test_a_running_experiment_has_no_difference_and_stands_at_the_last_common_epoch(study: MadeStudy) -> None:
    study.run("Baseline", predictions(1, 6.0), epochs=[0.5, 0.7, 0.8])
    study.run("A1", state="lost", changes={"attention_fusion": False}, epochs=[0.4, 0.65])
    results = build_study_results(study.recorded(), resamples=FEW)
    row = results.row("A1")
    assert (row.value, row.epoch, row.provisional) == (0.65, 2, True)
    assert (row.delta, row.interval, row.p, row.distinguishable) == (None, None, None, None)
    assert row.standing == Standing(2, 0.65, 0.7)
    assert not results.row("Baseline").provisional


def test_the_value_of_a_running_experiment_is_that_of_the_epoch_selected_so_far(study: MadeStudy) -> None:
    study.run("Baseline", predictions(1, 6.0), epochs=[0.5, 0.7, 0.8])
    study.run("A1", state="lost", changes={"attention_fusion": False}, epochs=[0.4, 0.65, 0.6], expect={"srcc": [0, 1]})
    row = build_study_results(study.recorded(), resamples=FEW).row("A1")
    assert (row.value, row.epoch, row.position) == (0.65, 2, None)
    assert row.standing is not None and standing_words(row.standing) == "epoch 3: 0.6000 vs 0.8000 (-0.2000)"
    (curve,) = [one for one in curves(study.recorded()) if one.experiment == "A1"]
    assert (curve.selected, curve.value, curve.unfinished) == (2, 0.65, True)


def test_a_finished_experiment_keeps_its_interval_beside_an_unfinished_baseline(study: MadeStudy) -> None:
    study.run("Baseline", state="lost", epochs=[0.5])
    study.run("A1", predictions(2, 12.0), changes={"attention_fusion": False}, epochs=[0.4, 0.65])
    row = build_study_results(study.recorded(), resamples=FEW).row("A1")
    assert row.interval is not None
    assert (row.epoch, row.provisional, row.delta) == (None, True, None)
    assert row.standing == Standing(1, 0.4, 0.5)


def test_metrics_not_taken_at_every_epoch_wait_for_the_end(study: MadeStudy) -> None:
    study.run("Baseline", predictions(1, 6.0), epochs=[0.5])
    study.run("A1", state="lost", changes={"attention_fusion": False}, epochs=[0.4])
    row = build_study_results(study.recorded(), "krcc", resamples=FEW).row("A1")
    assert (row.value, row.delta, row.provisional) == (None, None, True)


def test_an_undefined_correlation_at_an_epoch_is_no_value(study: MadeStudy) -> None:
    study.run("Baseline", state="lost", epochs=[None])
    row = build_study_results(study.recorded(), resamples=FEW).row("Baseline")
    assert (row.value, row.provisional) == (None, True)


def test_queued_experiments_have_a_row_that_waits(study: MadeStudy) -> None:
    study.run("Baseline", predictions(1, 6.0))
    study.run("A1", state="queued", changes={"attention_fusion": False}, expect={"srcc": [0.9, 0.91]})
    row = build_study_results(study.recorded(), resamples=FEW).row("A1")
    assert (row.value, row.delta, row.state, row.provisional) == (None, None, "not started", True)
    assert row.expected == (0.9, 0.91) and row.position is None


def test_beside_a_failed_baseline_there_are_values_and_no_differences(study: MadeStudy) -> None:
    study.run("Baseline", state="failed", reason="diverged", epochs=[0.5])
    study.run("A1", predictions(2, 12.0), changes={"attention_fusion": False}, epochs=[0.4])
    study.run("A2", state="lost", changes={"multi_scale": False}, epochs=[0.3])
    results = build_study_results(study.recorded(), resamples=FEW)
    assert "Baseline, the baseline, failed (diverged): nothing is compared" in results.notes
    assert results.row("Baseline").value is None
    assert "seed 42 failed: diverged" in results.row("Baseline").notes
    assert results.row("A1").interval is not None
    for name in ("A1", "A2"):
        assert results.row(name).delta is None
        assert "not compared: Baseline failed" in results.row(name).notes
    assert results.row("A2").value == 0.3


def test_one_seed_that_failed_is_named_and_the_others_count(study: MadeStudy) -> None:
    for seed in (42, 43):
        study.run("Baseline", predictions(seed, 6.0), seed=seed)
    study.run("A1", predictions(9, 12.0), changes={"attention_fusion": False})
    study.run("A1", seed=43, state="failed", reason="out of memory", changes={"attention_fusion": False})
    row = build_study_results(study.recorded(), resamples=FEW).row("A1")
    assert row.seeds == (42,) and row.state == "completed/failed"
    assert {"seed 43 failed: out of memory", "1 of 2 seeds finished"} <= set(row.notes)
    assert (row.covers, row.scope) == ("two runs: seed 42 of both", "runs")


def test_a_study_that_has_not_begun_is_known_by_its_specifications(tmp_path: Path) -> None:
    file = load_study(Path(__file__).parents[2] / "experiments.toml")
    results = build_study_results([record(spec, run_folder(tmp_path, spec)) for spec in resolve_all(file)])
    assert [row.experiment for row in results.rows] == ["Baseline", "A1", "A2", "B1", "B2"]
    assert all((row.value, row.state, row.provisional) == (None, "not started", True) for row in results.rows)
    assert results.row("A1").expected == (0.932, 0.935) and results.row("A1").expected_delta == (-0.006, -0.003)
    assert results.row("A1").factors == ("attention_fusion",)
    assert results.row("A2").factors == ("multi_scale", "attention_fusion")
    assert set(results.row("B1").factors) == {"model_size", "drop_path_rate", "dropout_rate"}


def test_curves_are_of_the_first_seed_by_epoch(study: MadeStudy) -> None:
    study.run("Baseline", predictions(1, 6.0), epochs=[0.5, None, 0.8])
    study.run("A1", state="queued", changes={"attention_fusion": False})
    first, second = curves(study.recorded())
    assert first.points == ((1, 0.5, 0.5), (2, None, None), (3, 0.8, 0.8))
    assert second.points == ()


def test_a_declared_seed_that_nobody_started_does_not_make_other_seeds_provisional(study: MadeStudy) -> None:
    """The study file names seed 42, and `--seeds 1 2 3` ran others."""
    for name, changes in (("Baseline", None), ("A1", {"attention_fusion": False})):
        study.run(name, state="queued", changes=changes)
        for seed in (1, 2, 3):
            study.run(name, predictions(seed + len(name), 6.0), seed=seed, changes=changes)
    row = build_study_results(study.recorded(), resamples=FEW).row("A1")
    assert (row.state, row.provisional, row.seeds) == ("completed", False, (1, 2, 3))
    assert not any("seeds finished" in note for note in row.notes)
