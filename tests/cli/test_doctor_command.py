"""`iqa-train doctor`."""

import json

import pytest

from iqa_train.cli.commands.doctor import checkups_text, main
from iqa_train.devices.leases import VARIABLE
from iqa_train.doctor.check_result import Checkup
from iqa_train.doctor.logout import logout_warning
from iqa_train.errors import UsageError
from tests.conftest import Project

NAMES = {
    "gpu", "leases", "runs", "queue", "scheduler", "disk-space", "file-system", "logout", "study", "data-set", "clock",
    "versions",
}  # fmt: skip


@pytest.fixture(autouse=True)
def leases(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "leases"))


def test_json_and_its_exit_code(project: Project):
    document = json.loads(project.run("doctor", "--json").stdout)
    assert set(document) == {"checks"}
    assert all(set(check) == {"name", "verdict", "message", "cure"} for check in document["checks"])
    assert {check["name"] for check in document["checks"]} == NAMES
    assert {check["verdict"] for check in document["checks"]} <= {"ok", "note", "warning"}
    (project.folder / "data/small/images/07.png").unlink()
    checks = json.loads(project.run("doctor", "--json", code=1).stdout)["checks"]
    (error,) = [check for check in checks if check["verdict"] == "error"]
    assert error["name"] == "data-set"
    assert "1 of the 48 images" in error["message"]


def test_folders_given_as_options_are_checked(project: Project):
    run = project.folder / "mine/small/A1/s42-0123456789"
    (run / "attempt-01").mkdir(parents=True)
    (run / "attempt-01" / "exit.json").write_text("{")
    (project.folder / "experiments.toml").rename(project.folder / "other.toml")
    words = ["--runs-dir", "mine", "--logs-dir", "notes", "--experiments", "other.toml"]
    text = project.run("doctor", *words, code=1).stdout
    assert text.startswith("Errors\n  state-files\n      mine/small/A1/s42-0123456789/attempt-01/exit.json is damaged")
    assert "other.toml: 3 experiments" in text
    assert text.endswith("\n\n1 error.\n") or "1 error, " in text.splitlines()[-1]
    assert "state-files" not in project.run("doctor").stdout


def test_the_worst_comes_first_and_what_is_well_is_short():
    found = [
        Checkup("a", "ok", "all of it"), Checkup("b", "note", "so it is"), Checkup("c", "warning", "it may", "do this"),
        Checkup("d", "error", "it \x1b[31mdoes"), Checkup("e", "warning", "it might"),
    ]  # fmt: skip
    assert checkups_text(found, 60).splitlines() == [
        "Errors", "  d", "      it [31mdoes", "",
        "Warnings", "  c", "      it may", "      -> do this", "  e", "      it might", "",
        "Notes", "  b", "      so it is", "",
        "OK", "  a            all of it", "",
        "1 error, 2 warnings.",
    ]  # fmt: skip
    assert checkups_text(found[:2], 60).endswith("No problems found.")
    assert max(map(len, checkups_text([Checkup("a", "ok", "word " * 40)], 60).splitlines())) <= 60


@pytest.mark.parametrize("argv", [["--slots", "1"], ["--profile", "nope"], ["--demo", "--profile", "x"], ["extra"]])
def test_bad_usage(argv):
    with pytest.raises(UsageError):
        main(argv)


def test_the_warning_before_a_log_out_is_one_sentence():
    assert logout_warning() is None or "\n" not in logout_warning()
