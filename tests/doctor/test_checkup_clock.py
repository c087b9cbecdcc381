"""The host's clock and the times of files."""

import os
import time
from pathlib import Path

import pytest

from iqa_train.doctor.check_result import CheckScope
from iqa_train.files import append_line
from tests.doctor.checkup_world import a_run, found, in_a_process, the, tool


@pytest.mark.parametrize(
    ("script", "verdict", "words"),
    [
        ("echo NTPSynchronized=yes", "ok", "synchronised"), ("echo NTPSynchronized=no", "warning", "not synchron"),
        ("echo Failed to connect to bus >&2; exit 1", "ok", "could not be determined"),
    ],
)  # fmt: skip
def test_synchronised_or_not(
    where: CheckScope, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, verdict: str, words: str
) -> None:
    tool(tmp_path, monkeypatch, "timedatectl", script)
    assert (the(where, "clock").verdict, words in the(where, "clock").message) == (verdict, True)


def test_no_such_command(where: CheckScope, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert the(where, "clock").verdict == "ok"


def test_files_of_the_future(where: CheckScope) -> None:
    (_, attempt), _ = a_run(where, "A1", ended=True), a_run(where, "A2", ended=True)
    append_line(attempt.metrics, {"event": "epoch"})
    os.utime(attempt.metrics, (time.time() + 60, time.time() + 60))
    (checkup,) = found(where, "clock", "warning")
    assert checkup.message == f"1 file written in the future: {attempt.metrics}"


def test_file_times_and_the_hosts_clock_disagree(where: CheckScope, preload: str) -> None:
    where.runs_dir.mkdir()
    told = in_a_process(where, LD_PRELOAD=preload, FAKE_AHEAD="60")["clock"]
    assert [c["verdict"] for c in told] == ["warning"]
    assert "60 s behind this host's clock" in told[0]["message"]
    told, *_ = in_a_process(where, LD_PRELOAD=preload, FAKE_AHEAD="-60")["clock"]
    assert "60 s ahead of this host's clock" in told["message"]
