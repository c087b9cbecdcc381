"""Results of a study, from its runs on disk."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from iqa_train.results.run_record import record_study
from iqa_train.results.study_results import build_study_results
from iqa_train.stats.metrics import srcc
from iqa_train.stats.registry import METRICS
from tests.results.made_study import MadeStudy, predictions

FEW = 500


@pytest.fixture
def study(tmp_path: Path) -> MadeStudy:
    return MadeStudy(tmp_path)


def test_a_finished_study_has_a_whole_row_for_each_experiment(study: MadeStudy) -> None:
    base, worse = predictions(1, 6.0), predictions(2, 12.0)
    study.run("Baseline", base, expect={"srcc": [0.9, 0.96]}, gain=0.002)
    study.run(
        "A1", worse, changes={"attention_fusion": False}, expect={"srcc": [0.9, 0.95], "delta": [-0.01, 0]}, gain=0.004
    )
    results = build_study_results(study.recorded(), resamples=FEW)
    assert (results.study, results.baseline, results.metric) == ("lr5e7", "Baseline", "srcc")
    assert results.dataset == "koniq-10k"
    row, first = results.row("A1"), results.row("Baseline")
    assert row is not None and first is not None
    assert first.value == srcc(base.predictions, base.scores)
    assert row.value == srcc(worse.predictions, worse.scores)
    assert row.delta == pytest.approx(row.value - first.value)
    assert row.interval[0] < row.value < row.interval[1]
    assert row.delta_interval[0] < row.delta < row.delta_interval[1] < 0
    assert row.p < 0.01 and row.p_holm == row.p and row.p_williams < 0.01
    assert row.zou_interval[0] < row.delta < row.zou_interval[1]
    assert (row.position, row.delta_position, row.distinguishable) == ("below", "below", True)
    assert (row.images, row.seeds, row.state, row.provisional) == (200, (42,), "completed", False)
    assert row.factors == ("attention_fusion",)
    assert row.optimism == pytest.approx(0.004)
    assert (first.delta, first.p, first.distinguishable, first.factors) == (None, None, None, ())
    assert any(note.startswith("A1: runs are compared, not components") for note in results.notes)
    json.dumps(results.as_json(), allow_nan=False)


def test_the_same_runs_give_the_same_bytes(study: MadeStudy) -> None:
    study.run("Baseline", predictions(1, 6.0))
    study.run("A1", predictions(2, 7.0), changes={"attention_fusion": False})
    for metric in METRICS:
        once, twice = (build_study_results(study.recorded(), metric, resamples=FEW) for _ in range(2))
        assert json.dumps(once.as_json()) == json.dumps(twice.as_json())


def test_a_row_does_not_change_when_an_experiment_is_added(study: MadeStudy) -> None:
    study.run("Baseline", predictions(1, 6.0))
    study.run("A1", predictions(2, 7.0), changes={"attention_fusion": False})
    before = build_study_results(study.recorded(), resamples=FEW).row("A1")
    study.run("A0", predictions(3, 9.0), changes={"model_size": "tiny"})
    after = build_study_results(study.recorded(), resamples=FEW).row("A1")
    assert (before.delta_interval, before.p) == (after.delta_interval, after.p)


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_has_its_interval(study: MadeStudy, metric: str) -> None:
    study.run("Baseline", predictions(1, 6.0), expect={"srcc": [0.9, 0.9]})
    study.run("A1", predictions(2, 12.0), changes={"attention_fusion": False}, expect={"delta": [-0.1, 0.0]})
    row = build_study_results(study.recorded(), metric, resamples=FEW).row("A1")
    assert row.interval[0] < row.value < row.interval[1]
    assert row.distinguishable
    assert (row.delta < 0) == METRICS[metric].higher_is_better
    assert (row.p_williams is not None) == (metric in {"srcc", "plcc", "plcc_fit"})
    assert (row.expected_delta is None) == (metric != "srcc"), "expectations are of SRCC"


def test_several_seeds_are_one_row_with_their_spread(study: MadeStudy) -> None:
    for seed in (42, 43, 44):
        study.run("Baseline", predictions(seed, 6.0), seed=seed)
        study.run("A1", predictions(seed + 10, 12.0), seed=seed, changes={"attention_fusion": False})
    results = build_study_results(study.recorded(), resamples=FEW)
    row = results.row("A1")
    values = [srcc(t.predictions, t.scores) for t in (predictions(s + 10, 12.0) for s in (42, 43, 44))]
    assert row.seeds == (42, 43, 44)
    assert row.value == pytest.approx(np.mean(values))
    assert row.seed_sd == pytest.approx(np.std(values, ddof=1))
    assert "A1: interval and p of the difference cover test images and seeds" in results.notes
    assert (row.scope, row.better, row.distinguishable) == ("component", False, True)


def test_rounds_are_seeds(study: MadeStudy) -> None:
    study.run("Baseline", [predictions(1, 6.0), predictions(2, 6.0)])
    row = build_study_results(study.recorded(), resamples=FEW).row("Baseline")
    assert row.seeds == (42, 43)
    assert row.seed_sd is not None


def test_the_baseline_alone(study: MadeStudy) -> None:
    study.run("Baseline", predictions(1, 6.0), expect={"srcc": [0.9, 0.99]})
    results = build_study_results(study.recorded(), resamples=FEW)
    assert len(results.rows) == 1 and results.rows[0].position == "within"
    assert "Baseline is the only experiment: there is nothing to compare" in results.notes


def test_no_baseline_among_the_runs(study: MadeStudy) -> None:
    study.run("A1", predictions(1, 6.0))
    results = build_study_results(study.recorded(), resamples=FEW)
    assert results.rows[0].value is not None
    assert "Baseline, the baseline, has not been run: nothing is compared" in results.notes


def test_of_few_images_the_intervals_are_called_rough(study: MadeStudy) -> None:
    study.run("Baseline", predictions(1, 6.0, images=12))
    assert "only 12 test images: intervals are rough" in build_study_results(study.recorded(), resamples=FEW).notes


def test_nothing_at_all() -> None:
    assert build_study_results([]).rows == ()


def test_the_logistic_may_have_five_parameters(study: MadeStudy) -> None:
    study.run("Baseline", predictions(1, 6.0))
    four, five = (build_study_results(study.recorded(), "rmse_fit", resamples=FEW, parameters=k) for k in (4, 5))
    assert four.rows[0].value != five.rows[0].value
    assert "after a logistic fit with 4 parameters" in four.notes
    assert "after a logistic fit with 5 parameters" in five.notes


def test_results_are_loaded_without_what_is_slow_to_load() -> None:
    modules = ", ".join(f"iqa_train.results.{name}" for name in ("study_results", "study_comparison", "contribution"))
    code = f"import sys, {modules}; print(*sorted({{'torch', 'scipy', 'pydantic', 'matplotlib'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_without_resamples_there_are_values_at_once(study: MadeStudy) -> None:
    study.run("Baseline", predictions(1, 6.0))
    study.run("A1", predictions(2, 12.0), changes={"attention_fusion": False})
    row = build_study_results(study.recorded(), resamples=0).row("A1")
    assert row.value is not None and row.delta is not None
    assert (row.interval, row.delta_interval, row.p, row.distinguishable) == (None, None, None, None)


def test_the_files_of_an_early_version_have_results() -> None:
    kept = Path(__file__).parents[1] / "fixtures" / "state-v1"
    results = build_study_results(record_study(kept, "small"), resamples=FEW)
    row = results.row("Baseline")
    assert row.value == pytest.approx(-0.4195488721804511), "of the predictions, which a stand-in made"
    assert row.images == 20 and row.interval is not None
    assert results.row("A1").state == "failed"


def test_seeds_that_are_not_shared_compare_means_over_both_sides_spreads(tmp_path: Path) -> None:
    made = MadeStudy(tmp_path)
    for seed in (1, 2, 3):
        made.run("Baseline", predictions(seed, 5), seed=seed)
    for seed in (7, 8):
        made.run("A1", predictions(seed, 5.2), seed=seed, changes={"lr": 1e-6})
    row = build_study_results(made.recorded()).row("A1")
    assert (row.scope, row.borrowed, row.covers) == ("component", "", "seeds 7, 8, and seeds 1, 2, 3 of Baseline")


def test_every_row_says_what_it_covers(tmp_path: Path) -> None:
    """Seeds as they come about: some experiments were run more often than others."""
    made = MadeStudy(tmp_path)
    for seed in (1, 2, 3, 4, 5):
        made.run("Baseline", predictions(seed, 5), seed=seed)
    made.run("A", predictions(11, 5.2), seed=1, changes={"lr": 1e-6})
    for seed in (1, 2):
        made.run("B", predictions(20 + seed, 5.2), seed=seed, changes={"lr": 2e-6})
    made.run("C", predictions(31, 5.2), seed=9, changes={"lr": 3e-6})
    results = build_study_results(made.recorded())
    rows = {name: results.row(name) for name in "ABC"}
    assert [rows[name].scope for name in "ABC"] == ["component"] * 3
    assert [rows[name].borrowed for name in "ABC"] == ["Baseline (5 seeds)", "", "Baseline (5 seeds)"]
    assert rows["B"].covers == "the shared seeds 1, 2, and 3 further seeds of Baseline"
    assert rows["C"].covers == "seed 9, and seeds 1, 2, 3, 4, 5 of Baseline"
    note = "A and C: seed spread borrowed from Baseline (5 seeds), assuming that runs vary as much"
    assert note in results.notes


def test_verdicts_do_not_depend_on_the_studys_name(tmp_path: Path) -> None:
    found = set()
    for name in ("lr5e7", "lr1e6", "night", "final"):
        made = MadeStudy(tmp_path / name, name)
        made.run("Baseline", predictions(1, 6.0, 60))
        made.run("A1", predictions(2, 6.6, 60), changes={"attention_fusion": False})
        row = build_study_results(made.recorded()).row("A1")
        found.add((row.p, row.delta_interval, row.interval))
    assert len(found) == 1


@pytest.mark.parametrize("metric", ["srcc", "krcc"])
def test_of_sixty_experiments_those_that_differ_clearly_do(tmp_path: Path, metric: str) -> None:
    made = MadeStudy(tmp_path)
    made.run("Baseline", predictions(1, 6.0))
    for k in range(59):
        made.run(f"X{k}", predictions(100 + k, 16.0 if k < 3 else 6.0), changes={"lr": (k + 2) * 1e-7})
    rows = build_study_results(made.recorded(), metric, resamples=FEW).rows
    assert all(row.distinguishable for row in rows if row.experiment in {"X0", "X1", "X2"})
