"""`iqa-train check` on networks of the study's own: tried in a process of their own, or left alone."""

import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import STUDY, Project, write_small_study

FAULTY = Path(__file__).parents[1] / "training" / "faulty_networks.py"
HEAD = STUDY.partition("[[experiments]]")[0]


def study_of(folder: Path, *names: str) -> Project:
    """A study with an experiment for each function of faulty_networks.py; the first is the baseline."""
    tables = [f'[[experiments]]\nid = "{name}"\nset = {{ network = "nets/mine.py:{name}" }}\n' for name in names]
    text = HEAD.replace('baseline = "Baseline"', f'baseline = "{names[0]}"') + "\n".join(tables)
    project = write_small_study(folder, text)
    (project.folder / "nets").mkdir()
    shutil.copy(FAULTY, project.folder / "nets" / "mine.py")
    return project


@pytest.mark.slow
def test_five_planted_faults_and_code_that_fails_are_found(tmp_path: Path) -> None:
    planted = {
        "wrong_shape": ("network-output", "error"),
        "dead_layer": ("network-dead-parameters", "warning"),
        "dropout_in_evaluation": ("network-eval-differs", "error"),
        "batch_statistics": ("network-coupled", "error"),
        "nan": ("network-not-finite", "error"),
        "fails": ("network-fails", "error"),
        "ends_its_process": ("network-ends", "error"),
        "hash_order": ("network-build-differs", "error"),
    }
    project = study_of(tmp_path, "right", *planted)
    done = project.run("check", "--json", code=1)
    assert done.stderr.splitlines() == [
        f"running nets/mine.py:{name} ({name}) in a process of its own; --no-code leaves it out"
        for name in ("right", *planted)
    ]
    found = [f for f in json.loads(done.stdout)["findings"] if f["code"].startswith("network-")]
    sizes = {f["experiment"]: f["message"] for f in found if f["code"] == "network-size"}
    assert sizes["right"] == (
        "nets/mine.py:right: 0.001 M parameters, 784 multiply-accumulates for a crop of 32 pixels"
    )
    others = [(f["experiment"], f["code"], f["severity"]) for f in found if f["code"] != "network-size"]
    assert sorted(others) == sorted((name, *finding) for name, finding in planted.items())
    says = {f["experiment"]: f["message"] for f in found if f["code"] != "network-size"}
    line = FAULTY.read_text().splitlines().index("    return undefined_name  # noqa: F821") + 1
    assert f"nets/mine.py, line {line}, return undefined_name" in says["fails"]
    assert says["ends_its_process"] == (
        "nets/mine.py:ends_its_process: it ended its process with exit code 7, while building it"
    )
    assert not any("iqa_train/" in message or "site-packages" in message for message in says.values())


@pytest.mark.slow
def test_a_network_that_hangs_is_ended_with_what_it_started(tmp_path: Path) -> None:
    project = study_of(tmp_path, "hangs")
    (finding,) = [
        f
        for f in json.loads(project.run("check", "--json", "--time-limit", "3", code=1).stdout)["findings"]
        if f["code"].startswith("network-")
    ]
    assert finding["code"] == "network-ends"
    assert finding["message"].startswith("nets/mine.py:hangs: it did not end within 3 seconds, while ")


@pytest.mark.slow
def test_only_check_runs_code_and_leaves_it_out_when_told(tmp_path: Path) -> None:
    """The file leaves a mark wherever it is imported."""
    project = study_of(tmp_path, "right")
    mark = tmp_path / "mark"
    with (project.folder / "nets" / "mine.py").open("a") as file:
        file.write(f"open({str(mark)!r}, 'a').write('.')\n")
    for words in (["check", "--no-code"], ["--dry-run", "--all"], ["status"], ["results"]):
        project.run(*words)
        assert not mark.exists(), words
    project.run("check")
    assert mark.exists()
    assert list((project.folder / "nets").iterdir()) == [project.folder / "nets" / "mine.py"]  # no __pycache__
