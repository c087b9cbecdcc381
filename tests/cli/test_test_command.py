"""`iqa-train test`: a test made later is the same as one made after training, and harms nothing."""

import json
import subprocess
from pathlib import Path

import pytest

from iqa_train.report.latex import cross_latex
from iqa_train.report.markdown import results_markdown
from iqa_train.results.cross_dataset import cross_dataset_tables
from iqa_train.results.selection import chosen_runs
from tests.conftest import Project
from tests.scheduler.cross_project import ADDED, Crossed

RESULTS = (
    ["results", "--on", "other"],
    ["results", "--on", "other", "--json"],
    ["results", "--on", "third", "--format", "csv"],
)


@pytest.fixture(scope="module")
def trained(crossed: Crossed, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """For reading: two experiments, trained; nothing was tested across."""
    return crossed.copy(tmp_path_factory.mktemp("test") / "trained", tested=False)


@pytest.fixture
def project(crossed: Crossed, tmp_path: Path) -> Project:
    """The same, for writing."""
    return crossed.copy(tmp_path / "copy", tested=False)


@pytest.fixture
def tested(crossed: Crossed, tmp_path: Path) -> Project:
    """Two experiments, trained and tested across."""
    return crossed.copy(tmp_path / "copy")


def files(run: Path) -> dict[str, bytes]:
    return {str(p.relative_to(run)): p.read_bytes() for p in run.rglob("*") if p.is_file()}


@pytest.mark.slow
def test_later_is_the_same_as_after_training(
    project: Project, crossed: Crossed, monkeypatch: pytest.MonkeyPatch
) -> None:
    after = crossed.project
    before = {name: files(project.run_folder(name)) for name in ("Baseline", "A1")}
    assert project.run("results", "--on", "other", code=2).stderr.startswith("iqa-train: no run of small was tested on")
    done = project.run("test", "--exp", "Baseline", "A1", "--on", "other,third")
    assert [line.split()[:3] for line in done.stdout.splitlines()[2:]] == [
        ["Baseline", "42", "other"], ["Baseline", "42", "third"], ["A1", "42", "other"], ["A1", "42", "third"],
    ]  # fmt: skip
    for name, old in before.items():
        ours, theirs = files(project.run_folder(name)), files(after.run_folder(name))
        assert set(ours) - set(old) == set(ADDED)
        assert {k: ours[k] for k in old} == old
        for file in ADDED:
            assert ours[file].replace(bytes(project.folder), b"") == theirs[file].replace(bytes(after.folder), b"")
    for words in RESULTS:
        assert project.run(*words).stdout == after.run(*words).stdout
    tables = []
    for one in (project, after):
        monkeypatch.chdir(one.folder)
        found = cross_dataset_tables(chosen_runs(Path("runs"), None, None, None), "srcc")
        tables.append([cross_latex(found), *map(results_markdown, found)])
    assert tables[0] == tables[1]
    assert "other" in tables[0][0]
    assert len(tables[0]) == 3


def test_results_on_another_set(crossed: Crossed) -> None:
    document = json.loads(crossed.project.run("results", "--on", "other", "--json").stdout)
    assert document["dataset"] == "other"
    base, a1 = document["rows"]
    assert (base["experiment"], base["images"], a1["experiment"]) == ("Baseline", 48, "A1")
    assert a1["interval"][0] <= a1["value"] <= a1["interval"][1]
    assert a1["delta_interval"] is not None
    assert a1["p_holm"] is not None
    assert a1["expected"] is None
    assert "trained on small" in document["notes"]
    assert "not tested on other: A2" in document["notes"]


@pytest.mark.slow
def test_a_report_on_another_set(tested: Project) -> None:
    tested.run("report", "--on", "other", "--out", "elsewhere")
    assert not (tested.folder / "EXPERIMENTS_LOG_TRACKER.md").exists()
    assert "48 test images of other" in (tested.folder / "elsewhere" / "index.html").read_text()
    tested.run("report", "--out", "report")
    assert (tested.folder / "report" / "tables" / "cross.tex").exists()


@pytest.mark.slow
def test_what_was_tested_is_not_tested_again_unless_asked(tested: Project) -> None:
    words = ["test", "--exp", "A1", "--on", "other"]
    kept = tested.run_folder("A1") / "predictions-other.csv"
    stamp = kept.stat().st_mtime_ns
    done = tested.run(*words, "--json")
    (one,) = json.loads(done.stdout)["tests"]
    assert (one["state"], one["rounds"][0]["images"]) == ("known", 48)
    assert kept.stat().st_mtime_ns == stamp
    table = tested.folder / "data" / "other" / "scores.csv"
    table.write_text(table.read_text().replace("pictures/00.png,9.0", "pictures/00.png,8.5"))
    assert "is of other images or scores" in tested.run(*words, code=1).stderr
    before = kept.read_bytes()
    tested.run(*words, "--again")
    assert kept.read_bytes() != before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--exp", "Baseline", "--on", "small"], "was trained on small"),
        (["--exp", "Baseline", "--on", "nowhere"], 'unknown data set "nowhere"'),
        (["--exp", "Baseline", "--on", "spaq"], "data/spaq"),
        (["--exp", "Baseline", "--on", "val"], "names the run's own images"),
        (["--exp", "Baseline", "--on", ","], "--on is empty"),
        (["--exp", "basline", "--on", "other"], 'did you mean "Baseline"?'),
        (["--exp", "A2", "--on", "other"], "A2 (seed 42) has not been run; iqa-train --exp A2 runs it"),
        (["--exp", "Baseline", "--on", "other", "--seed", "7"], "there is no run with seed 7; seeds here: 42"),
        (["--exp", "runs/small/Nothing", "--on", "other"], "is not a run folder"),
        (["--on", "other"], "give experiments (--exp ID...) or --all"),
        (["--exp", "Baseline"], "--on"),
        (["--exp", "Baseline", "--on", "other", "--study", "smal"], 'did you mean "small"'),
    ],
)
def test_an_error_is_answered_in_one_sentence(trained: Project, words: list[str], said: str) -> None:
    done = trained.run("test", *words, code=2)
    assert said in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("iqa-train: ")]) == 1, done.stderr


@pytest.mark.slow
def test_a_run_without_its_network_reports_it(project: Project) -> None:
    (project.run_folder("A1") / "checkpoints" / "best.safetensors").unlink()
    done = project.run("test", "--exp", "A1", "--on", "other", code=2)
    assert "A1 (seed 42) has lost its network" in done.stderr
    done = project.run("test", "--all", "--on", "other")
    assert "skipped: A1 (seed 42) has lost its network" in done.stderr
    assert "Baseline" in done.stdout


@pytest.mark.slow
def test_a_damaged_network_fails_and_the_others_continue(project: Project) -> None:
    best = project.run_folder("Baseline") / "checkpoints" / "best.safetensors"
    best.write_bytes(best.read_bytes()[:-100])
    done = project.run("test", "--exp", "Baseline", "A1", "--on", "other", code=1)
    assert "Baseline (seed 42) on other: " in done.stderr
    assert "is cut short or damaged" in done.stderr
    assert (project.run_folder("A1") / "predictions-other.csv").exists()


@pytest.mark.slow
def test_a_run_under_way_or_stopped_is_not_tested(project: Project) -> None:
    process = project.start("--exp", "A2", "--epochs", "200")
    try:
        while not list((project.folder / "runs" / "small").glob("A2/*/attempt-01/metrics.jsonl")):
            assert process.poll() is None
        folder = str(project.run_folder("A2").relative_to(project.folder))
        done = project.run("test", "--exp", folder, "--on", "other", code=2)
        assert "A2 (seed 42) is running; wait until it has ended" in done.stderr
    finally:
        process.terminate()
        process.communicate(timeout=60)
    done = project.run("test", "--exp", folder, "--on", "other", code=2)
    assert "A2 (seed 42) is not finished: stopped" in done.stderr
    assert "--resume continues it" in done.stderr


def test_a_run_is_not_started_over_while_it_is_tested(project: Project) -> None:
    lock = project.run_folder("A1") / "lock"
    holder = subprocess.Popen(["flock", str(lock), "sleep", "30"])
    try:
        while subprocess.run(["flock", "-n", str(lock), "true"], check=False).returncode == 0:
            assert holder.poll() is None
        done = project.run("test", "--exp", "A1", "--on", "other", code=1)
        assert "in use by another process" in done.stderr
    finally:
        holder.kill()
        holder.wait()
