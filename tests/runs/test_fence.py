"""A superseded attempt changes nothing of its run, at whatever instant it is superseded, whether it sees that or not.

Python tells an audit hook of every call that touches a file. So the instants are all there are: before each of them the
other side acts, as if the process had been suspended there.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import pytest

from iqa_train.files import append_line, write_json
from iqa_train.runs.counted_result import epochs_of
from iqa_train.runs.fence import FencedWriter, Superseded, Writer, drop_unfinished, fence_off, is_over, later_attempt
from iqa_train.runs.identity import origin_facts
from iqa_train.runs.layout import Attempt, RunFolder
from iqa_train.runs.metrics import epoch_events
from iqa_train.runs.outcome import SUPERSEDED, outcome_of
from iqa_train.runs.snapshot import read_snapshot

INSTANTS = """
import json, sys, tempfile
from contextlib import suppress
from pathlib import Path
import numpy as np
import torch
from iqa_train.runs.fence import FencedWriter, Superseded, fence_off
from iqa_train.runs.layout import Attempt, RunFolder
from iqa_train.runs.predictions import Predictions, write_predictions
from iqa_train.stats.opinions import Opinions
from iqa_train.training.checkpoint import Checkpoint, save_checkpoint

FILES = {"open", "os.rename", "os.mkdir", "os.rmdir", "os.remove", "os.scandir", "os.listdir", "os.chmod"}
calls, act, at = 0, None, 0

def hook(event, arguments):
    global calls, act
    if act is not None and event in FILES:
        calls += 1
        if calls == at:
            now, act = act, None
            now()

sys.addaudithook(hook)

def table(value, beside):
    names, numbers = ("a", "b"), np.array([value, value + 1])
    more = (names, Opinions(numbers, numbers)) if beside else (None, None)
    return Predictions(names, numbers, numbers, *more)

def work(run, writer, value, beside=True):
    writer.write_json(run.result, {"value": value})
    save_checkpoint(run.round(1, 1).last, Checkpoint({"x": torch.tensor(value)}, {"epoch": 1}), writer, owner="me")
    write_predictions(run.round(1, 1).predictions("test"), table(value, beside), writer)

def contents(run):
    files = [p for p in run.path.rglob("*") if p.is_file() and not any("attempt" in part for part in p.parts)]
    return {str(p.relative_to(run.path)): p.read_bytes().hex() for p in files}

def begun(folder):
    run = RunFolder(Path(folder))
    attempt = Attempt(run.path / "attempt-01")
    attempt.folder.mkdir()
    writer = FencedWriter(run, attempt)
    writer.open()
    work(run, writer, 1.0)
    return run, attempt, writer

def supersede(run, attempt, seen):
    if seen:
        (run.path / "attempt-02").mkdir()
    fence_off(attempt, 2)

def one(k, seen, side):
    "Whether the instant k exists; AssertionError where something reached the run too late."
    global calls, act, at
    with tempfile.TemporaryDirectory() as folder:
        run, attempt, writer = begun(folder)
        after = {}
        def other():
            if side == "fence":
                supersede(run, attempt, seen)
                after.update(contents(run))
            else:
                with suppress(Superseded):
                    work(run, writer, 2.0, beside=False)
        calls, at, act = 0, k, other
        try:
            work(run, writer, 2.0, beside=False) if side == "fence" else supersede(run, attempt, seen)
        except Superseded:
            assert side == "fence"
        finally:
            there, act = calls >= k, None
        if there and side == "fence":
            assert contents(run) == after, k
        if not there:
            return False
        final = contents(run)
        try:
            work(run, writer, 3.0)
            raise AssertionError("it still writes")
        except Superseded:
            assert contents(run) == final
        assert attempt.writing.is_file()
        assert not [p for p in attempt.folder.iterdir() if p != attempt.writing]
        return True

counts = {}
for side in ("fence", "work"):
    for seen in (True, False):
        k = 1
        while one(k, seen, side):
            k += 1
        counts[f"{side} {seen}"] = k - 1
print(json.dumps(counts))
"""


@pytest.mark.slow
def test_at_every_instant_of_every_kind_of_write() -> None:
    done = subprocess.run([sys.executable, "-c", INSTANTS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    print(counts)
    assert counts["fence False"] > 25
    assert counts["work True"] >= 4


def _begun(folder: Path) -> tuple[RunFolder, Attempt]:
    run = RunFolder(folder)
    attempt = run.next_attempt()
    attempt.folder.mkdir(parents=True)
    return run, attempt


def test_against_a_writer_that_does_not_wait(tmp_path: Path) -> None:
    """A thousand writes a second from another thread, fenced off in the middle of one."""
    for k in range(60):
        run, attempt = _begun(tmp_path / str(k))
        writer = FencedWriter(run, attempt)
        writer.open()
        ended: list[BaseException] = []

        def write(writer: FencedWriter = writer, path: Path = run.result, ended: list[BaseException] = ended) -> None:
            try:
                for number in range(1_000_000):
                    writer.write(path, str(number).encode())
            except (Superseded, OSError) as error:
                ended.append(error)

        thread = Thread(target=write)
        thread.start()
        while not run.result.exists():
            time.sleep(0)
        run.next_attempt().folder.mkdir()
        fence_off(attempt, 2)
        then = run.result.read_bytes()
        thread.join()
        assert run.result.read_bytes() == then
        assert isinstance(ended[0], Superseded), ended


def test_a_worker_that_has_yet_to_begin_is_kept_out(tmp_path: Path) -> None:
    run, attempt = _begun(tmp_path)
    fence_off(attempt, 2)
    fence_off(attempt, 3)
    with pytest.raises(Superseded, match="superseded by a later attempt"):
        FencedWriter(run, attempt).open()
    _begun(tmp_path)
    with pytest.raises(Superseded, match="superseded by attempt 2, which continues the run"):
        FencedWriter(run, attempt).open()
    assert attempt.writing.read_text() == "superseded by attempt 2, which continues the run\n"


def test_a_folder_that_is_gone_is_no_later_attempt(tmp_path: Path) -> None:
    run, attempt = _begun(tmp_path / "run")
    writer = FencedWriter(run, attempt)
    writer.open()
    assert later_attempt(run, attempt) is None
    run.path.rename(tmp_path / "elsewhere")
    assert later_attempt(run, attempt) is None
    with pytest.raises(FileNotFoundError):
        writer.write_json(run.result, {})
    assert not run.path.exists()


def test_what_was_being_written_is_dropped_at_an_end(tmp_path: Path) -> None:
    run, attempt = _begun(tmp_path)
    FencedWriter(run, attempt).open()
    (attempt.writing / "last.safetensors").write_bytes(b"half")
    (attempt.writing / "output-01").mkdir()
    (attempt.writing / "output-01" / "x").touch()
    drop_unfinished(attempt)
    drop_unfinished(attempt)
    assert list(attempt.folder.iterdir()) == []


def test_every_writer_leaves_the_same_files(tmp_path: Path) -> None:
    run, attempt = _begun(tmp_path)
    fenced = FencedWriter(run, attempt)
    fenced.open()
    for writer, name in ((Writer(), "one"), (fenced, "other")):
        path = run.path / f"{name}.json"
        writer.write_json(path, {"a": "é\udcff"})
        (run.path / name).mkdir()
        with writer.replacing(run.path / name / "file") as staged:
            staged.write_bytes(b"content")
        writer.remove(run.path / "missing")
        writer.write(run.path / "removed", b"")
        writer.remove(run.path / "removed")
    assert (run.path / "one.json").read_bytes() == (run.path / "other.json").read_bytes()
    assert (run.path / "one.json").stat().st_mode == (run.path / "other.json").stat().st_mode
    assert sorted(p.name for p in run.path.iterdir()) == ["attempt-01", "one", "one.json", "other", "other.json"]
    assert [p.name for p in (run.path / "other").iterdir()] == ["file"]
    assert list(attempt.writing.iterdir()) == []


def test_an_attempt_is_over_when_that_can_be_seen(tmp_path: Path) -> None:
    _, attempt = _begun(tmp_path)
    assert is_over(attempt)
    write_json(attempt.runner, origin_facts())
    assert is_over(attempt)
    write_json(attempt.runner, origin_facts() | {"boot_id": "another", "host": "elsewhere"})
    assert not is_over(attempt)
    write_json(attempt.exit, {"state": "killed", "reason": "", "exit_code": SUPERSEDED, "signal": None})
    assert is_over(attempt)


def _told(attempt: Attempt, *epochs: int) -> None:
    for number in epochs:
        append_line(attempt.metrics, {"event": "epoch", "round": 1, "epoch": number, "epochs": 9})


def test_an_epoch_told_too_late_does_not_count(tmp_path: Path) -> None:
    run, first = _begun(tmp_path)
    _told(first, 1, 2, 3)
    _, second = _begun(tmp_path)
    write_json(second.runner, origin_facts() | {"resumed": True, "took_over": {"1": 3}})
    _told(first, 4, 5)
    _told(second, 4)
    assert [event["epoch"] for event in epoch_events(run)] == [1, 2, 3, 4]
    found = read_snapshot(run)
    assert [event["epoch"] for event in epochs_of(found) or ()] == [1, 2, 3, 4]
    _, third = _begun(tmp_path)
    write_json(third.runner, origin_facts() | {"resumed": True, "took_over": {"1": 5, "2": 1}})
    _told(second, 5)
    assert [event["epoch"] for event in epoch_events(run)] == [1, 2, 3, 4]


def test_a_superseded_worker_has_a_code_of_its_own() -> None:
    outcome = outcome_of(SUPERSEDED, None)
    assert (outcome.state, outcome.exit_code, outcome.interrupted, outcome.can_pass) == ("killed", 8, False, True)
    assert outcome.reason == "superseded by a later attempt, which continues the run"
