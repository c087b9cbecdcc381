"""The folder of the leases, and who holds what."""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from iqa_train.devices.leases import VARIABLE, Holder, acquire
from iqa_train.doctor.check_result import CheckScope
from tests.doctor.checkup_world import ROOT, a_run, found, in_a_process, locked, mounts, put, the


@pytest.mark.parametrize(
    ("mode", "verdict", "words"),
    [(0o1777, "ok", "none held"), (0o777, "error", "remove others' locks"), (0o755, "warning", "only some")],
)
def test_the_rights_of_the_folder(where: CheckScope, tmp_path: Path, mode: int, verdict: str, words: str) -> None:
    (tmp_path / "leases").mkdir()
    (tmp_path / "leases").chmod(mode)
    checkup = found(where, "leases")[0]
    assert (checkup.verdict, words in checkup.message) == (verdict, True)
    assert ("chmod 1777" in checkup.cure) is (verdict != "ok")


def test_no_folder(where: CheckScope, tmp_path: Path) -> None:
    assert "created by the first run" in the(where, "leases").message
    put(tmp_path / "leases", "")
    assert "is not a folder" in the(where, "leases").message


def test_a_folder_on_a_network_file_system(where: CheckScope, tmp_path: Path) -> None:
    mounts(where, f"{tmp_path} nfs4 rw")
    (checkup,) = found(where, "leases", "error")
    assert "nfs4" in checkup.message
    assert VARIABLE in checkup.cure


def test_who_holds_what(where: CheckScope) -> None:
    run, _ = a_run(where, "A1")
    holder = Holder("A1", "lr5e7", "ann", str(run.path))
    lease, shared = acquire("GPU-1", holder), acquire("GPU-2", replace(holder, experiment="B2", run=""), places=2)
    assert lease
    assert shared
    with locked(run.lock):
        checkup = the(where, "leases")
    assert checkup.verdict == "ok"
    assert checkup.message.endswith("held: GPU-1 by A1 of lr5e7 (ann), GPU-2 by B2 of lr5e7 (ann)")
    shared.close()
    (warning,) = found(where, "leases", "warning")  # the run's lock is free: it is lost
    assert "GPU-1 is held by A1 of lr5e7 (ann), whose run has ended" in warning.message
    lease.close()
    assert the(where, "leases").message.endswith("none held")


def test_folders_and_locks_that_are_closed_to_this_user(where: CheckScope) -> None:
    prefix: tuple[str, ...] = ()
    if os.getuid() == 0:  # to whom nothing is closed
        if shutil.which("setpriv") is None:
            pytest.skip("there is no setpriv to become another user with")
        prefix = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        reached = [*prefix, sys.executable, "-c", "import iqa_train"]
        if subprocess.run(reached, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False).returncode:
            pytest.skip("another user cannot reach this checkout")
        where = replace(where, runs_dir=folder / "runs")
        (folder / "leases").mkdir()
        (folder / "runs").mkdir()
        (folder / "leases").chmod(0o1777)
        put(folder / "leases" / "GPU-1.lock", "").chmod(0o000)
        there = {VARIABLE: f"{folder}/leases", "XDG_CACHE_HOME": "/tmp/none"}
        messages = {c["message"] for c in in_a_process(where, prefix, **there)["leases"] if c["verdict"] == "error"}
        assert messages == {f"leases that you cannot read, nor take: GPU-1.lock, in {folder}/leases"}
        (folder / "leases").chmod(0o000)
        (folder / "runs").chmod(0o555)
        told = in_a_process(where, prefix, **there)
        (folder / "leases").chmod(0o755)
        (folder / "runs").chmod(0o755)
    assert "is closed to you" in told["leases"][0]["message"]
    assert {"error"} == {c["verdict"] for c in told["disk-space"] if "cannot be written" in c["message"]}
