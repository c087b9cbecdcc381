"""One study, experiment and data set by name, other data: refused or kept apart, never the other's numbers."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from iqa_train.datasets.catalogue import load_table
from iqa_train.datasets.splits import fingerprint, split_table
from iqa_train.errors import DataError
from iqa_train.results.selection import chosen_runs
from iqa_train.runs.layout import RunFolder, run_folder
from iqa_train.runs.project import data_record, recorded
from iqa_train.scheduler.data_check import require_data
from iqa_train.scheduler.queue import Item, edit_queue
from iqa_train.scheduler.submit import declare
from iqa_train.study.load import load_study
from iqa_train.study.resolve import resolve_all
from iqa_train.study.spec import RunSpec
from tests.conftest import write_small_study


@contextmanager
def no_bar(_label: str, _unit: str) -> Iterator[object]:
    yield lambda _done, _total: None


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runs folder that the projects `a` and `b` share; the tests begin in `a`."""
    (tmp_path / "a").mkdir()
    write_small_study(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    (tmp_path / "shared").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    return tmp_path / "shared"


def baseline(runs_dir: Path) -> tuple[RunSpec, RunFolder]:
    spec = resolve_all(load_study(Path("experiments.toml")), ids=["Baseline"])[0]
    return spec, run_folder(runs_dir, spec)


def trained_here(runs_dir: Path, *, finished: bool = True) -> tuple[RunSpec, RunFolder]:
    """What a run of the project here leaves."""
    spec, run = baseline(runs_dir)
    declare(run, spec)
    attempt = run.next_attempt()
    attempt.folder.mkdir()
    facts = {"cwd": recorded(Path.cwd(), runs_dir), "environment": {}, "resumed": False}
    attempt.runner.write_text(json.dumps(facts))
    code = 0 if finished else 6
    ended = {"state": "completed" if finished else "killed", "reason": "", "exit_code": code, "signal": None}
    attempt.exit.write_text(json.dumps(ended | {"requested": not finished}))
    table = load_table(spec.settings.dataset, spec.source, spec.settings.data_dir)
    digits = fingerprint(table, split_table(table, spec.settings.seed))
    run.provenance.write_text(json.dumps({"data": data_record(table.root, runs_dir) | {"fingerprint": digits}}))
    if finished:
        run.result.write_text(json.dumps({"srcc": 0.9}))
    else:
        (run.path / "checkpoints").mkdir()
    return spec, run


def other_scores(project: Path) -> None:
    table = project / "data" / "small" / "scores.csv"
    head, *rows = table.read_text().splitlines()
    turned = [f"{i},{100 - float(s)},{r}" for i, s, r in (row.split(",") for row in rows)]
    table.write_text("\n".join([head, *turned]))


def other_pictures(project: Path) -> None:
    picture = project / "data" / "small" / "images" / "00.png"
    picture.write_bytes(picture.read_bytes() + b"x")


@pytest.mark.parametrize("differ", [other_scores, other_pictures])
@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("left", ["result", "checkpoint", "item"])
def test_the_run_of_another_project_with_other_data_is_refused(
    shared: Path, monkeypatch: pytest.MonkeyPatch, differ: object, left: str, *, again: bool
) -> None:
    if left == "item":
        spec, run = baseline(shared)
        declare(run, spec)
        cwd = recorded(Path.cwd(), shared)
        with edit_queue(shared) as edit:
            item = Item(str(run.path.relative_to(shared)), "Baseline", 42, cwd=cwd, environment={})
            edit.queue = type(edit.queue)((item,))
    else:
        trained_here(shared, finished=left == "result")
    monkeypatch.chdir(shared.parent / "b")
    require_data([baseline(shared)], no_bar, again=again)  # type: ignore[arg-type]  # a copy of the data is the same
    differ(Path.cwd())  # type: ignore[operator]
    with pytest.raises(DataError) as caught:
        require_data([baseline(shared)], no_bar, again=again)  # type: ignore[arg-type]
    words = str(caught.value)
    assert f"belongs to the project in {shared.parent / 'a'}" in words
    assert "another name or another --runs-dir" in words
    assert "\n" not in words


@pytest.mark.parametrize("finished", [True, False])
def test_data_changed_in_place_is_refused_unless_the_run_starts_over(shared: Path, *, finished: bool) -> None:
    trained_here(shared, finished=finished)
    other_scores(Path.cwd())
    with pytest.raises(DataError, match="--again runs it from scratch"):
        require_data([baseline(shared)], no_bar, again=False)  # type: ignore[arg-type]
    require_data([baseline(shared)], no_bar, again=True)  # type: ignore[arg-type]


@pytest.mark.parametrize("differ", [None, other_scores, other_pictures])
def test_results_count_no_run_of_other_data(shared: Path, monkeypatch: pytest.MonkeyPatch, differ: object) -> None:
    trained_here(shared)
    monkeypatch.chdir(shared.parent / "b")
    if differ is not None:
        differ(Path.cwd())  # type: ignore[operator]
    chosen = chosen_runs(shared, None, None, None)
    run = next(run for run in chosen.runs if run.experiment == "Baseline")
    assert run.state.finished == (differ is None)
    notes = [note for note in chosen.notes if "Baseline" in note]
    assert len(notes) == (differ is not None)
    if differ is not None:
        assert str(shared.parent / "a" / "data" / "small") in notes[0]
        assert not run.reported
    monkeypatch.chdir(shared.parent / "a")
    assert next(
        run for run in chosen_runs(shared, None, None, None).runs if run.experiment == "Baseline"
    ).state.finished


def test_results_requested_elsewhere_count(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no data to compare with: --experiments and --runs-dir may be given anywhere."""
    trained_here(shared)
    monkeypatch.chdir(shared)
    chosen = chosen_runs(shared, None, shared.parent / "a" / "experiments.toml", None)
    assert next(run for run in chosen.runs if run.experiment == "Baseline").state.finished
