"""Two processes measure together what they see of each other's files; nothing is left, and nobody waits for ever."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from iqa_train.doctor import pair_meeting
from iqa_train.doctor.pair import pair_checkups, pair_measures, pair_table
from iqa_train.doctor.pair_measures import PairMeasures
from iqa_train.errors import RunError

ROOT = Path(__file__).parents[2]
HERE = os.uname().nodename


def _start(folder: Path, *words: str, **environment: str) -> "subprocess.Popen[str]":
    code = "import sys; from iqa_train.cli.main import main; sys.exit(main())"
    return subprocess.Popen(
        [sys.executable, "-P", "-c", code, "doctor", "--pair", *words], cwd=folder, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def _measured(processes: "list[subprocess.Popen[str]]") -> list[dict[str, Any]]:
    ended = [process.communicate(timeout=200) for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), ended
    return [json.loads(out) for out, _ in ended]


def _is_empty(folder: Path) -> bool:
    return list((folder / "runs").iterdir()) == []


@pytest.mark.slow
def test_both_print_the_same(tmp_path: Path) -> None:
    first, second = [_start(tmp_path), _start(tmp_path)]
    (one, _), (two, _) = first.communicate(timeout=200), second.communicate(timeout=200)
    assert (first.returncode, second.returncode, one) == (0, 0, two)
    assert f"hosts                              {HERE} and {HERE}" in one
    assert "this says nothing of other hosts" in " ".join(one.split())
    assert _is_empty(tmp_path)


def test_lying_locks_and_a_clock_that_is_ahead(tmp_path: Path, preload: str) -> None:
    lying = {"LD_PRELOAD": preload, "FAKE_LYING_LOCKS": "/"}
    found = _measured([_start(tmp_path, "--json", **lying), _start(tmp_path, "--json", FAKE_AHEAD="60", **lying)])
    assert found[0] == found[1]
    pair, checks = found[0]["pair"], " ".join(check["message"] for check in found[0]["checks"])
    assert (pair["locks_reach"], pair["won_twice"], pair["never_won"]) == (False, 0, 0)
    assert abs(pair["clocks_s"]) == pytest.approx(60, abs=5)
    assert all(0 <= delay < 20 for delay in pair["delays_s"].values())
    assert "locks do not reach other hosts: " in checks
    assert "60 s apart" in checks


@pytest.mark.slow
def test_four_at_once_are_two_pairs(tmp_path: Path) -> None:
    found = _measured([_start(tmp_path, "--json") for _ in range(4)])
    assert all(one["pair"]["won_twice"] == one["pair"]["never_won"] == 0 for one in found)
    assert _is_empty(tmp_path)


@pytest.mark.slow
def test_one_that_was_killed_is_not_met(tmp_path: Path) -> None:
    killed = _start(tmp_path)
    assert killed.stderr is not None
    assert "waiting for" in killed.stderr.readline()
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    (left,) = (tmp_path / "runs").iterdir()
    os.utime(left / "waits", (1, 1))
    _measured([_start(tmp_path, "--json"), _start(tmp_path, "--json")])
    assert _is_empty(tmp_path)


def test_nobody_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair_meeting, "MEETS_WITHIN", 0.3)
    told: list[bool] = []
    with pytest.raises(RunError, match="no other process has come"):
        pair_measures(tmp_path, lambda: told.append(True))
    assert (told, list(tmp_path.iterdir())) == ([True], [])


def test_the_other_is_killed_after_the_meeting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair_meeting, "ANSWERS_WITHIN", 0.5)

    def come() -> None:
        (folder,) = tmp_path.glob(".doctor-pair-*")
        (folder / "second").touch()

    with pytest.raises(RunError, match="has not answered"):
        pair_measures(tmp_path, come)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "verdict", "words"),
    [
        ({}, "ok", "both hosts may work on this runs folder at once"),
        ({"flock": False}, "warning", "locks do not reach other hosts"),
        ({"won_twice": 3}, "error", "runs may be started twice"),
        ({"delays": {"new file": 33.0}}, "note", "up to 33 s later"),
        ({"delays": {"new file": 75.0}}, "warning", "75 s late"),
        ({"delays": {"append": None}}, "error", "not within 90 s (append)"),
        ({"clocks": -7.0}, "warning", "7 s apart"),
    ],
)
def test_what_follows(change: dict[str, Any], verdict: str, words: str) -> None:
    usual = {"hosts": ("n1", "n2"), "flock": True, "races": 200, "won_twice": 0, "never_won": 0}
    found = PairMeasures(**{**usual, "delays": {"new file": 0.01}, "clocks": 0.0, **change})
    assert any(c.verdict == verdict and words in c.message for c in pair_checkups(found))
    assert ("hosts", "n1 and n2") in pair_table(found)
