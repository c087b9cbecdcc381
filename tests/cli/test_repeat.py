"""Numbers depend neither on slots nor on cores; repeats of a run with other rounding are runs, and no seeds."""

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iqa_train.files import read_lines
from iqa_train.results.summary import summarise
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.predictions import read_predictions
from iqa_train.runs.specfile import read_spec
from iqa_tui.actions.orders import StartOrder
from iqa_tui.actions.start_plan import plan_start
from iqa_tui.state.board import Target
from iqa_tui.state.study_reader import StudyReader
from iqa_tui.state.table_lines import table_lines
from iqa_tui.widgets.run_columns import grid
from tests.conftest import STUDY, Project, write_small_study

pytestmark = pytest.mark.slow  # real trainings

QUICK = STUDY.replace("epochs = 3", "epochs = 1")


@pytest.fixture(scope="module")
def repeated(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Baseline and A1 run once, and A1 a second time with other rounding. Read-only."""
    project = write_small_study(tmp_path_factory.mktemp("repeated"), QUICK)
    project.run("--exp", "Baseline", "A1", "--slots", "2")
    said = project.run("--exp", "A1", "--repeat", "2").stderr
    assert "vs first run" in said
    return project


def folders(project: Project, experiment: str = "A1") -> list[RunFolder]:
    return [RunFolder(path) for path in sorted((project.folder / "runs" / "small" / experiment).iterdir())]


def bytes_of(run: RunFolder) -> bytes:
    return run.round(1, 1).predictions("test").read_bytes()


def document(project: Project, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(project.run(*words, "--json").stdout)
    return found


def test_numbers_depend_on_the_threads_that_are_set_and_not_on_slots_or_cores(
    repeated: Project, tmp_path: Path
) -> None:
    first, _ = folders(repeated)
    cores = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(cores)})
        alone = write_small_study(tmp_path / "one", QUICK)
        alone.run("--exp", "A1", "--slots", "1")
    finally:
        os.sched_setaffinity(0, cores)
    assert bytes_of(*folders(alone)) == bytes_of(first)
    more = write_small_study(tmp_path / "two", QUICK)
    more.run("--exp", "A1", "--threads", "2")
    (on_two,) = folders(more)
    assert on_two.path.name == first.path.name  # the same run, whatever its rounding
    assert bytes_of(on_two) != bytes_of(first)
    devices = [json.loads(run.provenance.read_text())["device"] for run in (first, on_two)]
    assert [device["threads"] for device in devices] == [1, 2]


def test_a_repeat_has_a_folder_of_its_own_and_nearly_the_first_runs_predictions(repeated: Project) -> None:
    first, repeat = folders(repeated)
    assert repeat.path.name == f"{first.path.name}-r2"
    assert (repeat.seed, repeat.config_hash, repeat.repeat) == (42, first.config_hash, 2)
    assert json.loads(repeat.spec.read_text()) == json.loads(first.spec.read_text())
    assert json.loads(repeat.provenance.read_text())["repeat"]["number"] == 2
    assert bytes_of(repeat) != bytes_of(first)
    one, other = (read_predictions(run.round(1, 1).predictions("test")) for run in (first, repeat))
    assert one.images == other.images
    assert np.corrcoef(one.predictions, other.predictions)[0, 1] > 0.9  # the seed is the same


def test_a_repeat_is_listed_like_a_run_and_never_counted_as_a_seed(repeated: Project) -> None:
    listed = [(row["experiment"], row["seed"], row["repeat"]) for row in document(repeated, "status")["runs"]]
    assert sorted(listed) == [("A1", 42, 1), ("A1", 42, 2), ("Baseline", 42, 1)]
    assert "A1 (repeat 2)" in repeated.run("status").stdout
    rows = {row["experiment"]: row for row in document(repeated, "results")["rows"]}
    first, repeat = folders(repeated)
    assert rows["A1"]["seeds"] == [42]
    assert rows["A1"]["value"] == json.loads(first.result.read_text())["srcc"]
    apart = json.loads(repeat.result.read_text())["srcc"] - rows["A1"]["value"]
    assert f"a repeat of seed 42 with other rounding differs by {apart:+.4f}" in rows["A1"]["notes"]
    assert not any("repeat" in note for note in rows["Baseline"]["notes"])


def test_a_repeat_is_named_by_its_folder(repeated: Project) -> None:
    first, repeat = folders(repeated)
    where = repeat.path.relative_to(repeated.folder)
    assert "a repeat with other rounding" in repeated.run("logs", str(where)).stdout
    assert (
        "a repeat with other rounding" not in repeated.run("logs", str(first.path.relative_to(repeated.folder))).stdout
    )
    said = repeated.run("relaunch", str(where), code=2).stderr
    assert "A1 (seed 42, repeat 2) is completed" in said


def test_several_repeats_are_compared_with_their_first_runs_and_not_with_each_other(repeated: Project) -> None:
    said = repeated.run("--exp", "Baseline", "A1", "--repeat", "2", "--dry-run")
    assert "A1 is completed already" in said.stderr
    assert "seed 42, repeat 2, configuration" in said.stdout
    assert "--repeat 2" in said.stdout
    first, repeat = (json.loads(run.result.read_text())["srcc"] for run in folders(repeated))
    spec = read_spec(folders(repeated)[1])
    (row,) = summarise([(spec, folders(repeated)[1])], "A1")
    assert row.delta == pytest.approx(repeat - first)


def test_the_console_lists_a_repeat_and_starts_it_over_as_one(
    repeated: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repeated.folder)
    target = Target(experiments=Path("experiments.toml"))
    reader = StudyReader(target)
    board = reader.read()
    reader.close()
    assert [(line.experiment, line.run.repeat) for line in board.lines if line.state] == [
        ("Baseline", 1), ("A1", 1), ("A1", 2),
    ]  # fmt: skip
    repeat = board.lines[-1]
    assert "repeat 2: other rounding" in grid(table_lines(board.lines), board, 200).cells[-1]
    assert any(note.startswith("a repeat of seed 42") for note in board.lines[1].result.notes)  # type: ignore[union-attr]
    (planned,) = plan_start(target, StartOrder((repeat.key,), again=True)).runs
    assert (planned.run, planned.effect) == (repeat.run, "start over")


def test_a_repeat_that_was_stopped_continues_to_the_same_bits(tmp_path: Path) -> None:
    words = ("--exp", "A1", "--repeat", "2", "--train_patch_num", "32")
    whole, broken = (write_small_study(tmp_path / name) for name in ("whole", "broken"))
    whole.run(*words)
    broken.run(*words, "--detach", "--slots", "1")
    (run,) = folders(broken)
    while not any(event["event"] == "epoch" for event in read_lines(run.path / "attempt-01" / "metrics.jsonl")):
        time.sleep(0.05)
    (stopped,) = document(broken, "stop", "A1")["stopped"]
    assert RunFolder(Path(stopped["run_dir"])).repeat == 2
    assert not run.result.exists()
    broken.run(*words, "--resume")
    assert bytes_of(run) == bytes_of(*folders(whole))
