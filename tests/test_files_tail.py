"""The end of a long file, found from its end; and locks that anyone may ask about."""

import fcntl
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from iqa_train.files import tail_offset
from iqa_train.locks import is_held, lock_now

BLOCK = 1 << 16  # what is read at a time: lines about as long are where it can go wrong


def last_lines(content: bytes, lines: int) -> bytes:
    return b"".join(content.splitlines(keepends=True)[-lines:]) if lines else b""


def tail(content: bytes, lines: int) -> bytes:
    return content[tail_offset(io.BytesIO(content), lines) :]


@given(st.lists(st.sampled_from([b"\n", b"a", b"bc\n", b"\n\n"]), max_size=12).map(b"".join), st.integers(0, 15))
@example(b"", 3)
@example(b"\n", 1)
@example(b"a", 1)
def test_the_last_lines_of_a_short_file(content: bytes, lines: int) -> None:
    assert tail(content, lines) == last_lines(content, lines)


near_a_block = st.sampled_from([0, 1, 100, BLOCK // 2, BLOCK - 2, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK - 1])


@settings(max_examples=150, deadline=None)
@given(st.lists(near_a_block, max_size=6), st.booleans(), st.integers(0, 7))
def test_the_last_lines_of_a_file_of_several_blocks(lengths: list[int], ended: bool, lines: int) -> None:
    content = b"\n".join(b"x" * length for length in lengths) + b"\n" * (ended and bool(lengths))
    assert tail(content, lines) == last_lines(content, lines)


def test_a_file_as_long_as_a_disk_takes_no_time(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    with path.open("wb") as file:
        file.truncate(1 << 36)  # a hole: nothing but zeros, and no disk is used
        file.seek(0, os.SEEK_END)
        file.write(b"\none\ntwo\n")
    began = time.monotonic()
    with path.open("rb") as file:
        file.seek(tail_offset(file, 2))
        assert file.read() == b"one\ntwo\n"
    assert time.monotonic() - began < 1


_HOLD = "import fcntl, sys; f = open(sys.argv[1]); fcntl.flock(f, int(sys.argv[2])); print(flush=True); input()"


def holder(lock: Path, kind: int = fcntl.LOCK_EX) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(lock), str(kind)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def end(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_a_lock_is_held_as_long_as_a_process_lives(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    assert not is_held(lock)
    assert not lock.exists()  # asking makes nothing
    lock.touch()
    assert not is_held(lock)
    process = holder(lock)
    assert is_held(lock)
    end(process)
    assert not is_held(lock)


def test_many_may_ask_at_once(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.touch()
    asking = holder(lock, fcntl.LOCK_SH)
    assert not is_held(lock)
    end(asking)


def test_a_lock_is_taken_or_refused_at_once(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.touch()
    with lock.open() as mine:
        process = holder(lock)
        began = time.monotonic()
        assert not lock_now(mine.fileno())
        assert not lock_now(mine.fileno(), shared=True)
        assert time.monotonic() - began < 1
        end(process)
        assert lock_now(mine.fileno())
        assert is_held(lock)
        assert lock_now(mine.fileno(), shared=True)  # made into a shared one
        assert not is_held(lock)


def test_patience_outlasts_who_only_asks(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.touch()
    process = holder(lock, fcntl.LOCK_SH)
    killer = subprocess.Popen(["sh", "-c", f"sleep 0.2; kill -9 {process.pid}"])
    with lock.open() as mine:
        began = time.monotonic()
        assert lock_now(mine.fileno(), patience=10)
        assert 0.1 < time.monotonic() - began < 5
        process.communicate()
        killer.wait()
    process = holder(lock)
    with lock.open() as mine:
        began = time.monotonic()
        assert not lock_now(mine.fileno(), patience=0.1)
        assert 0.1 <= time.monotonic() - began < 5
    end(process)


def test_a_lock_on_what_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        is_held(tmp_path / "file" / "lock")
