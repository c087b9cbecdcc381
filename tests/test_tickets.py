"""What must exclude processes of every host does so where locks lie: nothing is lost, and nobody waits for the dead."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from iqa_train import locks, ticket
from iqa_train.locks import LockedError, locked, locked_folder
from iqa_train.scheduler.queue import Item, edit_queue, read_queue
from iqa_train.ticket import Ticket
from tests.false_host import false_host

ROOT = Path(__file__).parents[1]
ELSEWHERE = "node7~0badb007~1~5~1~0123456789abcdef~0"  # of a process that cannot be seen from here
_EDIT = """
import sys
from dataclasses import replace
from pathlib import Path
from iqa_train.scheduler.queue import Item, edit_queue
runs, name, times = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
for count in range(times):
    with edit_queue(runs) as edit:
        others = tuple(item for item in edit.queue.items if item.experiment != name)
        mine = [item for item in edit.queue.items if item.experiment == name]
        assert [item.after for item in mine] == ([count] if count else []), (count, mine)
        edit.queue = replace(edit.queue, items=(*others, Item(f"s/{name}/s1-0", name, 1, after=count + 1)))
    print(count, flush=True)
"""
_HOLD = """
import sys, time
from pathlib import Path
from iqa_train.locks import locked
with locked(Path(sys.argv[1])) as held:
    print("held", flush=True)
    sys.stdin.readline()
    held.require()
    print("still held", flush=True)
"""


@pytest.fixture(scope="session")
def lying(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a process for which flock always succeeds and locks nothing."""
    library = false_host(tmp_path_factory.mktemp("false"))
    return os.environ | {"LD_PRELOAD": library, "FAKE_LYING_LOCKS": "/", "PYTHONPATH": str(ROOT)}


def _started(code: str, *words: str, env: dict[str, str]) -> "subprocess.Popen[str]":
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-c", code, *words], stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=env
    )


@contextmanager
def _holding(path: Path, env: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    process = _started(_HOLD, str(path), env=env)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def _edit_together(runs: Path, times: int, env: dict[str, str]) -> None:
    runs.mkdir()
    editors = [_started(_EDIT, str(runs), name, str(times), env=env) for name in ("a", "b")]
    ended = [editor.communicate(timeout=300) for editor in editors]
    assert [editor.returncode for editor in editors] == [0, 0], ended[0][1] + ended[1][1]
    assert {item.experiment: item.after for item in read_queue(runs).items} == {"a": times, "b": times}
    assert {path.name for path in runs.iterdir()} == {"queue.json", "queue.lock", ".queue.lock.ticket"}
    assert [path.name for path in (runs / ".queue.lock.ticket").iterdir()] == ["free"]


def test_two_processes_edit_the_queue_where_locks_lie(tmp_path: Path, lying: dict[str, str]) -> None:
    _edit_together(tmp_path / "runs", 100, lying)


@pytest.mark.slow
def test_they_edit_it_thousands_of_times(tmp_path: Path, lying: dict[str, str]) -> None:
    _edit_together(tmp_path / "lying", 1000, lying)
    no_locks = {name: value for name, value in lying.items() if name != "FAKE_LYING_LOCKS"} | {"FAKE_NO_LOCKS": "1"}
    _edit_together(tmp_path / "none", 200, no_locks)


@pytest.mark.slow
def test_editors_that_are_killed_in_between_lose_nothing_of_others(tmp_path: Path, lying: dict[str, str]) -> None:
    runs = tmp_path / "runs"
    runs.mkdir()
    steady = _started(_EDIT, str(runs), "a", "400", env=lying)
    for count in range(30):
        killed = _started(_EDIT, str(runs), f"b{count}", "1000", env=lying)
        assert killed.stdout is not None
        for _ in range(1 + count % 3):
            killed.stdout.readline()
        time.sleep(count % 7 / 1000)
        killed.kill()
        last = [int(line) for line in killed.communicate()[0].split()]
        (item,) = [item for item in read_queue(runs).items if item.experiment == f"b{count}"]
        assert item.after >= (last[-1] + 1 if last else 1)
    _, errors = steady.communicate(timeout=300)
    assert steady.returncode == 0, errors
    assert {item.experiment: item.after for item in read_queue(runs).items}["a"] == 400


def test_the_holder_is_named_and_waited_for_where_locks_lie(
    tmp_path: Path, lying: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(locks, "_SAY_AFTER", 0.1)
    monkeypatch.setattr(locks, "_GIVE_UP_AFTER", 0.5)
    path = tmp_path / "queue.lock"
    with _holding(path, lying) as holder:
        words = f"process {holder.pid} on host {os.uname().nodename}"
        with pytest.raises(LockedError, match=f"has been held .* by {words}"), locked(path):
            pass
        assert f"waiting for the lock {path}, held by {words}\n" in capsys.readouterr().err
        assert holder.communicate("\n")[0] == "still held\n"
    with locked(path), locked_folder(tmp_path):
        pass


def test_the_ticket_of_a_killed_process_is_taken_over_at_once(tmp_path: Path, lying: dict[str, str]) -> None:
    path = tmp_path / "queue.lock"
    with _holding(path, lying) as holder:
        holder.kill()
        holder.wait()
    assert list(tmp_path.glob(".queue.lock.ticket/*"))
    began = time.monotonic()
    with locked(path):
        pass
    assert time.monotonic() - began < 5
    assert [entry.name for entry in tmp_path.glob(".queue.lock.ticket*/*")] == ["free"]


def test_a_suspended_process_that_lost_its_ticket_learns_so(
    tmp_path: Path, lying: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ticket, "STALE", 0.5)
    path = tmp_path / "queue.lock"
    with _holding(path, lying) as holder:
        holder.send_signal(signal.SIGSTOP)
        with locked(path):
            pass
        holder.send_signal(signal.SIGCONT)
        _, errors = holder.communicate("\n")
        assert holder.returncode == 1
        assert "was taken over by another process" in errors


def test_only_one_takes_over_and_only_what_is_not_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many wait for a holder on another host, which renews for a while and then no more."""
    monkeypatch.setattr(ticket, "STALE", 0.5)
    path = tmp_path / "lock"
    folder = tmp_path / ".lock.ticket"
    folder.mkdir()
    name = ELSEWHERE
    (folder / name).touch()
    inside, most, taken = [0], [0], []
    renewing = True

    def work() -> None:
        one = Ticket(path)
        while not one.take():
            time.sleep(0.001)
        assert not renewing
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        time.sleep(0.002)
        assert one.renew()
        inside[0] -= 1
        taken.append(one)
        one.give_back()

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for count in range(20):
        after = f"{name.rpartition('~')[0]}~{count + 1}"
        (folder / name).rename(folder / after)
        name = after
        time.sleep(0.1)
    renewing = False
    for thread in threads:
        thread.join(60)
    assert (len(taken), most[0]) == (20, 1)
    assert [entry.name for entry in tmp_path.glob(".lock.ticket*/*")] == ["free"]


def test_what_a_look_missed_does_not_count_as_silence(tmp_path: Path) -> None:
    """A server that was away for an hour kept the holder from renewing, too."""
    folder = tmp_path / ".lock.ticket"
    folder.mkdir()
    (folder / ELSEWHERE).touch()
    waiting = Ticket(tmp_path / "lock")
    assert not waiting.take()
    waiting._looked -= 3600
    assert not waiting.take()
    assert waiting.holder == "process 5 on host node7"
    waiting.give_back()


def test_leftovers_are_removed_and_whatever_lies_there_is_got_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ticket, "STALE", 0.2)
    old = tmp_path / ".lock.ticket.0123456789abcdef"
    old.mkdir()
    (old / ELSEWHERE).touch()
    os.utime(old, (1, 1))
    (tmp_path / ".lock.ticket").mkdir()
    with locked(tmp_path / "lock", patient=True):
        assert not old.exists()
    (tmp_path / ".lock.ticket").mkdir()
    for name in (".nfs0000001", "what is this"):
        (tmp_path / ".lock.ticket" / name).touch()
    with locked(tmp_path / "lock"):
        pass
    assert "free" in {entry.name for entry in (tmp_path / ".lock.ticket").iterdir()}
    with locked(tmp_path / "lock"):
        pass


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_needs_no_ticket(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    tmp_path.chmod(0o555)
    try:
        with locked(tmp_path / "lock") as held:
            held.require()
    finally:
        tmp_path.chmod(0o755)


def test_an_edit_that_lost_the_lock_changes_nothing(tmp_path: Path) -> None:
    with edit_queue(tmp_path) as edit:
        edit.queue = replace(edit.queue, items=(Item("s/a/s1-0", "a", 1),))
    with pytest.raises(LockedError, match="nothing was changed"), edit_queue(tmp_path) as edit:
        edit.queue = replace(edit.queue, items=())
        (mine,) = tmp_path.glob(".queue.lock.ticket/*")
        mine.rename(mine.with_name(ELSEWHERE))
    assert len(read_queue(tmp_path).items) == 1
