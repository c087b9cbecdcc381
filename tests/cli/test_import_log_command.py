"""`iqa-train import-log`."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from iqa_train.cli.commands.compare import main as compare
from iqa_train.cli.commands.doctor import main as doctor
from iqa_train.cli.commands.import_log import main
from iqa_train.cli.commands.logs import main as logs
from iqa_train.cli.commands.relaunch import main as relaunch
from iqa_train.cli.commands.status import main as status
from iqa_train.devices.leases import VARIABLE
from iqa_train.errors import UsageError
from iqa_train.results.run_record import record_study
from iqa_train.results.study_results import build_study_results
from iqa_train.runs.layout import run_folders
from tests.log_import.old_logs import SCORES, Script, old_log

BASELINE, A1, CUT = (f"{name}_lr5e7_20251223_092034.log" for name in ("baseline", "A1_no_attention", "B2_small"))


@pytest.fixture(autouse=True)
def _three_logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "leases"))
    lower = [(srcc - 0.0025, plcc) for srcc, plcc in SCORES]
    for name, text in (
        (BASELINE, old_log()),
        (A1, old_log(Script(attention=False), lower)),
        (CUT, old_log(Script(model_size="small"), SCORES[:4], ends=False)),
    ):
        Path(name).write_bytes(text.encode())


def document(capsys: pytest.CaptureFixture[str], *argv: str, code: int = 0) -> dict[str, Any]:
    assert main([*argv, "--json"]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert set(found) == {"study", "imported", "failed"}
    return found


def test_several_logs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([BASELINE, A1, CUT]) == 0
    out = capsys.readouterr().out
    assert f"{BASELINE}: imported as runs/imported/Baseline/s42-" in out
    assert ": completed, 10 epochs, best test SRCC 0.9378 at epoch 8\n" in out
    assert ": lost, 4 epochs, best test SRCC 0.9351 at epoch 4\n" in out
    assert "  the log ends after epoch 4 of 10, without its closing line\n" in out
    assert "  not in the log, so assumed at the script's defaults: patch_size, color_jitter, loss_type\n" in out
    assert [run.path.parent.name for run in run_folders(Path("runs"))] == ["A1", "B2", "Baseline"]


def test_once_more_nothing_changes_and_that_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    main([BASELINE])
    before = {p: p.stat().st_mtime_ns for p in Path("runs").rglob("*")}
    capsys.readouterr()
    assert main([BASELINE, BASELINE]) == 0
    line = capsys.readouterr().out.splitlines()[0]
    assert line.startswith(f"{BASELINE}: unchanged; already imported as runs/imported/Baseline/s42-")
    assert {p: p.stat().st_mtime_ns for p in Path("runs").rglob("*")} == before


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    Path("other.txt").write_text("hello")
    found = document(capsys, BASELINE, "other.txt", "--study", "old", code=1)
    assert found["study"] == "old"
    (one,) = found["imported"]
    assert set(one) == {
        "log", "sha256", "what", "run_dir", "experiment", "seed", "state", "finished", "reason", "rounds", "epochs",
        "best", "settings", "assumed", "notes",
    }  # fmt: skip
    assert (one["what"], one["experiment"], one["state"], one["epochs"]) == ("imported", "Baseline", "completed", 10)
    assert one["best"] == {"srcc": 0.9378, "plcc": 0.9485, "epoch": 8, "round": 1}
    assert (one["settings"]["lr"], "patch_size" in one["settings"]) == (5e-7, False)
    (bad,) = found["failed"]
    assert bad["log"] == "other.txt"
    assert bad["message"].startswith("other.txt: not a log of the original training script")


def test_good_logs_are_imported_and_bad_ones_named(capsys: pytest.CaptureFixture[str]) -> None:
    Path("other.txt").write_text("hello")
    assert main(["other.txt", BASELINE, "missing.log"]) == 1
    captured = capsys.readouterr()
    assert captured.out.startswith(f"{BASELINE}: imported")
    assert captured.err.splitlines() == [
        "iqa-train: other.txt: not a log of the original training script; "
        "it has no header line with Epoch and Test_SRCC",
        "iqa-train: missing.log: no such file; give the logs of the original training script, such as logs/*.log",
    ]


def test_a_file_that_is_not_such_a_log_is_reported_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    Path("other.txt").write_text("hello")
    assert main(["other.txt"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert not Path("runs/imported").exists()


def test_a_name_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    name = "evil\x1b]0;title\x07\nBest test SRCC.log"
    Path(name).write_text("hello")
    assert main([name]) == 2
    error = capsys.readouterr().err
    assert "\x1b" not in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (
            ["--study", "lr5e7"],
            r"--study lr5e7 is the study of .*experiments.toml; imported runs need their own study",
        ),
        (["--study", "demo"], "--study demo is the study of"),
        (["--study", "Manual"], "is the study of runs without a study file"),
        (["--study", "../x"], r'--study "../x" is not a valid name; allowed: letters, digits'),
        (["--experiment", "a/b"], '--experiment "a/b" is not a valid name'),
        (["--exp", "a/b"], '--experiment "a/b" is not a valid name'),
        ([A1, "--experiment", "A1"], "names the experiment of one file, not of 2"),
    ],
)
def test_names_that_cannot_be(argv: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        main([BASELINE, *argv])
    assert not Path("runs").exists()


@pytest.mark.parametrize("option", [["--experiment", "A2"], ["--exp", "A2"], ["--exp=A2"]])
def test_the_experiment_in_either_spelling(capsys: pytest.CaptureFixture[str], option: list[str]) -> None:
    (one,) = document(capsys, BASELINE, *option)["imported"]
    assert one["experiment"] == "A2"


def test_another_run_of_the_same_settings_gets_another_name(capsys: pytest.CaptureFixture[str]) -> None:
    main([BASELINE])
    Path("baseline_2.log").write_bytes(old_log(scores=SCORES[:-1]).encode())
    assert main(["baseline_2.log"]) == 0
    out = capsys.readouterr().out
    assert "baseline_2.log: imported as runs/imported/Baseline-2/s42-" in out
    assert "another log of Baseline with the same settings and seed is there, so this run is called Baseline-2" in out
    assert main(["baseline_2.log", "--study", "elsewhere"]) == 0


def test_a_run_started_over_after_a_kill_hides_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Its log is the older one, and so comes first in `logs/*.log`."""
    killed, anew = "baseline_lr5e7_20251222_080000.log", BASELINE
    Path(killed).write_bytes(old_log(scores=[(0.91, 0.92)] * 3, ends=False).encode())
    entries = document(capsys, killed, A1, anew)["imported"]
    assert [(e["log"], e["experiment"], e["state"]) for e in entries] == [
        (killed, "Baseline-2", "lost"), (A1, "A1", "completed"), (anew, "Baseline", "completed"),
    ]  # fmt: skip
    results = build_study_results(record_study(Path("runs"), "imported"))
    base, a1 = results.row("Baseline"), results.row("A1")
    assert base is not None
    assert a1 is not None
    assert base.value == 0.9378
    assert a1.delta == pytest.approx(-0.0025)


def test_status_shows_them_and_logs_finds_them(capsys: pytest.CaptureFixture[str]) -> None:
    main([BASELINE, CUT])
    capsys.readouterr()
    assert status(["--json"]) == 0
    rows = {row["experiment"]: row for row in json.loads(capsys.readouterr().out)["runs"]}
    assert (rows["Baseline"]["state"], rows["Baseline"]["srcc"]) == ("completed", 0.9378)
    assert (rows["B2"]["state"], rows["B2"]["epoch"], rows["B2"]["epochs"]) == ("lost", 4, 10)
    assert rows["B2"]["reason"] == "the log ends after epoch 4 of 10, without its closing line"
    assert logs(["Baseline", "--tail", "1"]) == 0
    assert capsys.readouterr().out == "Testing median SRCC 0.9378,\tmedian PLCC 0.9485\n"


def test_nothing_tries_to_continue_an_imported_run(capsys: pytest.CaptureFixture[str]) -> None:
    main([CUT])
    with pytest.raises(UsageError, match=r"B2 .*was imported from a log and cannot be continued"):
        relaunch(["B2", "--again"])
    doctor([])
    assert "lost-runs" not in capsys.readouterr().out


def test_results_have_their_numbers_and_no_intervals() -> None:
    main([BASELINE, A1, CUT])
    results = build_study_results(record_study(Path("runs"), "imported"))
    base, a1 = results.row("Baseline"), results.row("A1")
    assert base is not None
    assert a1 is not None
    assert (base.value, base.interval, base.p) == (0.9378, None, None)
    assert (a1.value, a1.delta, a1.delta_interval) == (0.9353, pytest.approx(-0.0025), None)
    assert any("predictions" in note for note in a1.notes)
    assert a1.factors == ("attention_fusion",)


def test_they_can_be_compared_with_the_recorded_results(capsys: pytest.CaptureFixture[str]) -> None:
    main([BASELINE, A1])
    capsys.readouterr()
    assert compare(["reported:lr5e7", "imported", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    rows = {row["experiment"]: row for row in found["rows"]}
    assert (rows["Baseline"]["first"], rows["Baseline"]["second"], rows["Baseline"]["delta"]) == (0.9378, 0.9378, 0.0)
    assert found["differs"] == {}
    assert rows["A1"]["images"] == 2010


def test_what_a_killed_run_came_to_is_compared_with_a_mark_and_without_an_interval(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main([BASELINE, CUT])
    capsys.readouterr()
    assert compare(["reported:lr5e7", "imported", "--json"]) == 0
    rows = {row["experiment"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    b2 = rows["B2"]
    assert (b2["second"], b2["second_epoch"], b2["second_interval"], b2["delta"]) == (0.9351, 4, None, None)
    assert rows["Baseline"]["second_epoch"] is None
    assert rows["Baseline"]["second_interval"] is not None
    assert compare(["reported:lr5e7", "imported"]) == 0
    out = capsys.readouterr().out
    assert "0.9351 (unfinished: epoch 4)" in out
    assert "seed 42 lost: the log ends after epoch 4 of 10" in " ".join(out.split())


def test_a_log_that_died_before_its_first_epoch_is_reported_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    trace = 'Traceback (most recent call last):\n  File "/x/train_swin.py", line 3, in <module>\n    import timm\n'
    Path("died.log").write_text(trace + "ModuleNotFoundError: No module named 'timm'\n")
    assert main(["died.log"]) == 1
    assert capsys.readouterr().err == (
        "iqa-train: died.log: a log of the original training script that died before its first epoch "
        "(ModuleNotFoundError: No module named 'timm'), so there is nothing to import\n"
    )


def test_through_the_program(empty: Callable[..., "subprocess.CompletedProcess[str]"]) -> None:
    assert "imported as runs/imported/Baseline/s42-" in empty("import-log", BASELINE).stdout
    assert empty("import-log", "none.log", code=2).stderr.startswith("iqa-train: none.log: no such file")
    assert "Turn logs of the original training script" in empty("import-log", "--help").stdout
    assert "FILE" in empty("import-log", code=2).stderr
