"""Contributions, the waterfall, and the optimism of choosing on test."""

from dataclasses import replace
from pathlib import Path

import pytest

from iqa_train.results.contribution import contributions, optimism, waterfall
from iqa_train.results.study_results import build_study_results
from iqa_train.results.table import StudyResults
from tests.results.made_study import MadeStudy, predictions


@pytest.fixture
def study(tmp_path: Path) -> MadeStudy:
    made = MadeStudy(tmp_path)
    made.run("Baseline", predictions(1, 6.0), gain=0.001)
    made.run("A1", predictions(2, 9.0), changes={"attention_fusion": False}, gain=0.003)
    made.run("A2", predictions(3, 12.0), changes={"multi_scale": False})
    made.run("B1", state="queued", changes={"model_size": "tiny"})
    return made


def results(study: MadeStudy, metric: str = "srcc") -> StudyResults:
    return build_study_results(study.recorded(), metric, resamples=400)


def test_a_contribution_is_what_is_lost_without_it(study: MadeStudy) -> None:
    found = results(study)
    one, two = contributions(found)
    row = found.row("A1")
    assert (one.experiment, one.gain, one.single, one.label) == ("A1", -row.delta, True, "attention_fusion")
    assert one.interval == (-row.delta_interval[1], -row.delta_interval[0])
    assert one.interval[0] < one.gain < one.interval[1]
    assert (two.experiment, two.single) == ("A2", False)
    assert two.label == "multi_scale + attention_fusion together"


def test_an_error_that_grows_is_a_gain_lost_too(study: MadeStudy) -> None:
    one = contributions(results(study, "rmse_fit"))[0]
    assert one.gain > 0 and one.interval[0] < one.gain < one.interval[1]


def test_every_step_of_the_waterfall_starts_at_the_baseline(study: MadeStudy) -> None:
    found = results(study)
    first, *steps = waterfall(found)
    top = found.row("Baseline").value
    assert (first.start, first.end, first.label) == (0.0, top, "Title of Baseline")
    assert [step.experiment for step in steps] == ["A1", "A2"]
    for step in steps:
        assert step.start == top and step.interval[0] < step.end < step.interval[1] < top


def test_without_a_baseline_there_is_no_waterfall(tmp_path: Path) -> None:
    made = MadeStudy(tmp_path)
    made.run("A1", predictions(1, 6.0))
    assert waterfall(results(made)) == [] == contributions(results(made))


def test_another_program_is_a_rival_and_no_component(study: MadeStudy) -> None:
    found = results(study)
    rival = replace(found.row("A1"), factors=("command",))
    found = replace(found, rows=(found.row("Baseline"), rival, found.row("A2")))
    assert [one.experiment for one in contributions(found)] == ["A2"]
    assert [step.experiment for step in waterfall(found)] == ["Baseline", "A2"]


def test_optimism_where_it_is_known(study: MadeStudy) -> None:
    assert optimism(results(study)) == pytest.approx({"Baseline": 0.001, "A1": 0.003, "A2": 0.0})
