"""Files that are whole or not there, through crashes, full disks and several writers."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iqa_train.files import (
    LineFollower,
    UnreadableValueError,
    append_line,
    cache_root,
    json_bytes,
    parse_json,
    read_json,
    read_lines,
    readable,
    write_atomic,
    write_json,
)
from iqa_train.locks import locked
from tests.small_disk import small_disk


def test_replacing_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    write_atomic(path, b"old")
    write_atomic(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_replacement_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    write_json(path, {"srcc": 0.9})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"srcc": float("nan")})
    with pytest.raises(TypeError):
        write_atomic(path, "text")  # type: ignore[arg-type]  # fails after the temporary file is open
    assert json.loads(path.read_text()) == {"srcc": 0.9}
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_file_alone(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 64) as disk:
        path = disk / "result.json"
        write_atomic(path, b"old")
        with pytest.raises(OSError, match="No space left"):
            write_atomic(path, b"x" * 100_000)
        assert path.read_bytes() == b"old"
        assert list(disk.iterdir()) == [path]


def test_a_reader_sees_all_of_the_old_or_all_of_the_new(tmp_path: Path) -> None:
    path = tmp_path / "queue.json"
    write_json(path, [0] * 20_000)
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITE_FOREVER, str(path)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[1]
    )
    assert writer.stdout is not None
    writer.stdout.readline()
    seen = set()
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        values = json.loads(path.read_text())
        assert len(values) == 20_000
        seen.add(frozenset(values))
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    assert len(set(json.loads(path.read_text()))) == 1  # whole after the kill, too
    assert len(seen) > 1
    assert all(len(values) == 1 for values in seen)


_WRITE_FOREVER = """
import itertools, sys
from pathlib import Path
from iqa_train.files import write_json
for k in itertools.count(1):
    write_json(Path(sys.argv[1]), [k] * 20_000)
    if k == 1:
        print("started", flush=True)
"""


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.integers(-(1 << 70), 1 << 70)
    | st.text(st.characters() | st.characters(categories=["Cs"]) | st.just("\0"), max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@settings(deadline=None)
@given(value=st.dictionaries(st.text(max_size=3), _JSON, max_size=3), levels=st.sampled_from([0, 0, 0, 62, 70, 2000]))
def test_what_is_written_is_read_back_and_all_else_leaves_the_files_alone(value: dict[str, Any], levels: int) -> None:
    for _ in range(levels):
        value = {"": value}
    with TemporaryDirectory() as folder:
        path, lines = Path(folder) / "queue.json", Path(folder) / "metrics.jsonl"
        write_json(path, {"k": 0})
        append_line(lines, {"k": 0})
        try:
            write_json(path, value)
        except UnreadableValueError:
            assert read_json(path) == {"k": 0}
            with pytest.raises(UnreadableValueError):
                append_line(lines, value)
            assert list(read_lines(lines)) == [{"k": 0}]
        else:
            assert read_json(path) == value
            append_line(lines, value)
            assert list(read_lines(lines)) == [{"k": 0}, value]


@given(st.text(st.characters() | st.characters(categories=["Cs"]) | st.just("\0")))
def test_the_words_of_any_program_can_be_written(words: str) -> None:
    assert parse_json(json_bytes([readable(words)])) == [readable(words)]


def test_appended_lines_are_read_in_order(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    assert list(read_lines(path)) == []
    events = [{"k": k, "text": "é\u2028\n"} for k in range(5)]
    for event in events:
        append_line(path, event)
    assert list(read_lines(path)) == events
    assert LineFollower(path).new_events() == events


@pytest.mark.parametrize("remains", ['{"k": 1, "te', '{"k": 1}', "{", '{"text": "\\u00'])
def test_a_line_cut_short_spoils_itself_alone(tmp_path: Path, remains: str) -> None:
    path = tmp_path / "metrics.jsonl"
    append_line(path, {"k": 0})
    with path.open("a") as file:
        file.write(remains)
    assert list(read_lines(path)) == [{"k": 0}]  # not ended, so not read, even where it looks whole
    append_line(path, {"k": 2})
    whole = [{"k": 1}] if remains == '{"k": 1}' else []
    assert list(read_lines(path)) == [{"k": 0}, *whole, {"k": 2}]
    assert LineFollower(path).new_events() == [{"k": 0}, *whole, {"k": 2}]


def test_lines_that_are_not_objects_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'\n[1]\n"text"\nnull\n{"k": 1}\n\xff\xfe{}\n{"k": 2}}\n{"k": 3}\n')
    assert list(read_lines(path)) == [{"k": 1}, {"k": 3}]


def test_numbers_that_json_lacks_are_not_appended(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    with pytest.raises(ValueError, match="not JSON compliant"):
        append_line(path, {"loss": float("inf")})
    assert not path.exists()


def test_a_full_disk_is_an_error_and_the_next_line_is_whole(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 64) as disk:
        path, ballast = disk / "metrics.jsonl", disk / "ballast"
        append_line(path, {"k": 0})
        room = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        ballast.write_bytes(b"x" * room)
        with pytest.raises(OSError, match="No space left"):
            append_line(path, {"text": "x" * 10_000})
        ballast.unlink()
        append_line(path, {"k": 2})
        assert list(read_lines(path)) == [{"k": 0}, {"k": 2}]


def _append_many(path: Path, writer: int, count: int) -> None:
    for k in range(count):
        append_line(path, {"writer": writer, "k": k, "text": str(writer) * 3000})


def test_lines_of_several_processes_do_not_mix(tmp_path: Path) -> None:
    path, count = tmp_path / "metrics.jsonl", 200
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_append_many, args=(path, k, count)) for k in range(4)]
    for process in writers:
        process.start()
    for process in writers:
        process.join()
        assert process.exitcode == 0
    events = list(read_lines(path))
    assert path.read_bytes().count(b"\n") == len(events) == 4 * count
    for k in range(4):
        own = [event for event in events if event["writer"] == k]
        assert [event["k"] for event in own] == list(range(count))
        assert {event["text"] for event in own} == {str(k) * 3000}


def _add_one(path: Path, count: int) -> None:
    for _ in range(count):
        with locked(path.parent / "locks" / "lock"):
            path.write_text(str(int(path.read_text()) + 1))


def test_a_lock_lets_one_in_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "number"
    path.write_text("0")
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_add_one, args=(path, 100)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert path.read_text() == "300"


def test_following_a_growing_file(tmp_path: Path) -> None:
    path = tmp_path / "log"
    follower = LineFollower(path)
    assert follower.new_text() == ""
    with path.open("wb", buffering=0) as file:
        file.write(b"one\ntw")
        assert follower.new_text() == "one\n"
        assert follower.new_text() == ""
        file.write("o é".encode()[:-1])
        assert follower.new_text() == ""
        file.write("é".encode()[-1:] + b"\n\xff\n")
        assert follower.new_text() == "two é\n\N{REPLACEMENT CHARACTER}\n"
        file.write((b"x" * 999 + b"\n") * 3000)
        text = "".join(iter(follower.new_text, ""))
    assert text == ("x" * 999 + "\n") * 3000


def test_caches_go_where_the_user_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_root() == tmp_path / ".cache" / "iqa-train"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_root() == tmp_path / "xdg" / "iqa-train"
    assert cache_root("~/pixels") == tmp_path / "pixels"
