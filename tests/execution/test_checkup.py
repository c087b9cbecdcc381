"""What `iqa-train doctor` finds, of real files, locks, processes, disks and commands."""

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from iqa_train.errors import UsageError
from iqa_train.execution.checkup import Checkup, Where, checkups, logout_warning
from iqa_train.execution.lease import VARIABLE, Holder, take
from iqa_train.execution.post import ensure_scheduler
from iqa_train.execution.queue import Item, Queue, edit_queue
from iqa_train.execution.tree import MARK
from iqa_train.files import append_line, write_json
from iqa_train.runs.identity import me
from iqa_train.runs.layout import Attempt, QueueFiles, RunFolder
from iqa_train.runs.outcome import OK, outcome_of
from tests.conftest import Project
from tests.fakes.nvml import FakeDriver, has_real_library
from tests.small_disk import small_disk

ROOT = Path(__file__).parents[2]
HERE = socket.gethostname()
AS_JSON = """
import json, os, sys
from pathlib import Path
from iqa_train.execution.checkup import Where, checkups
here, root = map(Path, sys.argv[1:])
os.chdir(here)
found = checkups(Where(here / "runs", here / "logs", root=root))
print(json.dumps([checkup.as_json() for checkup in found]))
"""
# A host whose clock is ahead of its disk's, and a disk that knows no locks.
PRELOAD = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>
int clock_gettime(clockid_t id, struct timespec *t) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int code = real(id, t);
    const char *ahead = getenv("FAKE_AHEAD");
    if (id == CLOCK_REALTIME && ahead) t->tv_sec += atol(ahead);
    return code;
}
int flock(int descriptor, int operation) {
    int (*real)(int, int) = dlsym(RTLD_NEXT, "flock");
    if (!getenv("FAKE_NO_LOCKS")) return real(descriptor, operation);
    errno = ENOSYS;
    return -1;
}
"""


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Where:
    """An empty project on a host of which nothing is known; its leases are its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv(VARIABLE, str(tmp_path / "leases"))
    return Where(tmp_path / "runs", tmp_path / "logs", root=tmp_path / "root")


def found(where: Where, name: str, *verdicts: str) -> list[Checkup]:
    return [c for c in checkups(where) if c.name == name and (not verdicts or c.verdict in verdicts)]


def the(where: Where, name: str) -> Checkup:
    (checkup,) = found(where, name)
    return checkup


def ills(where: Where) -> list[Checkup]:
    return [c for c in checkups(where) if c.verdict in {"warning", "error"} and c.name not in {"disk-space", "gpu"}]


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def tool(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, script: str) -> None:
    """A program of the system's, of that name, found before all others."""
    program = put(folder / "bin" / name, f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


def a_run(where: Where, experiment: str, *, ended: bool = False, host: str = HERE) -> tuple[RunFolder, Attempt]:
    """A run with one attempt; without an end nobody works on it any more."""
    run = RunFolder(where.runs_dir / "lr5e7" / experiment / "s42-0123456789")
    attempt = run.next_attempt()
    attempt.folder.mkdir(parents=True)
    write_json(run.spec, {"slug": experiment})
    facts = {"host": host, "boot_id": me().boot_id, "runner": {"pid": 1 << 22, "created": 1}, "log": "a.log"}
    write_json(attempt.runner, facts)
    if ended:
        write_json(run.result, {"srcc": 0.9})
        write_json(attempt.exit, asdict(outcome_of(OK, None)))
    run.lock.touch()
    return run, attempt


def queue(where: Where, *experiments: str, **values: Any) -> None:
    where.runs_dir.mkdir(exist_ok=True)
    items = [Item(f"lr5e7/{name}/s42-0123456789", name, 42) for name in experiments]
    with edit_queue(where.runs_dir) as edit:
        edit.queue = Queue(tuple(items), **values)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def in_a_process(where: Where, prefix: tuple[str, ...] = (), **environment: str) -> dict[str, list[dict[str, str]]]:
    """The findings of another process, by name."""
    here = where.runs_dir.parent
    command = [*prefix, sys.executable, "-c", AS_JSON, str(here), str(where.root)]
    paths = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    done = subprocess.run(command, cwd=here, env=paths, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    by_name: dict[str, list[dict[str, str]]] = {}
    for checkup in json.loads(done.stdout):
        assert set(checkup) == {"name", "verdict", "message", "cure"}
        by_name.setdefault(checkup["name"], []).append(checkup)
    return by_name


def test_an_empty_project_is_well_and_looking_makes_nothing(where: Where, tmp_path: Path) -> None:
    assert ills(where) == []
    assert the(where, "study").verdict == "note"
    assert list(tmp_path.iterdir()) == []
    where.runs_dir.mkdir()
    where.logs_dir.mkdir()
    assert ills(where) == []
    assert set(tmp_path.rglob("*")) == {where.runs_dir, where.logs_dir}


def test_what_is_loaded(tmp_path: Path) -> None:
    code = "import sys, iqa_train.cli.doctor; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"torch", "pydantic", "numpy", "textual", "pynvml"} & set(done.stdout.split())


class TestLeases:
    @pytest.mark.parametrize(
        ("mode", "verdict", "words"),
        [(0o1777, "ok", "none held"), (0o777, "warning", "remove others' locks"), (0o755, "warning", "only some")],
    )
    def test_the_rights_of_the_folder(self, where: Where, tmp_path: Path, mode: int, verdict: str, words: str) -> None:
        (tmp_path / "leases").mkdir()
        (tmp_path / "leases").chmod(mode)
        checkup = found(where, "leases")[0]
        assert (checkup.verdict, words in checkup.message) == (verdict, True)
        assert ("chmod 1777" in checkup.cure) is (verdict == "warning")

    def test_no_folder(self, where: Where, tmp_path: Path) -> None:
        assert "made by the first run" in the(where, "leases").message
        put(tmp_path / "leases", "")
        assert "is no folder" in the(where, "leases").message

    def test_a_folder_on_a_network_file_system(self, where: Where, tmp_path: Path) -> None:
        mounts(where, f"{tmp_path} nfs4 rw")
        (checkup,) = found(where, "leases", "error")
        assert "nfs4" in checkup.message
        assert VARIABLE in checkup.cure

    def test_who_holds_what(self, where: Where) -> None:
        run, _ = a_run(where, "A1")
        holder = Holder("A1", "lr5e7", "ann", str(run.path))
        lease, shared = take("GPU-1", holder), take("GPU-2", replace(holder, experiment="B2", run=""), places=2)
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

    def test_folders_and_locks_that_are_closed_to_this_user(self, where: Where) -> None:
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


class TestRuns:
    def test_lost_runs_are_named_unless_the_queue_tries_them_again(self, where: Where) -> None:
        for name in ("A1", "A2", "B1", "B2"):
            a_run(where, name)
        a_run(where, "Baseline", ended=True)
        (checkup,) = found(where, "lost-runs")
        assert checkup.verdict == "warning"
        assert checkup.message.startswith("4 runs lost: A1 (seed 42): its processes are gone")
        assert checkup.message.endswith("and 1 more")
        assert checkup.cure.startswith(f"`iqa-train relaunch EXP --runs-dir {where.runs_dir}`")
        assert found(where, "runs") == []
        queue(where, "A1", "A2", "B1")
        assert the(where, "lost-runs").message.startswith("1 run lost: B2")

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("queue.json", "{"), ("queue.json", '{"items": [{}]}'), ("scheduler.json", "[]"),
            ("lr5e7/A1/s42-0123456789/spec.json", '{"slug": '), ("lr5e7/A1/s42-0123456789/result.json", ""),
            ("lr5e7/A1/s42-0123456789/attempt-01/runner.json", "\0\0\0"),
            ("lr5e7/A1/s42-0123456789/attempt-01/exit.json", '{"state": "completed"}'),
        ],
    )  # fmt: skip
    def test_each_damaged_file_is_named_once(self, where: Where, name: str, content: str) -> None:
        a_run(where, "A1", ended=True)
        a_run(where, "A2", ended=True)
        put(where.runs_dir / name, content)
        (checkup,) = ills(where)
        assert (checkup.name, checkup.verdict) == ("state-files", "error")
        assert checkup.message.startswith(f"{where.runs_dir / name} is damaged")
        assert checkup.cure
        assert (where.runs_dir / name).read_text() == content

    def test_content_that_no_version_writes_stops_only_its_own_check(self, where: Where) -> None:
        queue(where, "A1")
        write_json(QueueFiles(where.runs_dir).scheduler, {"host": "elsewhere", "troubles": [], "scheduler": {"pid": 9}})
        (checkup,) = found(where, "queue", "error")
        assert "what no version writes" in checkup.message
        assert found(where, "clock")

    def test_what_ended_attempts_left(self, where: Where) -> None:
        run, attempt = a_run(where, "A1")
        (_, second), (_, ended) = a_run(where, "A1"), a_run(where, "A2", ended=True)
        for one in (attempt, second, ended):
            one.reserve.touch()
            one.heartbeat.touch()
        (checkup,) = found(where, "left-overs")
        assert (checkup.verdict, checkup.message.split(" that ")[0]) == ("note", "ended attempts left 6 files")
        with locked(run.lock):
            assert "left 4 files" in found(where, "left-overs")[0].message  # those of the second try are in use

    def test_a_process_that_outlives_its_run(self, where: Where) -> None:
        run, attempt = a_run(where, "A1", ended=True)
        with run.lock.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            process = subprocess.Popen(
                ["sleep", "60"], pass_fds=[lock.fileno()], env=os.environ | {MARK: str(attempt.folder.resolve())}
            )
        try:
            (checkup,) = found(where, "runs", "warning")
            assert "A1 (seed 42) has ended, but a process of it still lives" in checkup.message
            assert checkup.cure == f"kill {process.pid}"
        finally:
            process.kill()
            process.wait()
        assert the(where, "runs").message == f"1 run in {where.runs_dir}, 0 alive, none lost"


class TestQueue:
    def test_runs_wait_and_nobody_sees_to_them(self, where: Where) -> None:
        queue(where, "A1", "A2")
        (checkup,) = ills(where)
        assert (checkup.name, checkup.verdict) == ("queue", "warning")
        assert checkup.message == "2 runs waiting and no scheduler running"
        assert checkup.cure.startswith("`iqa-train queue resume")

    def test_a_scheduler_that_works_and_one_that_was_killed(self, where: Where) -> None:
        queue(where, "A1", paused=True)
        ensure_scheduler(where.runs_dir)
        pid = json.loads(QueueFiles(where.runs_dir).scheduler.read_text())["scheduler"]["pid"]
        try:
            told = {c.name: c for c in checkups(where)}
        finally:
            os.kill(pid, signal.SIGKILL)
        assert (told["scheduler"].verdict, told["scheduler"].message) == ("ok", f"process {pid}")
        assert (told["queue"].verdict, told["queue"].message) == ("note", "the queue is paused; waiting in it: 1 run")
        deadline = time.monotonic() + 5
        while the(where, "scheduler").verdict == "ok" and time.monotonic() < deadline:
            time.sleep(0.05)
        assert (the(where, "scheduler").verdict, ills(where)) == ("note", [])
        assert "was killed" in the(where, "scheduler").message

    def test_a_scheduler_on_another_host(self, where: Where) -> None:
        queue(where, "A1", "A2")
        facts = {"host": "node7", "boot_id": "b", "scheduler": {"pid": 7, "created": 1}}
        write_json(path := QueueFiles(where.runs_dir).scheduler, facts | {"troubles": {queued("A2"): "no data"}})
        checkup = the(where, "scheduler")
        assert (checkup.verdict, "process 7 on host node7" in checkup.message) == ("note", True)
        (error,) = found(where, "queue", "error")
        assert error.message == "A2 cannot be started: no data"
        os.utime(path, (time.time() - 600, time.time() - 600))
        assert "on host node7, silent for 10 min" in the(where, "scheduler").message
        assert found(where, "queue", "warning")


def queued(experiment: str) -> str:
    return f"lr5e7/{experiment}/s42-0123456789"


class TestDisks:
    def test_little_room(self, where: Where, tmp_path: Path) -> None:
        with small_disk(where.runs_dir, 512):
            checkup = next(c for c in found(where, "disk-space") if c.message.startswith("runs: "))
        assert checkup.verdict == "error"
        assert "0.0 GB free" in checkup.message
        assert "make room" in checkup.cure

    @pytest.mark.parametrize(
        ("options", "verdict"),
        [
            ("size=20g,nr_inodes=50k", "ok"), ("size=5g", "warning"), ("size=20g,nr_inodes=5k", "warning"),
            ("size=20g,nr_inodes=50", "error"), ("size=20g,ro", "error"),
        ],
    )  # fmt: skip
    def test_bytes_and_files(self, where: Where, options: str, verdict: str) -> None:
        with mounted(where.logs_dir, options):
            told = [c for c in found(where, "disk-space") if c.message.startswith("logs: ")]
        assert verdict in {c.verdict for c in told}
        assert any("cannot be written" in c.message for c in told) is ("ro" in options)

    def test_one_disk_is_told_once(self, where: Where) -> None:
        assert the(where, "disk-space").message.startswith("runs, logs, pixel cache: ")


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a disk is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def mounts(where: Where, *entries: str) -> None:
    """The kernel's table of mounts: `point type options` each, beside a local root."""
    lines = ["22 1 254:0 / / rw,relatime - ext4 /dev/vda rw", "nonsense"]
    for number, entry in enumerate(entries, 30):
        point, kind, options = entry.split()
        lines.append(f"{number} 22 0:{number} / {point} rw,relatime shared:1 - {kind} server:/x {options}")
    put(where.root / "proc/self/mountinfo", "\n".join(lines))


class TestFileSystems:
    def test_runs_on_a_network(self, where: Where) -> None:
        where.runs_dir.mkdir()
        mounts(where, f"{where.runs_dir} nfs4 rw,vers=4.2")
        checkup = the(where, "file-system")
        assert checkup.verdict == "note"
        assert f"(nfs4, mounted at {where.runs_dir})" in checkup.message
        assert "90 s later" in checkup.message

    @pytest.mark.parametrize("options", ["rw,nolock", "rw,local_lock=all", "rw,localflock"])
    def test_locks_that_do_not_reach_other_hosts(self, where: Where, options: str) -> None:
        mounts(where, f"{where.runs_dir.parent} nfs {options}")
        told = found(where, "file-system", "warning")
        assert options.partition(",")[2] in told[0].message

    def test_logs_and_cache_on_a_network(self, where: Where, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a home"))
        for folder in (tmp_path / "a home", where.logs_dir):
            folder.mkdir()
        mounts(where, f"{where.logs_dir} cifs rw", f"{tmp_path}/a\\040home lustre rw,flock")
        logs, cache = found(where, "file-system")
        assert (logs.verdict, "cifs" in logs.message) == ("note", True)
        assert (cache.verdict, "lustre" in cache.message, "cache_dir" in cache.cure) == ("warning", True, True)

    def test_a_local_disk_inside_and_on_top_of_a_network(self, where: Where, tmp_path: Path) -> None:
        where.runs_dir.mkdir()
        mounts(where, f"{tmp_path}x nfs4 rw", f"{tmp_path} nfs4 rw", f"{tmp_path} xfs rw")
        assert the(where, "file-system").verdict == "ok"
        mounts(where, f"{tmp_path} nfs4 rw", f"{where.runs_dir} ext4 rw")
        assert {c.message.partition(" on ")[0] for c in found(where, "file-system")} == {
            "the logs are", "the pixel cache is",
        }  # fmt: skip


class TestLogOut:
    SESSION = "0::/user.slice/user-1000.slice/session-3.scope\n"
    MANAGER = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/term.scope\n"
    SERVICE = "12:pids:/x\n1:name=systemd:/system.slice/slurmstepd.scope/job_1\n"

    @pytest.fixture
    def host(self, where: Where, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str | None]:
        (where.root / "run/systemd/system").mkdir(parents=True)

        def warning(kill: str = "", linger: str = "no", cgroup: str = self.SESSION, user: str = "1000") -> str | None:
            put(where.root / "proc/self/cgroup", cgroup.replace("1000", user))
            put(where.root / "etc/systemd/logind.conf", f"[Login]\n#KillUserProcesses=yes\n{kill}\n")
            tool(tmp_path, monkeypatch, "loginctl", f"echo $@ >{tmp_path}/asked; echo Linger={linger}")
            return logout_warning(where.root)

        return warning

    def test_both_together_kill_what_a_session_has_started(self, host: Callable[..., str | None], where: Where) -> None:
        told = host("KillUserProcesses=yes")
        assert told
        for words in ("KillUserProcesses=yes", "Linger=no", "loginctl enable-linger", "systemd-run --user --scope"):
            assert words in told
        checkup = the(where, "log-out")
        assert (checkup.verdict, f"{checkup.message}; {checkup.cure}") == ("warning", told)
        assert host() is None
        assert host("KillUserProcesses=no") is None
        assert the(where, "log-out").verdict == "ok"

    def test_lingering_alone_does_not_save_a_session(self, host: Callable[..., str | None], tmp_path: Path) -> None:
        told = host("KillUserProcesses=yes", linger="yes")
        assert told
        assert "systemd-run" in told
        assert "enable-linger" not in told
        assert len((tmp_path / "asked").read_text().split()) == 3

    def test_under_the_users_manager_only_lingering_counts(self, host: Callable[..., str | None]) -> None:
        told = host(cgroup=self.MANAGER)
        assert told
        assert told.endswith("`loginctl enable-linger`")
        assert host("KillUserProcesses=yes", linger="yes", cgroup=self.MANAGER) is None

    def test_a_service_knows_no_log_out(self, host: Callable[..., str | None]) -> None:
        assert host("KillUserProcesses=yes", cgroup=self.SERVICE) is None

    def test_where_the_unit_is_not_told_both_settings_count(self, host: Callable[..., str | None]) -> None:
        always = "KillUserProcesses=yes\nKillExcludeUsers="
        assert host(always, cgroup="0::/\n") is not None
        assert host(always, linger="yes", cgroup="0::/\n") is None

    def test_users_who_are_excepted(self, host: Callable[..., str | None]) -> None:
        assert host("KillUserProcesses=yes", user="0") is None  # root, unless the list of exceptions is emptied
        assert host("KillUserProcesses=yes\nKillExcludeUsers=", user="0") is not None
        assert host("KillUserProcesses=yes\nKillExcludeUsers=ann 54321", user="54321") is None
        assert host("KillOnlyUsers=ann 54321", user="54321") is not None
        assert host("KillUserProcesses=yes\nKillOnlyUsers=ann", user="54321") is None

    @pytest.mark.parametrize(
        ("files", "kills"),
        [
            ({"usr/lib/systemd/logind.conf.d/50-a.conf": "yes"}, True),
            ({"run/systemd/logind.conf.d/50-a.conf": "on", "etc/systemd/logind.conf.d/60-b.conf": "no"}, False),
            ({"run/systemd/logind.conf.d/60-a.conf": "1", "etc/systemd/logind.conf.d/50-b.conf": "no"}, True),
            ({"usr/lib/systemd/logind.conf.d/50-a.conf": "yes", "etc/systemd/logind.conf.d/50-a.conf": "no"}, False),
            ({"usr/lib/systemd/logind.conf": "yes"}, False),  # hidden by the one in /etc
            ({"etc/systemd/logind.conf.d/50-a.txt": "yes"}, False),
        ],
    )
    def test_drop_ins(
        self, host: Callable[..., str | None], where: Where, files: dict[str, str], kills: bool
    ) -> None:  # fmt: skip
        for name, value in files.items():
            put(where.root / name, f"[Other]\nKillUserProcesses=no\n[Login]\n; a word\nKillUserProcesses = {value}\n")
        assert (host() is not None) is kills

    def test_a_user_who_is_not_logged_in_and_lingers(
        self, host: Callable[..., str | None], where: Where, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        host(cgroup=self.MANAGER)
        tool(tmp_path, monkeypatch, "loginctl", "echo not logged in >&2; exit 1")
        assert logout_warning(where.root) is not None
        user = (tmp_path / "asked").read_text().split()[1]
        put(where.root / "var/lib/systemd/linger" / user, "")
        assert logout_warning(where.root) is None

    def test_no_systemd(self, where: Where) -> None:
        put(where.root / "etc/systemd/logind.conf", "[Login]\nKillUserProcesses=yes\n")
        assert logout_warning(where.root) is None


class TestData:
    def test_all_there_and_some_missing(self, where: Where, project: Project) -> None:
        told = the(where, "data-set")
        assert (told.verdict, "48 images" in told.message) == ("ok", True)
        assert the(where, "study").message.endswith("3 experiments")
        for name in ("03", "17"):
            (project.folder / f"data/small/images/{name}.png").unlink()
        told = the(where, "data-set")
        assert (told.verdict, "2 of the 48 images listed are missing" in told.message) == ("error", True)
        (project.folder / "data/small/scores.csv").unlink()
        assert the(where, "data-set").verdict == "error"

    def test_study_files_that_are_not_there_or_not_valid(self, where: Where, tmp_path: Path) -> None:
        named = replace(where, study=tmp_path / "mine.toml")
        assert (the(named, "study").verdict, "no such study file" in the(named, "study").message) == ("error", True)
        put(tmp_path / "mine.toml", "[study]\nname = 3\nother = 4\n")
        checkup = the(named, "study")
        assert (checkup.verdict, "more)" in checkup.message) == ("error", True)
        assert "iqa-train check" in checkup.cure
        assert found(named, "data-set") == []

    def test_the_demo_set_is_made_when_it_is_wanted(self, where: Where) -> None:
        checkup = the(replace(where, profile="demo"), "data-set")
        assert (checkup.verdict, checkup.cure) == ("note", "the first run makes it")
        with pytest.raises(UsageError):
            checkups(replace(where, profile="none"))

    def test_the_cache_of_the_study_is_the_one_that_counts(self, where: Where, project: Project) -> None:
        text = (project.folder / "experiments.toml").read_text()
        put(project.folder / "experiments.toml", text.replace("epochs = 3", 'epochs = 3\ncache_dir = "big"', 1))
        (project.folder / "big").mkdir()
        mounts(where, f"{project.folder}/big nfs4 rw")
        assert the(where, "file-system").verdict == "warning"


class TestClock:
    @pytest.mark.parametrize(
        ("script", "verdict", "words"),
        [
            ("echo NTPSynchronized=yes", "ok", "synchronised"), ("echo NTPSynchronized=no", "warning", "not synchron"),
            ("echo Failed to connect to bus >&2; exit 1", "ok", "nobody tells"),
        ],
    )  # fmt: skip
    def test_synchronised_or_not(
        self, where: Where, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, verdict: str, words: str
    ) -> None:
        tool(tmp_path, monkeypatch, "timedatectl", script)
        assert (the(where, "clock").verdict, words in the(where, "clock").message) == (verdict, True)

    def test_no_such_command(self, where: Where, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        assert the(where, "clock").verdict == "ok"

    def test_files_of_the_future(self, where: Where) -> None:
        (_, attempt), _ = a_run(where, "A1", ended=True), a_run(where, "A2", ended=True)
        append_line(attempt.metrics, {"event": "epoch"})
        os.utime(attempt.metrics, (time.time() + 60, time.time() + 60))
        (checkup,) = found(where, "clock", "warning")
        assert checkup.message == f"1 file written in the future: {attempt.metrics}"

    def test_file_times_and_the_hosts_clock_disagree(self, where: Where, preload: str) -> None:
        where.runs_dir.mkdir()
        told = in_a_process(where, LD_PRELOAD=preload, FAKE_AHEAD="60")["clock"]
        assert [c["verdict"] for c in told] == ["warning"]
        assert "60 s behind this host's clock" in told[0]["message"]
        told, *_ = in_a_process(where, LD_PRELOAD=preload, FAKE_AHEAD="-60")["clock"]
        assert "60 s ahead of this host's clock" in told["message"]


def test_a_disk_without_locks(where: Where, preload: str) -> None:
    where.runs_dir.mkdir()
    told = in_a_process(where, LD_PRELOAD=preload, FAKE_NO_LOCKS="1")
    assert [c["verdict"] for c in told["file-system"]] == ["error"]
    assert "Function not implemented" in told["file-system"][0]["message"]


@pytest.fixture(scope="module")
def preload(tmp_path_factory: pytest.TempPathFactory) -> str:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler to build a false clock with")
    folder = tmp_path_factory.mktemp("preload")
    put(folder / "false.c", PRELOAD)
    command = [compiler, "-shared", "-fPIC", "-o", f"{folder}/false.so", f"{folder}/false.c", "-ldl"]
    subprocess.run(command, check=True)
    return f"{folder}/false.so"


class TestGpus:
    @pytest.fixture
    def driver(self, tmp_path: Path) -> FakeDriver:
        return FakeDriver(tmp_path)

    def gpu(self, where: Where, driver: FakeDriver, **environment: str) -> dict[str, str]:
        """What is said of GPUs, by verdict."""
        text = driver.run("-c", AS_JSON, str(where.runs_dir.parent), str(where.root), **environment)
        told = [c for c in json.loads(text) if c["name"] == "gpu"]
        return {c["verdict"]: f"{c['message']} -> {c['cure']}" for c in told}

    def test_two_that_are_well_and_each_ill_with_its_verdict(self, where: Where, driver: FakeDriver) -> None:
        assert self.gpu(where, driver) == {"ok": "2 GPUs can be used, NVIDIA driver 550.54.15 -> "}
        driver.set({"0.nvmlDeviceGetTemperatureV": 3, "0.mig": 1, "1.nvmlDeviceGetHandleByIndex_v2": 15})
        told = self.gpu(where, driver)
        assert told["error"].startswith("GPU 1: the GPU is lost")
        assert told["note"].startswith("GPU 0: MIG")
        assert told["ok"].startswith("1 of 2 GPUs can be used")
        driver.set({"0.mig": 0, "1.nvmlDeviceGetHandleByIndex_v2": 4, "0.power": 2**32 - 1})
        told = self.gpu(where, driver)
        assert told["warning"].startswith("GPU 1: the driver refuses this GPU")
        assert told["note"] == "GPU 0: the driver does not tell its temperature, power -> "
        driver.set({"0.nvmlDeviceGetMemoryInfo_v2": 3}, without=("1.nvmlDeviceGetHandleByIndex_v2",))
        assert "does not tell its memory" in self.gpu(where, driver)["warning"]

    def test_gpus_that_are_hidden(self, where: Where, driver: FakeDriver) -> None:
        assert "'7' is no GPU here" in self.gpu(where, driver, CUDA_VISIBLE_DEVICES="0,7")["warning"]
        assert "hides every GPU" in self.gpu(where, driver, CUDA_VISIBLE_DEVICES="")["warning"]

    def test_a_driver_that_does_not_work(self, where: Where, driver: FakeDriver) -> None:
        driver.set({"nvmlInitWithFlags": 9})
        told = self.gpu(where, driver)
        assert told["error"].endswith("-> load it (modprobe nvidia) or reboot")
        driver.set({"nvmlInitWithFlags": 0, "count": 0})
        assert "shows no GPU" in self.gpu(where, driver)["warning"]

    def test_no_driver_with_and_without_a_gpu_on_the_bus(self, where: Where) -> None:
        if has_real_library():
            pytest.skip("there is an NVIDIA driver on this machine")
        assert the(where, "gpu").verdict == "note"
        for name, vendor, kind in (("0000:00:01.0", "0x8086", "0x030000"), ("0000:01:00.1", "0x10de", "0x040300")):
            put(where.root / "sys/bus/pci/devices" / name / "vendor", f"{vendor}\n")
            put(where.root / "sys/bus/pci/devices" / name / "class", f"{kind}\n")
        assert the(where, "gpu").verdict == "note"  # another maker's, and a card's sound
        put(where.root / "sys/bus/pci/devices/0000:01:00.1/class", "0x030200\n")
        assert the(where, "gpu").verdict == "warning"


def test_versions(where: Where) -> None:
    checkup = the(where, "versions")
    assert (checkup.verdict, "torch 2." in checkup.message) == ("note", True)
