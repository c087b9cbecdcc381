"""Runs of two machines become one folder: the finished one counts, conflicts are named, nothing is lost."""

import json
import os
import shutil
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iqa_train.cli.commands.runs.merge_text import merge_lines
from iqa_train.errors import UsageError
from iqa_train.files import write_json
from iqa_train.locks import locked
from iqa_train.runs.attempt_facts import log_of
from iqa_train.runs.design_file import SealedDesign, read_design, seal
from iqa_train.runs.layout import Attempt, QueueFiles, run_folders
from iqa_train.runs.merge.side import read_side
from iqa_train.runs.merge.source import find_source
from iqa_train.runs.metrics import epoch_events
from iqa_train.runs.predictions import read_predictions
from iqa_train.runs.state import run_state
from tests.other_user import as_user
from tests.runs.merge_folders import HERE, OTHER, THERE, Machine, Wish, finish, machine, outcomes, tree


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = machine(tmp_path / "a", HERE)
    monkeypatch.chdir(made.folder)
    return made


@pytest.fixture
def there(tmp_path: Path) -> Machine:
    return machine(tmp_path / "b", THERE)


def message(report: object) -> str:
    (run,) = report.runs  # type: ignore[attr-defined]
    return str(run.decision.words)


def first_value(machine: Machine, experiment: str = "A1", repeat: int = 1) -> float:
    run = machine.run(experiment, repeat=repeat)
    return float(read_predictions(run.round(1, 1).predictions("test")).predictions[0])


def test_a_run_that_is_not_here_is_joined_with_its_logs_and_times(here: Machine, there: Machine) -> None:
    run = there.write(value=0.5, tries=2)
    os.utime(run.result, (1e9, 1e9))
    report = here.merge(there)
    assert outcomes(report) == ["joined"] and report.complete
    joined = here.run()
    assert {**tree(joined.path)} == tree(run.path)
    assert joined.result.stat().st_mtime == 1e9
    assert run_state(joined).finished
    for attempt in joined.attempts():
        log = log_of(attempt)
        assert log is not None and log.parent == here.folder / "logs"
        assert log.read_text() == f"{THERE} {run.path.name} {attempt.number}\n"
    before = tree(here.folder)
    assert outcomes(here.merge(there)) == ["unchanged"]
    assert tree(here.folder) == before


def test_a_log_whose_name_is_taken_gets_a_number_and_is_found(here: Machine, there: Machine) -> None:
    mine = here.write("A1", value=0.25, tries=1)
    there.write("A1", value=0.25, tries=1, seed=43)
    assert log_of(mine.attempts()[0]).name == log_of(there.run(seed=43).attempts()[0]).name  # type: ignore[union-attr]
    here.merge(there)
    logs = [log_of(run.attempts()[0]) for run in (mine, here.run(seed=43))]
    assert [log.read_text().split()[0] for log in logs if log] == [HERE, THERE]
    before = tree(here.folder)
    here.merge(there)
    assert tree(here.folder) == before


def test_a_log_of_a_project_whose_place_was_recorded_in_full_is_found(here: Machine, there: Machine) -> None:
    attempt = there.write(value=0.5).attempts()[0]
    facts = json.loads(attempt.runner.read_text())
    write_json(attempt.runner, facts | {"cwd": "/home/b/project", "log": f"/home/b/project/{facts['log']}"})
    here.merge(there)
    log = log_of(here.run().attempts()[0])
    assert log is not None and log.parent == here.folder / "logs" and log.read_text().startswith(THERE)
    assert json.loads((here.run().attempts()[0].runner).read_text())["log"] == f"logs/{log.name}"
    assert outcomes(here.merge(there)) == ["unchanged"]


def test_every_round_is_compared(here: Machine, there: Machine) -> None:
    for one, last in ((here, 0.5), (there, 0.75)):
        run = one.write(value=0.5, minute=1)
        for number, value in ((1, 0.5), (2, last)):
            path = run.round(number, 2).predictions("test")
            path.parent.mkdir()
            path.write_text(f"image,score,prediction\n0.png,0,{value}\n1.png,1,2.0\n")
        run.round(1, 1).predictions("test").unlink()
        rounds = [{"round": number, "epochs": 1, "test": {"srcc": 0.5}} for number in (1, 2)]
        write_json(run.result, {"srcc": 0.5, "images": {"test": 2}, "rounds": rounds})
    assert outcomes(here.merge(there)) == ["conflict"]
    (here.run().round(2, 2).predictions("test")).write_bytes(there.run().round(2, 2).predictions("test").read_bytes())
    assert outcomes(here.merge(there)) == ["unchanged"]


def test_the_finished_one_counts_and_attempts_of_the_other_are_its_earlier_ones(here: Machine, there: Machine) -> None:
    here.write(epochs=2, tries=2)
    there.write(value=0.5, tries=2, minute=1)
    before, original = tree(here.run().path), tree(there.run().path)
    assert outcomes(here.merge(there)) == ["replaced"]
    run = here.run()
    assert run_state(run).finished
    assert [attempt.number for attempt in run.attempts()] == [1, 2, 3, 4]
    assert len(epoch_events(run)) == 3
    assert set(before.values()) | set(original.values()) <= set(tree(run.path).values())
    assert (run.path / "attempt-02" / "checkpoints" / "last.json").read_text().startswith(HERE)
    assert json.loads(run.provenance.read_text())["host"]["host"] == THERE
    assert outcomes(here.merge(there)) == ["unchanged"]


def test_an_unfinished_one_is_kept_in_the_folder_of_the_finished_one(here: Machine, there: Machine) -> None:
    here.write(value=0.5)
    there.write(epochs=2, tries=2, minute=1)
    before = tree(here.run().path)
    assert outcomes(here.merge(there)) == ["kept-aside"]
    after = tree(here.run().path)
    assert {name: data for name, data in after.items() if not name.startswith("merged-")} == before
    aside = here.run().path / "merged-01"
    assert tree(aside) == tree(there.run().path)
    assert len(here.run().attempts()) == 1 and run_state(here.run()).finished
    assert outcomes(here.merge(there)) == ["unchanged"]


@pytest.mark.parametrize(("ours", "theirs", "what"), [(1, 2, "replaced"), (2, 1, "kept-aside"), (2, 2, "kept-aside")])
def test_of_two_unfinished_ones_the_one_that_came_further_counts(
    here: Machine, there: Machine, ours: int, theirs: int, what: str
) -> None:
    here.write(epochs=ours)
    there.write(epochs=theirs)
    assert outcomes(here.merge(there)) == [what]
    assert len(epoch_events(here.run())) == max(ours, theirs)
    checkpoint = (here.run().path / "checkpoints" / "last.json").read_text()
    assert checkpoint.startswith(THERE if theirs > ours else HERE)


def test_a_run_that_went_on_since_it_was_joined_is_continued(here: Machine, there: Machine) -> None:
    run = there.write(epochs=1)
    here.merge(there)
    there.attempt(run, 2, 2, finished=True)
    (run.path / "checkpoints" / "last.json").write_text("later")
    finish(run, 0.5, epochs=2)
    assert outcomes(here.merge(there)) == ["continued"]
    assert tree(here.run().path) == tree(run.path)
    assert outcomes(here.merge(there)) == ["unchanged"]


def test_a_run_that_went_on_here_since_stays_as_it_is(here: Machine, there: Machine) -> None:
    there.write(epochs=1)
    here.merge(there)
    run = here.run()
    here.attempt(run, 2, 2, finished=True)
    finish(run, 0.5, epochs=2)
    before = tree(run.path)
    assert outcomes(here.merge(there)) == ["unchanged"]
    assert tree(run.path) == before


def test_two_results_that_are_alike_are_one(here: Machine, there: Machine) -> None:
    here.write(value=0.5)
    there.write(value=0.5, minute=3)
    before = tree(here.folder)
    assert outcomes(here.merge(there)) == ["unchanged"]
    assert tree(here.folder) == before


def test_tests_on_other_data_sets_are_added_to_a_run_that_is_here(here: Machine, there: Machine) -> None:
    here.write(value=0.5)
    run = there.write(value=0.5, minute=3)
    (run.path / "predictions-spaq.csv").write_text("image,score,prediction\na.png,1,2.0\n")
    write_json(run.path / "tested-spaq.json", {"srcc": 0.5})
    report = here.merge(there)
    assert report.runs[0].tests == ("spaq",)
    assert here.run().round(1, 1).cross_datasets() == ["spaq"]
    assert here.run().round(1, 1).tested("spaq").exists()
    assert here.merge(there).runs[0].tests == ()


def test_two_different_results_are_a_conflict_until_one_is_joined_as_a_repeat(here: Machine, there: Machine) -> None:
    here.write(value=0.5)
    there.write(value=0.75, minute=3)
    before = tree(here.folder)
    report = here.merge(there)
    assert outcomes(report) == ["conflict"] and not report.complete
    assert "SRCC 0.5000 here, 0.7500 there" in message(report) and "--as-repeat" in message(report)
    assert tree(here.folder) == before
    assert outcomes(here.merge(there, as_repeat=True)) == ["as-repeat"]
    assert (first_value(here), first_value(here, repeat=2)) == (0.5, 0.75)
    provenance = json.loads(here.run(repeat=2).provenance.read_text())
    assert provenance["repeat"] == {"number": 2, "rounding": f"the same run on {THERE}, joined from there"}
    assert outcomes(here.merge(there)) == ["unchanged"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"value": 0.5, "data": "other"}, "trained on other images, scores or split (other) than A1 (seed 42)"),
        ({"value": 0.5, "expect": {"srcc": 0.9}}, "spec.json says expect ="),
        ({"value": 0.5, "differs": {"lr": [1, 2]}}, "spec.json says differs ="),
    ],
)
def test_what_is_not_the_same_run_is_named_and_left(
    here: Machine, there: Machine, more: dict[str, object], words: str
) -> None:
    here.write(epochs=1)
    there.write(**more)  # type: ignore[arg-type]
    before = tree(here.folder)
    report = here.merge(there)
    assert outcomes(report) == ["conflict"]
    assert words in message(report)
    assert tree(here.folder) == before


def test_a_run_on_other_data_than_those_here_is_left(here: Machine, there: Machine) -> None:
    here.write("Baseline", value=0.5)
    there.write("A1", value=0.5, data="other")
    report = here.merge(there)
    assert outcomes(report) == ["conflict"]
    assert "than Baseline (seed 42) here (1234)" in message(report)


def test_a_run_that_is_alive_is_left(here: Machine, there: Machine) -> None:
    run = there.write(value=0.5)
    alive = there.write("A2", epochs=1, tries=0)
    there.attempt(alive, 1, 1, finished=False, ended=False)
    with locked(alive.lock):
        assert sorted(outcomes(here.merge(there))) == ["alive", "joined"]
    assert run.path.exists() and not here.run("A2").path.exists()


def test_a_copy_tells_when_it_was_made_and_what_was_alive_then(here: Machine, there: Machine) -> None:
    now = time.time() - 86400
    for experiment, sign in (("A1", now), ("A2", now - 3600)):
        run = there.write(experiment, epochs=1, tries=0)
        attempt = there.attempt(run, 1, 1, finished=False, ended=False)
        for path in (attempt.heartbeat, attempt.metrics, attempt.runner):
            path.touch()
            os.utime(path, (sign, sign))
    report = here.merge(there)
    assert {run.there.run.experiment: run.decision.what for run in report.runs} == {"A1": "alive", "A2": "joined"}
    assert "had not ended when the folder was copied" in report.runs[0].decision.words
    assert outcomes(here.merge(there, gone=True)) == ["joined", "unchanged"]
    assert run_state(here.run("A1")).name == "lost"


def test_a_run_that_is_alive_here_is_not_touched(here: Machine, there: Machine) -> None:
    there.write(value=0.5)
    run = here.write(epochs=1, tries=0)
    here.attempt(run, 1, 1, finished=False, ended=False)
    with locked(run.lock):
        assert outcomes(here.merge(there)) == ["alive"]


def test_a_queued_run_gets_the_result_and_nothing_less(here: Machine, there: Machine) -> None:
    run = here.write(tries=0)
    there.write(epochs=1)
    key = str(run.path.relative_to(here.runs_dir))
    report = here.merge(there, queued=[key])
    assert outcomes(report) == ["queued-here"] and not run.attempts()
    shutil.rmtree(there.folder)
    again = machine(there.folder, THERE)
    again.write(value=0.5)
    assert outcomes(here.merge(again, queued=[key])) == ["joined"]
    assert run_state(run).finished


def spoil_nothing(run: Path) -> None:
    (run / ".result.json.0123456789abcdef.tmp").write_text("of a writer that was killed")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("predictions-test.csv", "has 3 of 5 images"),
        ("result.json", "is damaged"),
        ("spec.json", "is damaged"),
        ("attempt-01/exit.json", "is damaged"),
        ("attempt-01/metrics.jsonl", "is cut short"),
    ],
)
def test_a_file_that_is_cut_short_is_recognised(here: Machine, there: Machine, name: str, words: str) -> None:
    path = there.write(value=0.5).path / name
    data = path.read_bytes()
    path.write_bytes(b"\n".join(data.split(b"\n")[:4]) + b"\n" if name.endswith("csv") else data[:-3])
    report = here.merge(there)
    assert outcomes(report) == ["incomplete"] and not report.complete
    assert words in message(report)
    assert not run_folders(here.runs_dir)
    path.write_bytes(data)
    assert outcomes(here.merge(there)) == ["joined"]


@pytest.mark.parametrize("name", ["result.json", "predictions-test.csv", "spec.json"])
def test_a_file_that_is_missing_is_recognised(here: Machine, there: Machine, name: str) -> None:
    (there.write(value=0.5).path / name).unlink()
    report = here.merge(there)
    assert outcomes(report) == ["incomplete"]
    assert f"{name} is missing" in message(report)


@pytest.mark.parametrize(
    "name", [".result.json.aB3xY9", "attempt-01/.exit.json.aB3xY9", ".rsync-partial/x", "checkpoints/last.json~"]
)
def test_a_copy_that_is_under_way_is_recognised(here: Machine, there: Machine, name: str) -> None:
    path = there.write(value=0.5).path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("half")
    report = here.merge(there)
    assert outcomes(report) == ["incomplete"]
    assert "still being copied" in message(report)


def test_tensors_that_are_cut_short_are_recognised(here: Machine, there: Machine) -> None:
    head = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    path = there.write(epochs=1).path / "checkpoints" / "last.safetensors"
    path.write_bytes(len(head).to_bytes(8, "little") + head + bytes(7))
    assert f"has {len(head) + 15} of {len(head) + 16} bytes" in message(here.merge(there))
    path.write_bytes(len(head).to_bytes(8, "little") + head + bytes(8))
    assert outcomes(here.merge(there)) == ["joined"]


def test_what_killed_writers_left_is_not_copied_and_keeps_nothing_from_being_joined(
    here: Machine, there: Machine
) -> None:
    spoil_nothing(there.write(value=0.5).path)
    assert outcomes(here.merge(there)) == ["joined"]
    assert not list(here.run().path.glob(".*"))


def test_a_source_is_only_read(here: Machine, there: Machine) -> None:
    here.write("A2", epochs=1)
    there.write(value=0.5)
    there.write("A2", value=0.5)
    before = tree(there.folder, ())
    here.merge(there)
    here.merge(there, as_repeat=True)
    assert tree(there.folder, ()) == before
    for path in here.run().path.rglob("*"):
        assert path.is_dir() or path.stat().st_nlink == 1, f"{path} is a link into the other folder"


def test_links_are_followed_out_of_the_run_and_kept_within_it(here: Machine, there: Machine, tmp_path: Path) -> None:
    run = there.write(value=0.5)
    (tmp_path / "big").mkdir()
    (run.path / "checkpoints" / "last.json").rename(tmp_path / "big" / "last.json")
    (run.path / "checkpoints").rmdir()
    (run.path / "checkpoints").symlink_to(tmp_path / "big")
    (run.path / "newest").symlink_to("attempt-01")
    os.mkfifo(run.path / "pipe")
    here.merge(there)
    joined = here.run().path
    assert (joined / "checkpoints" / "last.json").read_text() == (tmp_path / "big" / "last.json").read_text()
    assert not (joined / "checkpoints").is_symlink()
    assert (joined / "newest").readlink() == Path("attempt-01")
    assert not (joined / "pipe").exists()


def test_a_link_out_of_the_run_that_is_no_folder_of_its_own_stays_a_link(
    here: Machine, there: Machine, tmp_path: Path
) -> None:
    run = there.write(value=0.5)
    (tmp_path / "score.txt").write_text("1")
    links = {"attempt-01/deep": "/", "up": "..", "output-02": "/", "attempt-01/far": str(tmp_path), "loop": run.path}
    for name, leads in links.items():
        (run.path / name).symlink_to(leads)
    (run.path / "attempt-01" / "score.txt").symlink_to(tmp_path / "score.txt")
    assert outcomes(here.merge(there)) == ["joined"]
    joined = here.run().path
    for name in links:
        assert (joined / name).readlink() == Path(os.path.realpath(run.path / name))
    assert not (joined / "attempt-01" / "score.txt").is_symlink()
    assert (joined / "attempt-01" / "score.txt").read_text() == "1"


UNREADABLE = ["{run}", "{run}/attempt-01", "{run}/attempt-01/metrics.jsonl", "{run}/checkpoints", "{run}/result.json",
              "{run}/predictions-test.csv", "small/A2", "small/design.json"]  # fmt: skip


@pytest.mark.parametrize("where", UNREADABLE)
def test_what_may_not_be_read_is_named_and_keeps_no_other_run_from_being_joined(
    here: Machine, there: Machine, where: str, tmp_path: Path
) -> None:
    there.write("A1", value=0.5)
    there.write("A2", value=0.6)
    if "design" in where:
        seal(there.runs_dir, "small", design())
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(0o777)
    for path in tmp_path.parents:
        if not path.stat().st_mode & 0o001:  # pytest's folders are its user's alone
            path.chmod(path.stat().st_mode | 0o011)
    path = there.runs_dir / where.format(run=there.run("A2").path.relative_to(there.runs_dir))
    path.chmod(0)
    try:
        report = as_user(65534, lambda: here.merge(there))
    finally:
        path.chmod(0o777)
    assert not report.complete
    words = " ".join(merge_lines(report, [find_source(there.folder, here.runs_dir)], dry_run=False))
    assert str(path) in words
    if "design" in where:
        assert "Permission denied" in words and "nothing to do" not in words
    else:
        assert [run.there.run.experiment for run in report.runs if run.decision.what == "joined"] == ["A1"]
        assert "1 joined, 1 left there" in words


def design(**more: object) -> SealedDesign:
    return SealedDesign("srcc", {"srcc": 0.01}, **more)  # type: ignore[arg-type]


def test_a_design_comes_with_the_runs_that_were_made_under_it(here: Machine, there: Machine) -> None:
    seal(there.runs_dir, "small", design())
    there.write(value=0.5)
    report = here.merge(there)
    assert [one.what for _, one in report.designs] == ["joined"]
    assert read_design(here.runs_dir, "small") == read_design(there.runs_dir, "small")
    assert outcomes(here.merge(there)) == ["unchanged"]


def test_the_same_design_sealed_twice_is_no_conflict(here: Machine, there: Machine) -> None:
    seal(there.runs_dir, "small", design())
    seal(here.runs_dir, "small", design())
    there.write(value=0.5)
    assert here.merge(there).complete


def test_runs_under_another_design_are_left(here: Machine, there: Machine) -> None:
    seal(there.runs_dir, "small", SealedDesign("plcc", {"plcc": 0.01}))
    seal(here.runs_dir, "small", design())
    there.write(value=0.5)
    report = here.merge(there)
    assert not report.complete and not report.runs
    assert "metric = plcc" in report.designs[0][1].conflict
    assert not run_folders(here.runs_dir)


def test_results_from_before_the_design_are_left(here: Machine, there: Machine) -> None:
    there.write(value=0.5)  # finished in 2026-11-30T11:00, in the past of no seal
    write_json(there.run().attempts()[-1].exit, _ended("2020-01-01T00:00:00+00:00"))
    seal(here.runs_dir, "small", design())
    report = here.merge(there)
    assert not report.complete and not report.runs
    assert "before the design was sealed here" in report.designs[0][1].conflict


def _ended(when: str) -> dict[str, object]:
    return {"state": "completed", "reason": "", "exit_code": 0, "signal": None, "ended": when}


def test_folders_that_are_none_of_another_machine_are_refused(here: Machine, there: Machine) -> None:
    run = there.write(value=0.5)
    for folder, words in (
        (here.folder, "is the runs folder that"),
        (here.runs_dir, "is the runs folder that"),
        (here.folder / "nowhere", "is not there"),
        (run.path, f"such as {there.runs_dir}"),
        (run.path.parent, f"such as {there.runs_dir}"),
        (there.folder / "logs", "there are no runs in"),
        (run.spec, "is no folder"),
    ):
        with pytest.raises(UsageError, match=words):
            find_source(folder, here.runs_dir)
    assert find_source(there.folder, here.runs_dir).runs_dir == find_source(there.runs_dir, here.runs_dir).runs_dir


def test_what_a_killed_merge_left_is_completed_or_removed(here: Machine, there: Machine) -> None:
    run = here.write(epochs=1)
    there.write("A2", value=0.5)
    half = run.path.with_name(".merge-copy-x")
    half.mkdir()
    swap = run.path.with_name(".merge-swap-x")
    swap.mkdir()
    shutil.copytree(run.path, swap / run.path.name)
    before = tree(run.path)
    run.path.rename(swap / f"old-{run.path.name}")
    report = here.merge(there)
    assert [one.path for one in report.completed] == [run.path]
    assert tree(run.path) == before
    assert not list(run.path.parent.glob(".merge-*"))


def test_a_dry_run_changes_nothing_and_says_the_same(here: Machine, there: Machine) -> None:
    here.write("A1", epochs=1)
    here.write("A3", value=0.5)
    there.write("A1", value=0.5)
    there.write("A2", value=0.5)
    there.write("A3", epochs=2)
    before = tree(here.folder, ())
    said = outcomes(here.merge(there, dry_run=True))
    assert tree(here.folder, ()) == before
    assert not QueueFiles(here.runs_dir).merge_lock.exists()
    assert said == outcomes(here.merge(there)) == ["replaced", "joined", "kept-aside"]


WISH = st.builds(
    Wish,
    value=st.sampled_from([None, None, 0.25, 0.5]),
    epochs=st.integers(0, 2),
    tries=st.integers(1, 2),
    minute=st.integers(0, 59),
)
RUNS = st.dictionaries(st.sampled_from(["A1", "A2"]), WISH, max_size=2)


def write_all(machine: Machine, runs: dict[str, Wish]) -> None:
    for experiment, wish in runs.items():
        epochs = 3 if wish.value is not None else wish.epochs
        machine.write(experiment, value=wish.value, epochs=epochs, tries=wish.tries, minute=wish.minute)


def results(machine: Machine) -> dict[str, str]:
    """Of each finished run, which predictions it has."""
    sides = [read_side(run) for run in run_folders(machine.runs_dir)]
    return {str(side.run.path.relative_to(machine.runs_dir)): side.results for side in sides if side.finished}


def contents(machine: Machine) -> set[bytes]:
    return set(tree(machine.folder).values())


@settings(max_examples=12, deadline=None)
@given(RUNS, RUNS, RUNS, st.booleans())
def test_whatever_there_is_nothing_is_lost_and_the_order_does_not_matter(
    ours: dict[str, Wish], theirs: dict[str, Wish], others: dict[str, Wish], as_repeat: bool
) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        one, two = machine(root / "a", HERE), machine(root / "a2", HERE)
        sources = [machine(root / "b", THERE), machine(root / "c", OTHER)]
        for made, runs in ((one, ours), (two, ours), *zip(sources, (theirs, others), strict=True)):
            write_all(made, runs)
        given_sources = [source for source, runs in zip(sources, (theirs, others), strict=True) if runs]
        if not given_sources:
            return
        before = contents(one)
        report = one.merge(*given_sources, as_repeat=as_repeat)
        two.merge(*reversed(given_sources), as_repeat=as_repeat)
        assert results(one) == results(two)
        after = contents(one)
        assert before <= after
        left = 0
        for run in report.runs:
            side = run.there
            if run.decision.left:
                left += 1
                assert side.finished and not as_repeat
            elif run.decision.what == "unchanged":
                assert side.results in results(one).values()
            else:
                mine = {
                    name: data for name, data in tree(side.run.path).items() if _comes_along(name, run.decision.what)
                }
                assert set(mine.values()) <= after
        for experiment in {*ours, *theirs, *others}:
            wishes = [wish for runs in (ours, theirs, others) if (wish := runs.get(experiment)) is not None]
            finished = [wish.value for wish in wishes if wish.value is not None]
            assert run_state(one.run(experiment)).finished == bool(finished)
            if experiment in ours and ours[experiment].value is not None:
                assert first_value(one, experiment) == ours[experiment].value
            if as_repeat:
                family = [one.run(experiment), *one.run(experiment).repeats()]
                assert len([run for run in family if run_state(run).finished]) == len(set(finished))
        state = tree(one.folder)
        again = one.merge(*given_sources)
        assert tree(one.folder) == state
        assert sum(run.decision.left for run in again.runs) == left
        assert {run.decision.what for run in again.runs} <= {"unchanged", "conflict"}


def _comes_along(name: str, what: str) -> bool:
    """Not the own text of documents that say where the run lies, or which repeat it is."""
    if what == "as-repeat" and name == "provenance.json":
        return False
    return not name.endswith("runner.json") and not (what == "replaced" and name == "spec.json")


def test_two_attempts_are_the_same_wherever_their_log_lies(here: Machine) -> None:
    attempt = here.write(epochs=1).attempts()[0]
    before = read_side(here.run()).tries
    facts = json.loads(attempt.runner.read_text())
    write_json(Attempt(attempt.folder).runner, facts | {"log": "elsewhere/x.log", "cwd": "/somewhere"})
    assert read_side(here.run()).tries == before
