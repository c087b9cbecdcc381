"""Rows whose runs were rounded differently are marked, and repeats of a seed are notes, never seeds."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iqa_train.results.study_comparison import compare_studies
from iqa_train.results.study_results import build_study_results
from iqa_train.results.table import ResultRow, StudyResults
from tests.results.made_study import MadeStudy, predictions

GPU = {"device": {"name": "NVIDIA H200", "bf16": True, "threads": 24}}


def on_cpu(threads: int = 1, torch: str = "2.13.0", **more: Any) -> dict[str, Any]:
    return {
        "device": {"name": f"CPU, {threads} threads", "bf16": False, "threads": threads},
        "packages": {"torch": torch},
        **more,
    }


@pytest.fixture
def study(tmp_path: Path) -> MadeStudy:
    return MadeStudy(tmp_path)


def results(study: MadeStudy) -> StudyResults:
    return build_study_results(study.recorded(), resamples=0)


def row(study: MadeStudy, name: str = "A1") -> ResultRow:
    return results(study).row(name)


def test_a_row_whose_runs_had_other_threads_than_the_baselines_is_marked(study: MadeStudy) -> None:
    study.run("Baseline", predictions(1, 6.0), provenance=on_cpu())
    study.run("A1", predictions(2, 6.0), changes={"attention_fusion": False}, provenance=on_cpu(threads=2))
    study.run("A2", predictions(3, 6.0), changes={"multi_scale": False}, provenance=on_cpu())
    found = results(study)
    assert [found.row(name).machine for name in ("Baseline", "A1", "A2")] == ["", "2 threads (Baseline: 1 thread)", ""]
    assert "other rounding: 2 threads (Baseline: 1 thread)" in found.row("A1").notes
    assert any("acts like another seed" in note for note in found.notes)
    assert found.as_json()["rows"][1]["machine"] == "2 threads (Baseline: 1 thread)"


def test_rows_of_equal_machines_are_not_marked(study: MadeStudy) -> None:
    for name in ("Baseline", "A1"):
        study.run(name, predictions(1, 6.0), provenance=on_cpu())
    found = results(study)
    assert [found.row(name).machine for name in ("Baseline", "A1")] == ["", ""]
    assert not any("another seed" in note for note in found.notes)


@pytest.mark.parametrize("baseline", [None, {}, {"device": {"name": "CPU, 2 threads"}}])
def test_what_a_run_does_not_record_is_not_compared(study: MadeStudy, baseline: dict[str, Any] | None) -> None:
    study.run("Baseline", predictions(1, 6.0), provenance=baseline)
    study.run("A1", predictions(2, 6.0), provenance=on_cpu())
    assert row(study).machine == ""


def test_seeds_of_one_experiment_on_other_machines_are_named(study: MadeStudy) -> None:
    for seed, made in ((1, on_cpu()), (2, on_cpu()), (3, on_cpu(torch="2.14.0"))):
        study.run("Baseline", predictions(seed, 6.0), seed=seed, provenance=made)
    assert row(study, "Baseline").machine == "torch 2.13.0 (seeds 1 and 2), torch 2.14.0 (seed 3)"


def test_a_run_continued_with_other_rounding_is_marked(study: MadeStudy) -> None:
    study.run("Baseline", predictions(1, 6.0), provenance=on_cpu(earlier=[{"threads": "2 threads"}]))
    assert row(study, "Baseline").machine == "1 thread (seed 42), 2 threads (seed 42 at first)"


def test_threads_beside_a_gpu_round_nothing(study: MadeStudy) -> None:
    study.run("Baseline", predictions(1, 6.0), provenance=GPU)
    study.run("A1", predictions(2, 6.0), provenance={"device": GPU["device"] | {"threads": 8}})
    study.run("A2", predictions(3, 6.0), provenance=on_cpu())
    assert row(study).machine == ""
    assert row(study, "A2").machine == "CPU (Baseline: NVIDIA H200); fp32 (Baseline: bf16)"


def test_two_studies_on_other_machines_are_marked_where_they_are_compared(study: MadeStudy, tmp_path: Path) -> None:
    other = MadeStudy(tmp_path, name="later")
    study.run("Baseline", predictions(1, 6.0), provenance=on_cpu())
    other.run("Baseline", predictions(2, 6.0), provenance=on_cpu(torch="2.14.0"))
    (found,) = compare_studies(study.recorded(), other.recorded(), resamples=0).rows
    assert "other rounding: torch 2.14.0 (Baseline of lr5e7: torch 2.13.0)" in found.notes


def test_a_repeat_says_how_far_rounding_alone_moves_the_value_and_changes_nothing_else(study: MadeStudy) -> None:
    study.run("Baseline", predictions(1, 6.0))
    study.run("A1", predictions(2, 6.0))
    before = row(study)
    study.run("A1", predictions(5, 6.3), repeat=2)
    study.run("A1", state="failed", repeat=3)
    after = row(study)
    value = next(v for v in _values(study) if v != before.value)
    assert after.notes == (
        *before.notes,
        f"a repeat of seed 42 with other rounding differs by {value - before.value:+.4f}",
    )
    assert (after.value, after.seeds, after.delta, after.p) == (before.value, before.seeds, before.delta, before.p)


def test_several_repeats_give_a_standard_deviation(study: MadeStudy) -> None:
    study.run("A1", predictions(2, 6.0))
    for repeat in (2, 3):
        study.run("A1", predictions(repeat + 3, 6.3), repeat=repeat)
    spread = np.std(_values(study), ddof=1)
    (note,) = (note for note in row(study).notes if "repeats" in note)
    assert note.startswith("2 repeats of seed 42 with other rounding differ by up to ")
    assert note.endswith(f"(standard deviation {spread:.4f})")


def test_a_repeat_without_its_first_run_is_no_run_of_the_study(study: MadeStudy) -> None:
    study.run("Baseline", predictions(1, 6.0))
    study.run("A1", predictions(2, 6.0), repeat=2)
    assert list(results(study).measured) == ["Baseline"]


def _values(study: MadeStudy) -> list[float]:
    """The SRCC of A1 and of its repeats."""
    (run,) = (run for run in study.recorded() if run.experiment == "A1")
    return [one.reported[42]["srcc"] or 0.0 for one in (run, *run.repeats)]
