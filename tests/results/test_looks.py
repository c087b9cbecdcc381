"""The looks of a study from its runs: what they decide, and what the rows of its results show of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from iqa_train.report.collect import PEEKING, results_of
from iqa_train.results.look_text import progress_text
from iqa_train.results.looks import StudyLooks, take_looks
from iqa_train.results.selection import chosen_runs
from iqa_train.results.study_results import build_study_results
from iqa_train.results.table import StudyResults
from iqa_train.runs.design_file import SealedDesign, read_design, seal
from iqa_train.runs.predictions import Predictions
from tests.results.made_study import MadeStudy

DESIGN = SealedDesign(
    "srcc", {}, min_seeds=3, max_seeds=5, seeds=(42, 43, 44, 45, 46), baseline="Baseline", experiments=("A1", "A2")
)
BAD, LIKE = 25.0, 5.0
"""Noise of A1, which is clearly worse, and of A2, which is like the baseline."""


def predictions(experiment: str, seed: int, noise: float, images: int = 200) -> Predictions:
    common = np.random.default_rng(0)
    scores, hard = np.round(common.normal(60, 15, images), 2), common.normal(size=images)
    own = np.random.default_rng([seed, *experiment.encode()]).normal(size=images)
    return Predictions(tuple(f"{k:04}.jpg" for k in range(images)), scores, scores + 4 * hard + noise * own)


@pytest.fixture
def study(tmp_path: Path) -> MadeStudy:
    return MadeStudy(tmp_path / "runs")


def run(study: MadeStudy, seeds: range, *experiments: str) -> None:
    for seed in seeds:
        for name in experiments or ("Baseline", "A1", "A2"):
            changes = {"A1": {"attention_fusion": False}, "A2": {"dropout_rate": 0.1}}.get(name, {})
            table = predictions(name, seed, BAD if name == "A1" else LIKE)
            study.run(name, table, seed=seed, changes=changes)


def looks_of(study: MadeStudy, design: SealedDesign = DESIGN) -> StudyLooks:
    return take_looks(study.recorded(), design)


def results(study: MadeStudy, design: SealedDesign = DESIGN, metric: str = "srcc") -> StudyResults:
    return build_study_results(study.recorded(), metric, margins=design.margins, primary="srcc", design=design)


def test_all_rounds_before_the_first_look_are_wanted_at_once(study: MadeStudy) -> None:
    run(study, range(42, 43))
    looks = looks_of(study)
    assert looks.rounds == 1 and not looks.ended and not looks.last
    assert looks.missing == tuple((name, seed) for seed in (43, 44) for name in ("Baseline", "A1", "A2"))
    assert progress_text(looks) == (
        "the first look is at 3 seeds; next: seed 43 of Baseline, A1 and A2, seed 44 of Baseline, A1 and A2"
    )


def test_a_look_decides_and_the_next_round_is_for_the_others(study: MadeStudy) -> None:
    run(study, range(42, 45))
    looks = looks_of(study)
    assert looks.tracks["A1"].decision == "different" and looks.looks.open == ["A2"]
    assert looks.missing == (("Baseline", 45), ("A2", 45))
    assert progress_text(looks) == (
        "look at 3 of at most 5 seeds: A1 different; open: A2; next: seed 45 of Baseline and A2"
    )


def test_the_last_look_ends_the_design(study: MadeStudy) -> None:
    run(study, range(42, 45), "A1")
    run(study, range(42, 47), "Baseline", "A2")
    looks = looks_of(study, replace(DESIGN, give_up=0.0))
    assert looks.ended == "the design ends at 5 seeds" and looks.rounds == 5 and not looks.missing
    assert len(looks.last["A1"].seeds) == 3 and len(looks.last["A2"].seeds) == 5


def test_no_verdict_is_shown_before_the_first_look(study: MadeStudy) -> None:
    run(study, range(42, 44))
    row = results(study).row("A1")
    assert (row.p, row.p_holm, row.distinguishable, row.better, row.look) == (None, None, None, None, None)
    assert "no verdict yet: the first look is at 3 seeds" in row.notes and row.delta is not None


def test_rows_show_the_look_the_sequential_p_and_the_repeated_interval(study: MadeStudy) -> None:
    run(study, range(42, 46))
    found, looks = results(study), looks_of(study)
    worse, like = found.row("A1"), found.row("A2")
    assert (worse.look, worse.decision, worse.distinguishable, worse.better) == (3, "different", True, False)
    assert worse.covers == "the first 3 seeds of the design" and set(worse.differences_by_seed) == {42, 43, 44}
    assert worse.p_sequential == looks.tracks["A1"].q and worse.p is not None and worse.p < worse.p_sequential
    single = looks.last["A1"].law.interval(looks.last["A1"].difference)
    assert worse.delta_interval is not None
    assert worse.delta_interval[0] < single[0] < single[1] < worse.delta_interval[1]
    assert (like.look, like.distinguishable, like.better) == (4, False, None)
    assert not any("assurance" in note for note in like.notes)
    assert found.notes[0].startswith("design: looks at 3 to 5 seeds; p counts all looks")
    assert any("drawn away from zero by stopping" in note for note in found.notes)


def test_how_alike_runs_with_one_seed_are_is_reported(study: MadeStudy) -> None:
    run(study, range(42, 46))
    row, base = results(study).row("A2"), results(study).row("Baseline")
    rho = np.corrcoef(list(row.values_by_seed.values()), list(base.values_by_seed.values()))[0, 1]
    (note,) = (note for note in row.notes if "correlate" in note)
    assert note.startswith(f"runs with the same seed correlate {rho:+.2f} with Baseline's over 4 seeds: ")


def test_an_experiment_that_is_given_up_says_so(study: MadeStudy) -> None:
    run(study, range(42, 46))
    found = results(study, replace(DESIGN, give_up=0.99)).row("A2")
    assert (found.decision, found.distinguishable) == ("given up", False)
    assert "given up since a verdict by 5 seeds was unlikely" in found.notes and found.look == 4


def test_a_margin_shows_what_is_the_same(study: MadeStudy) -> None:
    run(study, range(42, 47))
    found = results(study, replace(DESIGN, margins={"srcc": 0.2}, give_up=0.0))
    assert found.row("A2").decision == "same" and found.row("A2").same and not found.row("A2").distinguishable


def test_other_metrics_are_secondary_and_know_no_looks(study: MadeStudy) -> None:
    run(study, range(42, 46))
    found = results(study, metric="plcc")
    assert found.secondary and found.row("A1").look is None and found.row("A1").distinguishable is not None


def test_looks_do_not_depend_on_seeds_that_came_later(study: MadeStudy) -> None:
    run(study, range(42, 45))
    before = looks_of(study)
    run(study, range(45, 50))
    after = looks_of(study)
    assert after.tracks["A1"].q == before.tracks["A1"].q and after.last["A1"].seeds == before.last["A1"].seeds
    assert after.last["A1"].difference == before.last["A1"].difference


def test_more_seeds_than_the_design_has_make_verdicts_exploratory(study: MadeStudy) -> None:
    run(study, range(42, 48))
    assert results(study).exploratory == "the design ended at 5 seeds"
    assert not results(study, replace(DESIGN, max_seeds=6, seeds=tuple(range(42, 48)))).exploratory


def test_a_round_under_way_makes_no_look_provisional(study: MadeStudy) -> None:
    run(study, range(42, 45))
    before = results(study).row("A2")
    study.run("A2", seed=45, state="lost", changes={"dropout_rate": 0.1}, epochs=[0.1])
    after = results(study).row("A2")
    assert not before.provisional and not after.provisional and after.epoch is None
    assert (after.look, after.delta, after.delta_interval) == (3, before.delta, before.delta_interval)


def test_a_run_that_failed_keeps_its_round_open(study: MadeStudy) -> None:
    run(study, range(42, 45), "Baseline", "A1")
    run(study, range(42, 44), "A2")
    study.run("A2", seed=44, state="failed", reason="it", changes={"dropout_rate": 0.1})
    assert looks_of(study).missing == (("A2", 44),)


FILE = """
[study]
name = "lr5e7"
baseline = "Baseline"
{head}

[defaults]
dataset = "koniq-10k"

[[experiments]]
id = "Baseline"
"""


def shown(study: MadeStudy, tmp_path: Path, head: str = "", more: str = "") -> StudyResults:
    path = tmp_path / "experiments.toml"
    path.write_text(FILE.format(head=head) + more)
    chosen = chosen_runs(study.runs_dir, "lr5e7", path, None)
    return results_of(replace(chosen, runs=tuple(study.recorded())), "srcc")


def test_several_seeds_without_a_design_are_labelled(study: MadeStudy, tmp_path: Path) -> None:
    run(study, range(42, 44))
    assert PEEKING in shown(study, tmp_path).notes
    assert PEEKING not in shown(study, tmp_path, "seeds = [42, 43]").notes  # as the file planned it
    assert PEEKING in shown(study, tmp_path, "seeds = [42, 43, 44]").notes


def test_one_seed_each_beside_several_of_the_baseline_is_no_looking_again(study: MadeStudy, tmp_path: Path) -> None:
    run(study, range(42, 47), "Baseline")
    run(study, range(42, 43), "A1", "A2")
    found = shown(study, tmp_path)
    assert found.row("A1").borrowed and PEEKING not in found.notes


def test_a_design_that_is_declared_after_the_first_result_is_exploratory(study: MadeStudy, tmp_path: Path) -> None:
    run(study, range(42, 43))
    found = shown(study, tmp_path, "margin = 0.002")
    assert found.exploratory == "the design was declared after the first result (Baseline, seed 42)"
    assert found.notes[0] == f"exploratory: {found.exploratory}" and found.as_json()["exploratory"]


def test_what_was_sealed_counts_and_a_change_of_the_file_is_exploratory(study: MadeStudy, tmp_path: Path) -> None:
    sealed = seal(study.runs_dir, "lr5e7", SealedDesign("srcc", {"srcc": 0.01}))
    assert sealed == read_design(study.runs_dir, "lr5e7")
    run(study, range(42, 45))
    kept, changed = shown(study, tmp_path, "margin = 0.01"), shown(study, tmp_path, "margin = 0.5")
    assert not kept.exploratory and kept.row("A2").margin == changed.row("A2").margin == 0.01
    assert changed.exploratory.startswith("the design was changed after the first result: the study file declares")


def test_a_damaged_design_is_named(study: MadeStudy, tmp_path: Path) -> None:
    run(study, range(42, 43))
    (study.runs_dir / "lr5e7" / "design.json").write_text("{")
    assert "design.json is damaged" in shown(study, tmp_path).exploratory


def test_an_open_ended_design_gives_nothing_up_and_promises_no_last_look(study: MadeStudy) -> None:
    run(study, range(42, 52))
    design = replace(DESIGN, open_ended=True, give_up=0.9, max_seeds=10, seeds=tuple(range(42, 52)))
    looks = looks_of(study, design)
    assert looks.tracks["A1"].decision == "different" and looks.looks.open == ["A2"]
    assert looks.ended == "the design pauses at 10 seeds"
    found = results(study, design)
    row = found.row("A2")
    assert row.decision is None and row.p_sequential == pytest.approx(min(row.p, row.p_sequential))
    assert row.delta_interval[0] < row.delta < row.delta_interval[1]
    assert any("looks from 3 seeds on, without a last one" in note for note in found.notes)
