"""Network file systems, and disks without locks."""

from pathlib import Path

import pytest

from iqa_train.doctor.check_result import CheckScope
from tests.doctor.checkup_world import found, in_a_process, mounts, the


def test_runs_on_a_network(where: CheckScope) -> None:
    where.runs_dir.mkdir()
    mounts(where, f"{where.runs_dir} nfs4 rw,vers=4.2")
    checkup = the(where, "file-system")
    assert checkup.verdict == "note"
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
    assert the(where, "file-system").verdict == "ok"
    mounts(where, f"{tmp_path} nfs4 rw", f"{tmp_path} xfs rw")
    assert the(where, "file-system").verdict == "ok"
    mounts(where, f"{tmp_path} nfs4 rw", f"{where.runs_dir} ext4 rw")
    assert {c.message.partition(" on ")[0] for c in found(where, "file-system")} == {
        "the logs are", "the pixel cache is",
    }  # fmt: skip


def test_a_disk_without_locks(where: CheckScope, preload: str) -> None:
    where.runs_dir.mkdir()
    told = in_a_process(where, LD_PRELOAD=preload, FAKE_NO_LOCKS="1")
    assert [c["verdict"] for c in told["file-system"]] == ["error"]
    assert "Function not implemented" in told["file-system"][0]["message"]
