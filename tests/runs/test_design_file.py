"""design.json: sealed before the first result, and what counts when the study file changes."""

import json
from pathlib import Path

import pytest

from iqa_train.errors import UsageError
from iqa_train.files import DamagedFileError
from iqa_train.runs.design_file import SealedDesign, read_design, seal
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.seal_design import design_of_file
from iqa_train.study.load import load_study
from tests.conftest import STUDY, Project

DESIGN = '[design]\nmin_seeds = 3\nmax_seeds = 5\nmargin = 0.002\nseeds = "7.."\n'


def declared(folder: Path, text: str) -> SealedDesign | None:
    path = folder / "experiments.toml"
    path.write_text(text)
    return design_of_file(load_study(path), "small")


def with_margin(value: float) -> str:
    return STUDY.replace('name = "small"', f'name = "small"\nmargin = {value}', 1)


def finish(runs: Path, experiment: str = "A1", seed: int = 42) -> None:
    run = RunFolder(runs / "small" / experiment / f"s{seed}-0123456789")
    run.path.mkdir(parents=True)
    run.result.write_text("{}")


def test_nothing_is_written_for_a_study_that_declares_nothing(tmp_path: Path) -> None:
    assert seal(tmp_path / "runs", "small", declared(tmp_path, STUDY)) is None
    assert not (tmp_path / "runs").exists() and read_design(tmp_path / "runs", "small") is None


def test_a_design_is_read_back_as_it_was_sealed(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    sealed = seal(runs, "small", declared(tmp_path, STUDY + DESIGN))
    assert sealed is not None and sealed == read_design(runs, "small") and sealed.looks
    assert (sealed.metric, sealed.margins, sealed.seeds) == ("srcc", {"srcc": 0.002}, (7, 8, 9, 10, 11))
    assert (sealed.baseline, sealed.experiments, sealed.exploratory) == ("Baseline", ("A1", "A2"), "")
    written = json.loads((runs / "small" / "design.json").read_text())
    assert (
        written["schema_version"] == 1 and written["sealed_at"] == sealed.sealed_at and written["hash"] == sealed.hash
    )
    assert seal(runs, "small", declared(tmp_path, STUDY + DESIGN)) == sealed


def test_before_the_first_result_a_changed_design_replaces_it(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    seal(runs, "small", declared(tmp_path, STUDY + DESIGN))
    changed = seal(runs, "small", declared(tmp_path, with_margin(0.004)))
    assert changed is not None and changed.margins == {"srcc": 0.004} and not changed.looks
    assert seal(runs, "small", declared(tmp_path, STUDY)) is None and read_design(runs, "small") is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (STUDY + DESIGN.replace("5", "6"), "the study file declares max_seeds = 6 now, not 5"),
        (STUDY + DESIGN.replace("0.002", "0.004"), "declares margins = { srcc = 0.004 } now, not { srcc = 0.002 }"),
        (STUDY, "declares no margin and no [design] any more"),
        (with_margin(0.002), "the study file has no [design] now"),
        (STUDY + DESIGN + '[[experiments]]\nid = "C"\n', "experiments = ['A1', 'A2', 'C'] now, not ['A1', 'A2']"),
    ],
)
def test_after_the_first_result_a_change_is_refused_in_a_sentence(tmp_path: Path, text: str, words: str) -> None:
    runs = tmp_path / "runs"
    sealed = seal(runs, "small", declared(tmp_path, STUDY + DESIGN))
    finish(runs)
    with pytest.raises(UsageError) as raised:
        seal(runs, "small", declared(tmp_path, text))
    assert words in str(raised.value) and "was sealed before the first result; undo the change" in str(raised.value)
    assert seal(runs, "small", declared(tmp_path, STUDY + DESIGN)) == sealed == read_design(runs, "small")


def test_what_is_declared_after_the_first_result_is_exploratory(tmp_path: Path) -> None:
    finish(tmp_path / "runs", seed=43)
    sealed = seal(tmp_path / "runs", "small", declared(tmp_path, with_margin(0.002)))
    assert sealed is not None and sealed.exploratory == "declared after the first result (A1, seed 43)"


def test_experiments_may_be_added_where_only_a_margin_was_declared(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    seal(runs, "small", declared(tmp_path, with_margin(0.002)))
    finish(runs)
    more = with_margin(0.002) + '[[experiments]]\nid = "C"\n'
    assert seal(runs, "small", declared(tmp_path, more)) is not None


@pytest.mark.parametrize(
    "change", [("max_seeds", 9), ("margins", {"srcc": 0.1}), ("hash", "0" * 16), ("exploratory", "no")]
)
def test_a_design_that_was_altered_by_hand_is_damaged(tmp_path: Path, change: tuple[str, object]) -> None:
    runs = tmp_path / "runs"
    seal(runs, "small", declared(tmp_path, STUDY + DESIGN))
    path = runs / "small" / "design.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | dict([change])))
    with pytest.raises(DamagedFileError, match=r"design.json is damaged .its hash is not that of its content"):
        read_design(runs, "small")


def test_a_start_seals_the_design_and_refuses_a_changed_one(project: Project) -> None:
    study = project.folder / "experiments.toml"
    study.write_text(with_margin(0.01))
    project.run("--exp", "A1", "--dry-run")
    assert not (project.folder / "runs" / "small" / "design.json").exists()
    project.run("--exp", "A1", "--epochs", "1")
    sealed = json.loads((project.folder / "runs" / "small" / "design.json").read_text())
    assert sealed["margins"] == {"srcc": 0.01} and sealed["exploratory"] == ""
    study.write_text(with_margin(0.02))
    refused = project.run("--exp", "A2", "--epochs", "1", code=2)
    assert "declares margins = { srcc = 0.02 } now, not { srcc = 0.01 }, but runs/small/design.json" in refused.stderr


def test_an_open_ended_design_may_get_further_seeds_and_nothing_else(tmp_path: Path) -> None:
    runs, text = tmp_path / "runs", STUDY + DESIGN + "open_ended = true\n"
    sealed = seal(runs, "small", declared(tmp_path, text))
    finish(runs)
    more = seal(runs, "small", declared(tmp_path, text.replace("max_seeds = 5", "max_seeds = 8")))
    assert sealed is not None and more is not None and more == read_design(runs, "small")
    assert (more.max_seeds, more.seeds[:5], more.sealed_at) == (8, sealed.seeds, sealed.sealed_at)
    with pytest.raises(UsageError, match="max_seeds = 5 now, not 8"):
        seal(runs, "small", declared(tmp_path, text))
