"""Where experiments stand: which value they have, of which runs, and when there is a difference."""

import json
from pathlib import Path

import pytest

from iqa_train.report.columns import table_of
from iqa_train.report.latex import results_latex
from iqa_train.report.verdict_text import all_reasons
from iqa_train.results.cross_dataset import on_dataset
from iqa_train.results.shown import is_shown
from iqa_train.results.study_results import build_study_results
from iqa_train.results.table import StudyResults
from iqa_train.runs.predictions import write_predictions
from iqa_train.stats.metrics import srcc
from tests.results.made_study import MadeStudy, predictions
from tests.results.moving_study import MovingStudy

A1 = {"attention_fusion": False}


@pytest.fixture
def study(tmp_path: Path) -> MadeStudy:
    return MadeStudy(tmp_path)


def results_of(study: MadeStudy) -> StudyResults:
    return build_study_results(study.recorded(), resamples=200)


def cells_of(results: StudyResults, experiment: str) -> dict[str, str]:
    table = table_of(results)
    found = next(cells for cells in table.cells if cells[0] == experiment)
    return dict(zip(table.keys, found, strict=True))


def test_a_difference_of_the_two_means_is_in_the_table(study: MadeStudy) -> None:
    for seed in (1, 2, 3):
        study.run("Baseline", predictions(seed, 6.0 + seed), seed=seed)
    study.run("A1", predictions(9, 12.0), seed=1, changes=A1)  # its spread is borrowed
    results = results_of(study)
    row, base = results.row("A1"), results.row("Baseline")
    assert row.compared == pytest.approx((row.value, base.value))
    assert is_shown(row, base) and cells_of(results, "A1")["delta"]


def test_a_difference_over_other_seeds_than_the_values_is_in_a_note_with_its_own_two(study: MadeStudy) -> None:
    for seed in (1, 2):
        study.run("Baseline", predictions(seed, 6.0 + seed), seed=seed)
    study.run("A1", predictions(9, 12.0), seed=2, changes=A1)
    results = results_of(study)
    row, base = results.row("A1"), results.row("Baseline")
    assert row.compared == pytest.approx((row.values_by_seed[2], base.values_by_seed[2]))
    assert not is_shown(row, base)
    assert "delta" not in table_of(results).keys
    (said,) = [reasons.sentences for reasons in all_reasons(results) if reasons.experiment == "A1"]
    note = f"difference of {row.value:.4f} and {base.values_by_seed[2]:.4f}: -"
    assert any(one.startswith(note) and one.endswith(", over two runs: seed 2 of both") for one in said)
    assert "difference of" in results_latex(results)


def test_an_experiment_with_some_seeds_finished_says_how_many(tmp_path: Path) -> None:
    with MovingStudy(tmp_path, 2) as moving:
        for name in ("Baseline", "A1"):
            for choice in (0, 1):  # started, finished
                moving.happens(moving.runs[name, 1], choice)
        moving.happens(moving.runs["A1", 2], 0)
        moving.happens(moving.runs["A1", 2], 0)  # an epoch
        results = results_of(moving.study)
        row = results.row("A1")
        assert (row.so_far, row.standing, row.epoch, row.provisional) == ((1, 2), None, None, True)
        assert [(run.seed, run.finished, run.epoch) for run in row.runs] == [(1, True, None), (2, False, 1)]
        assert cells_of(results, "A1")["differs"].startswith("1 of 2 seeds: ")
        assert row.delta == pytest.approx((row.value or 0) - (results.row("Baseline").value or 0))


def test_a_run_that_is_run_again_counts_with_its_earlier_result_and_all_that_belongs_to_it(tmp_path: Path) -> None:
    with MovingStudy(tmp_path, 1) as moving:
        run = moving.runs["Baseline", 1]
        for choice in (0, 0, 0, 1):  # started, two epochs, finished
            moving.happens(run, choice)
        moving.happens(moving.runs["A1", 1], 0)
        moving.happens(moving.runs["A1", 1], 1)
        cross = predictions(5, 5.0, images=10)
        write_predictions(run.folder.round(1, 1).predictions("spaq"), cross)
        before = results_of(moving.study)
        (run.folder.attempts()[0].folder / "provenance.json").write_text(json.dumps({"packages": {"torch": "1"}}))
        run.folder.provenance.write_text(json.dumps({"packages": {"torch": "2"}}))
        for choice in (0, 0):  # started over, an epoch
            moving.happens(run, choice)
        after = results_of(moving.study)
        assert (after.row("A1").value, after.row("A1").delta) == (before.row("A1").value, before.row("A1").delta)
        assert not after.row("A1").provisional and not after.row("Baseline").provisional
        assert after.row("Baseline").state == "running" and after.row("Baseline").runs[0].again
        (record,) = [one for one in moving.study.recorded() if one.experiment == "Baseline"]
        assert len(record.epochs[1]) == 2, "those of the finished attempt, which the curve shows"
        assert record.provenance.get("packages") == {"torch": "1"}
        assert on_dataset(record, "spaq").predictions[1].images == cross.images
        note = "seed 1 is being run again: its finished attempt 1 counts until then"
        assert note in after.row("Baseline").notes
        moving.happens(run, 3)  # fails
        assert results_of(moving.study).row("A1").delta == before.row("A1").delta
        moving.happens(run, 0)
        moving.happens(run, 1)
        table = predictions(run.number, 4.0 + run.number % 7, images=24)
        assert results_of(moving.study).row("Baseline").value == srcc(table.predictions, table.scores)
