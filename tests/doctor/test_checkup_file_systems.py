"""Network file systems, and disks without locks."""

from pathlib import Path

import pytest

from iqa_train.doctor.check_result import CheckScope
from tests.doctor.checkup_world import found, in_a_process, mounts, tool


def test_runs_on_a_network(where: CheckScope) -> None:
    where.runs_dir.mkdir()
    mounts(where, f"{where.runs_dir} nfs4 rw,vers=4.2")
    (checkup,) = found(where, "file-system", "note")
    assert "--pair" in checkup.cure
    assert f"(nfs4, mounted at {where.runs_dir})" in checkup.message
    assert "90 s later" in checkup.message


@pytest.mark.parametrize("options", ["rw,nolock", "rw,local_lock=all", "rw,localflock"])
def test_locks_that_do_not_reach_other_hosts(where: CheckScope, options: str) -> None:
    mounts(where, f"{where.runs_dir.parent} nfs {options}")
    told = found(where, "file-system", "warning")
    assert options.partition(",")[2] in told[0].message


def test_logs_and_cache_on_a_network(where: CheckScope, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a home"))
    for folder in (tmp_path / "a home", where.logs_dir):
        folder.mkdir()
    mounts(where, f"{where.logs_dir} cifs rw", f"{tmp_path}/a\\040home lustre rw,flock")
    logs, cache = found(where, "file-system")
    assert (logs.verdict, "cifs" in logs.message) == ("note", True)
    assert (cache.verdict, "lustre" in cache.message, "cache_dir" in cache.cure) == ("warning", True, True)


def test_a_local_disk_inside_and_on_top_of_a_network(where: CheckScope, tmp_path: Path) -> None:
    where.runs_dir.mkdir()
    mounts(where, f"{str(tmp_path)[:-1]} nfs4 rw")  # the start of a name is another name
    assert {c.verdict for c in found(where, "file-system")} == {"ok"}
    mounts(where, f"{tmp_path} nfs4 rw", f"{tmp_path} xfs rw")
    assert {c.verdict for c in found(where, "file-system")} == {"ok"}
    mounts(where, f"{tmp_path} nfs4 rw", f"{where.runs_dir} ext4 rw")
    assert {c.message.partition(" on ")[0] for c in found(where, "file-system", "note", "warning")} == {
        "the logs are", "the pixel cache is",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("variable", "words"),
    [("FAKE_NO_LOCKS", "Function not implemented"), ("FAKE_LYING_LOCKS", "two processes get the same lock")],
)
def test_locks_that_do_nothing(where: CheckScope, preload: str, variable: str, words: str) -> None:
    where.runs_dir.mkdir()
    told = in_a_process(where, **{"LD_PRELOAD": preload, variable: "/"})
    (warning,) = [c for c in told["file-system"] if c["verdict"] == "warning"]
    assert f"do nothing ({words})" in warning["message"]
    assert "guarded by tickets" in warning["message"]
    assert "locks not" in told["file-system"][1]["message"]


def test_what_it_does_is_measured_and_nothing_is_left(where: CheckScope) -> None:
    where.runs_dir.mkdir()
    mounts(where, f"{where.runs_dir} xfs rw,noatime")
    measured, _ = found(where, "file-system")
    assert measured.verdict == "ok"
    assert "xfs, mounted at" in measured.message
    assert "noatime" in measured.message
    assert "exclusive creation, renames, hard links, locks as they should be; fsync " in measured.message
    assert list(where.runs_dir.iterdir()) == []


def test_quotas(where: CheckScope, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = "server:/home 950000 0 1000000 0 100000* 100000 120000 1700000000"
    tool(tmp_path, monkeypatch, "quota", f"echo Disk quotas for user x; echo ' {line}'")
    warning, error = found(where, "disk-space", "warning", "error")[-2:]
    assert (warning.verdict, "950,000 of 1,000,000" in warning.message) == ("warning", True)
    assert (error.verdict, "files on server:/home: 100,000 of 100,000" in error.message) == ("error", True)
