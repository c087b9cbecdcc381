"""What other users leave in the places of our files: it neither keeps us, nor is it followed, nor believed."""

import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from iqa_train import locks
from iqa_train.devices.leases import VARIABLE, Holder, acquire, holders, room
from iqa_train.errors import RunError
from iqa_train.files import LineFollower, append_line, read_json, read_lines, write_atomic, write_json
from iqa_train.locks import LockedError, is_held, locked, locked_folder, open_lock
from iqa_train.regular import open_regular, open_temporary, real_path, sweep
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.predictions import read_predictions
from iqa_train.runs.specfile import read_spec
from iqa_train.scheduler.queue import edit_queue

as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
NOBODY = 65534


@contextmanager
def _within(seconds: int) -> Iterator[None]:
    """Fail instead of waiting for ever."""

    def late(*_: object) -> None:
        raise AssertionError("it waits")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _socket(path: Path) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(path.parent)  # the kernel takes short names only
        try:
            server.bind(path.name)
        finally:
            os.chdir(here)


PLANTED: dict[str, Callable[[Path], None]] = {
    "fifo": os.mkfifo,
    "folder": Path.mkdir,
    "socket": _socket,
    "link to a device": lambda path: path.symlink_to("/dev/zero"),
    "link to a fifo": lambda path: (os.mkfifo(path.with_name("pipe")), path.symlink_to("pipe"))[1],
    "link to itself": lambda path: path.symlink_to(path.name),
}


def _read_run(path: Path) -> object:
    run = RunFolder(path.with_name("run"))
    run.path.mkdir()
    path.rename(run.spec)
    return read_spec(run)


OPENERS: dict[str, Callable[[Path], object]] = {
    "read_json": read_json,
    "read_lines": lambda path: list(read_lines(path)),
    "follow": lambda path: LineFollower(path).new_text(),
    "append": lambda path: append_line(path, {}),
    "lock": lambda path: locked(path).__enter__(),
    "open_lock": open_lock,
    "spec": _read_run,
    "predictions": read_predictions,
}


@pytest.mark.parametrize("what", PLANTED)
@pytest.mark.parametrize("opener", OPENERS)
def test_something_that_is_not_a_file_is_named(tmp_path: Path, what: str, opener: str) -> None:
    path = tmp_path / "file"
    PLANTED[what](path)
    with _within(5), pytest.raises((OSError, RunError)) as failure:
        OPENERS[opener](path)
    assert "file" in str(failure.value) or "spec.json" in str(failure.value)
    assert not is_held(path)


def test_links_are_followed_for_reading_alone(tmp_path: Path) -> None:
    """Archives of runs may be links; what is written or locked never is another's file."""
    target, path = tmp_path / "target", tmp_path / "link"
    target.write_text('{"a": 1}\n')
    path.symlink_to(target)
    assert read_json(path) == {"a": 1}
    assert list(read_lines(path)) == [{"a": 1}]
    for write in (lambda: append_line(path, {}), lambda: locked(path).__enter__(), lambda: open_lock(path)):
        with pytest.raises(OSError, match=r"it is a[a-z ]+, not a file"):
            write()
    write_atomic(path, b"new")
    assert (target.read_text(), path.read_text(), path.is_symlink()) == ('{"a": 1}\n', "new", False)


@contextmanager
def _held(path: Path, flags: int = os.O_RDWR, user: int | None = None) -> Iterator[int]:
    """The lock on `path` in another process, of another user if need be; its process id."""
    code = (
        "import fcntl, os, sys, time\n"
        f"d = os.open({str(path)!r}, {flags}); fcntl.flock(d, fcntl.LOCK_EX); print('held', flush=True); time.sleep(60)"
    )
    python = sys.executable if user is None else "/usr/bin/python3"
    process = subprocess.Popen([python, "-c", code], stdout=subprocess.PIPE, user=user, cwd="/")
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process.pid
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "_SAY_AFTER", 0.1)
    monkeypatch.setattr(locks, "_GIVE_UP_AFTER", 0.5)


@pytest.mark.usefixtures("hurried")
def test_the_holder_of_a_lock_is_named_before_giving_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "queue.lock").touch()
    with _held(tmp_path / "queue.lock") as pid:
        pattern = rf"queue\.lock has been held .* by process {pid} \("
        with _within(10), pytest.raises(LockedError, match=pattern) as given, edit_queue(tmp_path):
            pass
        assert given.value.exit_code == 1
        assert f"queue.lock, held by process {pid} ({sys.executable} -c " in capsys.readouterr().err
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(LockedError, match=rf"which is suspended \(kill -CONT {pid}"), edit_queue(tmp_path):
            pass
    with edit_queue(tmp_path):
        pass
    assert (tmp_path / "queue.lock").stat().st_mode & stat.S_IROTH  # as it was found; a new one is not for everybody
    (tmp_path / "queue.lock").unlink()
    with edit_queue(tmp_path):
        assert not (tmp_path / "queue.lock").stat().st_mode & 0o007


@pytest.mark.usefixtures("hurried")
def test_a_lock_on_a_folder_is_given_up_and_a_patient_one_is_not(tmp_path: Path) -> None:
    with (
        _held(tmp_path, os.O_RDONLY), _within(10), pytest.raises(LockedError, match="held"), locked_folder(tmp_path)
    ):  # fmt: skip
        pass
    (tmp_path / "lock").touch()

    class EnoughError(Exception):
        pass

    def waiting() -> None:
        if time.monotonic() > end:
            raise EnoughError

    end = time.monotonic() + 1
    with _held(tmp_path / "lock"), pytest.raises(EnoughError), locked(tmp_path / "lock", waiting, patient=True):
        pass


def test_a_reader_of_a_file_of_lines_blocks_no_writer(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    append_line(path, {"k": 0})
    with _held(path, os.O_RDONLY), _within(5):
        append_line(path, {"k": 1})
    assert [line["k"] for line in read_lines(path)] == [0, 1]


@pytest.fixture
def open_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of this user that others can enter, which pytest's are not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        monkeypatch.setenv(VARIABLE, str(Path(name) / "leases"))
        yield Path(name)


@as_root
def test_a_lock_of_someone_who_may_only_read_counts_for_nothing(open_folder: Path) -> None:
    lock = open_folder / "lock"
    lock.touch(0o644)
    with _held(lock, os.O_RDONLY, user=NOBODY) as pid:
        assert not is_held(lock)
        assert f"process {pid} (/usr/bin/python3" in str(locks.intruder(lock))
        assert "nobody)" in str(locks.intruder(lock))
        lock.chmod(0o666)
        assert is_held(lock)  # one who may write may well work
        lock.chmod(0o644)
        open_folder.chmod(0o777)
        assert is_held(lock)  # so may one who may replace it: the umask of a colleague made it unwritable
        open_folder.chmod(0o1777)
        assert not is_held(lock)
    with _held(lock):
        assert is_held(lock)
        assert locks.intruder(lock) is None


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_the_umask_says_whether_a_group_shares_a_lock(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        os.close(locks.open_lock(tmp_path / "lock"))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "lock").stat().st_mode) == mode


def test_a_loop_of_links_is_a_path_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "runs").symlink_to("runs")
    assert real_path(tmp_path / "runs" / "small") == tmp_path / "runs" / "small"


def test_a_name_that_could_be_guessed_is_not_used(tmp_path: Path) -> None:
    victim, path = tmp_path / "victim", tmp_path / "result.json"
    victim.write_text("mine")
    (tmp_path / f".result.json.{os.getpid()}.tmp").symlink_to(victim)
    write_json(path, {"a": 1})
    assert victim.read_text() == "mine"
    descriptors, names = zip(*(open_temporary(path) for _ in range(20)), strict=True)
    assert len(set(names)) == 20
    for descriptor in descriptors:
        os.close(descriptor)


def test_what_killed_writers_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    def put(name: str, age: float = 3600) -> Path:
        path = tmp_path / name
        path.write_text("")
        os.utime(path, (time.time() - age,) * 2)
        return path

    old, older = put(".result.json.0123456789abcdef.tmp"), put(".result.json.4711.tmp")
    kept = [
        put(".result.json.89abcdef01234567.tmp", age=1),  # its writer may not have locked it yet
        put(".other.json.0123456789abcdef.tmp"),
        put("result.json.0123456789abcdef.tmp"),
        put(".result.json.tmp"),
        put(".result.json.notes.tmp"),
    ]
    descriptor, locked_one = open_temporary(tmp_path / "result.json")
    os.utime(locked_one, (0, 0))
    (tmp_path / ".result.json.ffffffffffffffff.tmp").symlink_to(old)
    write_json(tmp_path / "result.json", {})
    assert not old.exists()
    assert not older.exists()
    assert all(path.exists() for path in [*kept, locked_one])
    sweep(tmp_path)
    assert not kept[1].exists()
    assert locked_one.exists()
    os.close(descriptor)
    sweep(tmp_path)
    assert not locked_one.exists()
    assert kept[2].exists()


@as_root
def test_another_users_leftover_is_his(tmp_path: Path) -> None:
    path = tmp_path / ".x.0123456789abcdef.tmp"
    path.touch()
    os.chown(path, NOBODY, NOBODY)
    os.utime(path, (0, 0))
    sweep(tmp_path)
    assert path.exists()


@pytest.mark.parametrize("what", PLANTED)
def test_what_is_not_a_lease_is_named_and_blocks_no_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "leases"))
    first = acquire("cpu-1", Holder("A1"))
    assert first is not None
    first.close()
    PLANTED[what](tmp_path / "leases" / "cpu-0.lock")
    with _within(5):
        assert holders("cpu-0") == []
        assert room("cpu-0", 2) == 2
        with pytest.raises(RunError, match=r"cpu-0\.lock cannot be taken: it is a[a-z ]+, not a file"):
            acquire("cpu-0", Holder("A1"))


@pytest.mark.parametrize(
    ("mode", "owner", "words"),
    [
        (0o777, 0, "no sticky bit; chmod 1777 it"),
        (0o770, 0, "no sticky bit; chmod 1777 it"),
        (0o777, NOBODY, "no sticky bit; have its owner chmod 1777 it"),
        (0o755, NOBODY, "nobody's alone"),
        (0o1777, 0, ""),
        (0o1777, NOBODY, ""),  # the first who used it on this host made it so
        (0o700, 0, ""),
    ],
)
def test_a_folder_in_which_others_may_remove_locks_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, owner: int, words: str
) -> None:
    folder = tmp_path / "leases"
    folder.mkdir()
    folder.chmod(mode)
    if owner:
        if os.getuid() != 0:
            pytest.skip("only root can give a folder to another user")
        os.chown(folder, owner, owner)
    monkeypatch.setenv(VARIABLE, str(folder))
    if words:
        with pytest.raises(RunError, match=words):
            acquire("cpu-0", Holder("A1"))
    else:
        lease = acquire("cpu-0", Holder("A1"))
        assert lease is not None
        lease.close()


@pytest.mark.parametrize(
    "text", ["[" * 4000, '{"experiment": 5}', '{"experiment": null}', '{"experiment": ["x"]}', '{"user": {}}']
)
def test_words_of_a_lease_are_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "leases"))
    lease = acquire("cpu-0", Holder("A1"))
    assert lease is not None
    lease.paths[0].write_text(text)
    assert holders("cpu-0") == [Holder("")]
    lease.close()


def _open_and_wait(path: Path) -> None:
    with suppress(OSError):
        open_regular(path, os.O_WRONLY | os.O_CREAT)


def test_opening_a_fifo_for_writing_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "log")
    process = multiprocessing.get_context("fork").Process(target=_open_and_wait, args=(tmp_path / "log",))
    process.start()
    process.join(10)
    assert process.exitcode == 0
