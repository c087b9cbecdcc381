"""Who has a device: one at a time, until the last process that can touch it is gone, whoever else works here."""

import itertools
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from iqa_train.devices.leases import VARIABLE, Holder, Lease, acquire, holders
from iqa_train.devices.nvml import Nvml
from iqa_train.errors import RunError
from iqa_train.scheduler.device_slots import DeviceUse, list_device_slots
from iqa_train.scheduler.queue import Item

OTHERS = (65534, 12345)
ROOT = Path(__file__).parents[2]

as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can be two other users")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where leases are kept; not made yet."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "leases"))
    return tmp_path / "leases"


@pytest.fixture
def open_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that every user may enter, and write into, as /tmp."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o1777)
        monkeypatch.setenv(VARIABLE, str(Path(name) / "leases"))
        yield Path(name)


_HOLD = """
import subprocess, sys
from iqa_train.devices.leases import Holder, acquire
key, name, places, child = sys.argv[1:]
lease = acquire(key, Holder(name, user="ada"), places=int(places))
if lease is not None and child:
    process = subprocess.Popen(["sleep", "60"], pass_fds=lease.descriptors, stdout=subprocess.DEVNULL)
    print(process.pid, flush=True)
else:
    print("refused" if lease is None else "taken", flush=True)
sys.stdin.read()
"""


@contextmanager
def process(key: str, name: str, places: int = 1, child: str = "") -> "Iterator[subprocess.Popen[str]]":
    """A process that tries to take a lease, tells on its output whether it could, and holds it until it is killed."""
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, key, name, str(places), child],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield holder
    finally:
        holder.kill()
        holder.communicate()


def answer(holder: "subprocess.Popen[str]") -> str:
    assert holder.stdout is not None
    return holder.stdout.readline().strip()


def take_now(key: str, places: int = 1) -> Lease:
    lease = acquire(key, Holder("mine"), places=places)
    assert lease is not None
    return lease


def test_one_process_has_a_device_at_a_time(folder: Path) -> None:
    with process("cpu-0", "A1") as first:
        assert answer(first) == "taken"
        assert holders("cpu-0") == [Holder("A1", user="ada")]
        with process("cpu-0", "A2") as second:
            assert answer(second) == "refused"
        take_now("cpu-1").close()  # another device is another matter
        assert holders("cpu-1") == []
        first.kill()
        first.wait()
        assert holders("cpu-0") == []
        take_now("cpu-0").close()
    assert {path.name for path in folder.iterdir()} == {"cpu-0.lock", "cpu-1.lock"}


def test_a_process_cannot_take_what_it_has(folder: Path) -> None:
    lease = take_now("cpu-0")
    assert acquire("cpu-0", Holder("A2")) is None
    lease.close()
    take_now("cpu-0").close()


def test_a_lease_lasts_until_the_last_who_inherited_it_is_gone(folder: Path) -> None:
    with process("GPU-1", "A1", child="with a worker") as runner:
        worker = int(answer(runner))
        runner.send_signal(signal.SIGKILL)
        runner.wait()
        assert holders("GPU-1") == [Holder("A1", user="ada")]
        assert acquire("GPU-1", Holder("A2")) is None
        os.kill(worker, signal.SIGKILL)
        take_now("GPU-1").close()


def test_runs_that_share_a_device_take_places(folder: Path) -> None:
    with process("GPU-1", "A1", 2) as first, process("GPU-1", "A2", 2) as second:
        assert (answer(first), answer(second)) == ("taken", "taken")
        assert {each.name for each in holders("GPU-1", places=2)} == {"A1", "A2"}
        assert {each.name for each in holders("GPU-1")} == {"A1", "A2"}
        assert acquire("GPU-1", Holder("B1"), places=2) is None
        first.kill()
        first.wait()
        assert holders("GPU-1", places=2) == []
        assert [each.name for each in holders("GPU-1")] == ["A2"]
        assert acquire("GPU-1", Holder("B1")) is None  # not for itself alone
        take_now("GPU-1", 2).close()
        take_now("GPU-10", 1).close()


def test_an_exclusive_device_is_not_shared(folder: Path) -> None:
    with process("GPU-1", "A1") as alone:
        assert answer(alone) == "taken"
        assert [each.name for each in holders("GPU-1", places=2)] == ["A1"]
        assert acquire("GPU-1", Holder("A2"), places=2) is None


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b'{"experiment": 1}', pytest.param(b"[" * 100_000, id="deep"), b"\xff" * 5000]
)
def test_a_holder_with_an_unreadable_name_is_an_unknown_process(folder: Path, text: bytes) -> None:
    lease = take_now("cpu-0")
    (folder / "cpu-0.lock").write_bytes(text)
    assert [each.name for each in holders("cpu-0")] == ["an unknown process"]
    lease.close()


def test_a_past_holders_record_names_no_process(folder: Path) -> None:
    take_now("cpu-0").close()
    assert holders("cpu-0") == []
    assert holders("cpu-7") == []
    (folder / "cpu-8.lock").mkdir()
    assert holders("cpu-8") == []


def _ask(key: str, seconds: float, wrong: "multiprocessing.Queue[list[Holder]]") -> None:
    deadline = time.monotonic() + seconds
    seen = [found for _ in iter(lambda: time.monotonic() < deadline, False) if (found := holders(key))]
    wrong.put(seen[0] if seen else [])


def test_who_asks_is_not_taken_for_a_holder(folder: Path) -> None:
    take_now("GPU-1", 2).close()
    take_now("GPU-1").close()
    context = multiprocessing.get_context("fork")
    told: multiprocessing.Queue[list[Holder]] = context.Queue()
    askers = [context.Process(target=_ask, args=("GPU-1", 0.7, told)) for _ in range(3)]
    for asker in askers:
        asker.start()
    assert [told.get(timeout=20) for _ in askers] == [[], [], []]
    for asker in askers:
        asker.join()


def test_a_file_that_is_removed_while_one_waits_for_it_is_not_a_lease(folder: Path) -> None:
    """Whoever comes next would make the file anew and lock that one."""
    first = take_now("cpu-0")
    with process("cpu-0", "A2") as second:
        path = folder / "cpu-0.lock"
        deadline = time.monotonic() + 10
        while not any(str(path) == os.path.realpath(fd) for fd in _descriptors(second.pid)):
            assert time.monotonic() < deadline
            time.sleep(0.005)
        path.unlink()
        first.close()
        said = answer(second)
        third = acquire("cpu-0", Holder("A3"))
        assert (said == "taken") + (third is not None) == 1


def _descriptors(pid: int) -> list[Path]:
    return list(Path(f"/proc/{pid}/fd").iterdir())


def test_our_own_runs_are_not_doubled_even_if_the_file_is_removed(folder: Path) -> None:
    lease = take_now("cpu-0")
    (folder / "cpu-0.lock").unlink()
    lease.refresh()
    places = list_device_slots(1, 1, [DeviceUse(Item("s/A1/s42-0123456789", "A1", 42), "cpu-0", None)], Nvml(), [])
    assert [(place.room, place.holders) for place in places] == [(0, ("A1",))]
    lease.close()


def test_a_lease_that_is_held_keeps_its_file_young(folder: Path) -> None:
    lease = take_now("GPU-1", 2)
    for path in lease.paths:
        os.utime(path, (0, 0))
    lease.refresh()
    assert all(abs(time.time() - path.stat().st_mtime) < 60 for path in lease.paths)
    lease.close()


@pytest.mark.parametrize("kind", ["file", "link", "broken link"])
def test_leases_are_kept_in_a_real_folder_only(folder: Path, kind: str) -> None:
    if kind == "file":
        folder.write_text("")
    else:
        folder.symlink_to(folder.parent if kind == "link" else folder.parent / "gone")
    with pytest.raises(
        RunError, match=rf"^{folder} is not a folder, but leases are kept there; remove it, .*{VARIABLE}.*$"
    ):
        acquire("cpu-0", Holder("A1"))
    assert holders("cpu-0") == []


def test_a_folder_that_cannot_be_made_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write_text("")
    monkeypatch.setenv(VARIABLE, str(folder / "below"))
    with pytest.raises(RunError, match=rf"^the folder of leases {folder}/below cannot be made: Not a directory; "):
        acquire("cpu-0", Holder("A1"))


def test_a_lock_that_is_not_a_file_is_named(folder: Path) -> None:
    take_now("cpu-1").close()
    (folder / "cpu-0.lock").symlink_to("/etc/passwd")
    with pytest.raises(RunError, match=rf"^the lease {folder}/cpu-0.lock cannot be taken: .*{VARIABLE}"):
        acquire("cpu-0", Holder("A1"))


def as_user(uid: int, act: Callable[[], object]) -> str:
    """What `act` returns or raises in a process of that user."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)

    def work() -> None:
        become(uid)
        try:
            theirs.send(repr(act()))
        except RunError as error:
            theirs.send(str(error))

    other = context.Process(target=work)
    other.start()
    theirs.close()
    said: str = ours.recv()
    other.join()
    return said


def become(uid: int) -> None:
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)


@as_root
def test_a_folder_that_is_closed_to_this_user_is_named(open_folder: Path) -> None:
    folder = open_folder / "leases"
    open_folder.chmod(0o755)
    said = as_user(OTHERS[0], lambda: acquire("cpu-0", Holder("A1")))
    assert said.startswith(f"the folder of leases {folder} cannot be made: Permission denied; set {VARIABLE}")
    folder.mkdir(mode=0o755)
    said = as_user(OTHERS[0], lambda: acquire("cpu-0", Holder("A1")))
    assert said.startswith(f"the lease {folder}/cpu-0.lock cannot be taken: Permission denied; ")


@as_root
def test_the_folder_is_everybodys_from_the_first_moment(open_folder: Path) -> None:
    """Two users who come first at the same instant, again and again, each with a strict umask."""
    context = multiprocessing.get_context("fork")
    told, begin = context.Queue(), time.monotonic() + 0.2

    def come(uid: int) -> None:
        become(uid)
        os.umask(0o077)
        complaints = []
        for k in range(400):
            os.environ[VARIABLE] = str(open_folder / f"leases{k}")
            while time.monotonic() < begin + 0.001 * k:
                pass
            try:
                lease = acquire(f"cpu-{uid}", Holder("A1"))
                assert lease is not None
                lease.close()
            except RunError as error:
                complaints.append(str(error))
        told.put(complaints[:1])

    users = [context.Process(target=come, args=(uid,)) for uid in OTHERS]
    for user in users:
        user.start()
    assert [told.get(timeout=30) for _ in users] == [[], []]
    for user in users:
        user.join()
    assert (open_folder / "leases0").stat().st_mode & 0o7777 == 0o1777
    assert [path.stat().st_mode & 0o777 for path in (open_folder / "leases0").iterdir()] == [0o666, 0o666]


@pytest.mark.slow
@as_root
def test_two_users_race_for_a_device_and_no_two_placements_overlap(open_folder: Path) -> None:
    """1,000 of them, while others look on."""
    context = multiprocessing.get_context("fork")

    def place(uid: int, number: int) -> None:
        become(uid)
        rng = random.Random(number)
        with (open_folder / f"intervals-{number}").open("w") as file:
            for _ in range(250):
                while (lease := acquire("GPU-1", Holder(f"E{number}", user=str(uid)))) is None:
                    pass
                began = time.monotonic_ns()
                time.sleep(0.001)
                file.write(f"{began} {time.monotonic_ns()}\n")
                lease.close()
                time.sleep(rng.uniform(0, 0.004))

    def look_on() -> None:
        while True:
            holders("GPU-1")
            time.sleep(0.003)

    racers = [context.Process(target=place, args=(OTHERS[k % 2], k)) for k in range(4)]
    watcher = context.Process(target=look_on)
    for each in (*racers, watcher):
        each.start()
    for racer in racers:
        racer.join()
    watcher.kill()
    watcher.join()
    assert [racer.exitcode for racer in racers] == [0] * 4
    intervals = sorted(
        (*map(int, line.split()), OTHERS[k % 2])
        for k in range(4)
        for line in (open_folder / f"intervals-{k}").read_text().splitlines()
    )
    assert len(intervals) == 1000
    following = list(itertools.pairwise(intervals))
    assert [pair for pair in following if pair[1][0] < pair[0][1]] == []
    assert sum(one[2] != other[2] for one, other in following) > 50  # they did race
    assert holders("GPU-1") == []
