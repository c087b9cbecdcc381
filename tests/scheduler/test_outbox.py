"""Ends that people are to be notified of: on disk until every channel has taken them, whoever is killed meanwhile."""

import json
import multiprocessing
import os
import shutil
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from iqa_train.files import write_json
from iqa_train.scheduler import courier as courier_module
from iqa_train.scheduler import outbox, scheduler
from iqa_train.scheduler import queue_edits as orders
from iqa_train.scheduler.courier import Courier
from iqa_train.scheduler.outbox import entries, is_due, with_ends_recorded, with_studies_recorded
from iqa_train.scheduler.queue import Item, Queue, edit_queue, read_queue
from iqa_train.scheduler.scheduler_lock import SchedulerLock

ALL = ["run-ended", "run-failed", "study-ended", "study-failed"]
NAMES = ("Baseline", "A1", "A2")


def ended_runs(runs_dir: Path, told: Path) -> Queue:
    """A queue whose three runs have just ended, one without a result; whoever is notified writes a line into `told`."""
    items = []
    for name in NAMES:
        item = Item(f"small/{name}/s42-0123456789", name, 42)
        attempt = runs_dir / item.run / "attempt-01"
        attempt.mkdir(parents=True)
        state = "failed" if name == "A2" else "completed"
        facts = {"reason": "", "exit_code": 1 if name == "A2" else 0, "signal": None, "requested": False}
        write_json(attempt / "exit.json", {"state": state, **facts})
        write_json(runs_dir / item.run / "result.json", {"srcc": 0.9})
        items.append(item)
    command = f'echo "$IQA_TRAIN_EVENT $IQA_TRAIN_EXPERIMENT" >> {told}'
    queue = Queue(tuple(items), notify={"small": {"command": command, "on": ALL}})
    with edit_queue(runs_dir) as edit:
        edit.queue = queue
    return queue


ENDS = ["run-ended A1", "run-ended Baseline", "run-failed A2", "study-failed"]


def delivered(told: Path) -> list[str]:
    return sorted(line.strip() for line in told.read_text().splitlines()) if told.exists() else []


def record_all(runs_dir: Path) -> None:
    with edit_queue(runs_dir) as edit:
        edit.queue = with_studies_recorded(with_ends_recorded(edit.queue, runs_dir), runs_dir)


def a_courier(runs_dir: Path, said: list[str]) -> Courier:
    return Courier(runs_dir, read_queue(runs_dir).notify.get, said.append)


def deliver_all(courier: Courier, patience: float = 10) -> None:
    deadline = time.monotonic() + patience
    while courier.look():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# What is recorded.


def test_an_end_is_recorded_once_and_named_by_itself(tmp_path: Path) -> None:
    queue = ended_runs(tmp_path, tmp_path / "told")
    record_all(tmp_path)
    first = sorted(path.name for path in (tmp_path / "notify").iterdir())
    assert len(first) == 4
    assert all(item.told for item in read_queue(tmp_path).items)
    with edit_queue(tmp_path) as edit:  # as if the process had been killed before it marked the queue
        edit.queue = queue
    record_all(tmp_path)
    assert sorted(path.name for path in (tmp_path / "notify").iterdir()) == first


def test_without_notifications_nothing_is_recorded(tmp_path: Path) -> None:
    queue = ended_runs(tmp_path, tmp_path / "told")
    assert is_due(queue, tmp_path)
    with edit_queue(tmp_path) as edit:
        edit.queue = replace(edit.queue, notify={})
    record_all(tmp_path)
    assert entries(tmp_path) == []
    assert not is_due(read_queue(tmp_path), tmp_path)


@pytest.mark.parametrize("how", ["clear", "remove", "queued once more"])
def test_what_leaves_the_queue_in_the_moment_of_its_end_is_recorded_first(tmp_path: Path, how: str) -> None:
    ended_runs(tmp_path, tmp_path / "told")
    if how == "clear":
        orders.clear(tmp_path)
    elif how == "remove":
        orders.remove(list(NAMES), tmp_path)
    else:
        with edit_queue(tmp_path) as edit:
            edit.queue = replace(edit.queue, items=tuple(replace(item, after=1) for item in edit.queue.items))
    there = [(entry.notification.event, entry.notification.experiment) for entry in entries(tmp_path)]
    runs = [("run-ended", "A1"), ("run-ended", "Baseline"), ("run-failed", "A2")]
    closed = [] if how == "queued once more" else [("study-failed", "")]
    assert sorted(there) == sorted([*runs, *closed])
    assert bool(read_queue(tmp_path).ended) == (how == "queued once more")


def test_a_record_holds_no_secret_and_no_path_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    ended_runs(tmp_path / "runs", tmp_path / "told")
    record_all(tmp_path / "runs")
    texts = [path.read_text() for path in (tmp_path / "runs" / "notify").iterdir()]
    assert not any(str(tmp_path) in text or "echo" in text for text in texts)
    shutil.move(tmp_path / "runs", tmp_path / "elsewhere")
    (one, *_) = [entry for entry in entries(tmp_path / "elsewhere") if entry.notification.experiment == "A1"]
    assert one.notification.run_dir == str(tmp_path / "elsewhere" / "small/A1/s42-0123456789")


ODD: tuple[object, ...] = ("x", -10, 99, 2.5, [1], {"a": []}, None, True)


def _record() -> dict[str, Any]:
    ended = {"event": "run-ended", "study": "small", "experiment": "A1", "seed": 42, "state": "completed", "reason": ""}
    rest = {"srcc": 0.5, "run_dir": "", "log": "", "host": "h", "time": "2026-01-01", "counts": {}}
    return {"schema_version": 1, "news": ended | rest, "taken": [], "tries": 0, "due": 0.0}


@pytest.mark.parametrize("name", ["taken", "tries", "due", *(f"news.{name}" for name in _record()["news"])])
def test_any_value_in_any_place_of_a_record_is_delivered_or_set_aside(tmp_path: Path, name: str) -> None:
    """Whatever the record says, the courier neither fails nor keeps it for ever."""
    (tmp_path / "notify").mkdir()
    for k, value in enumerate(ODD):
        record = _record()
        (record["news"] if "." in name else record)[name.rpartition(".")[2]] = value
        (tmp_path / "notify" / f"A1-{k}.json").write_text(json.dumps(record))
    courier = Courier(tmp_path, lambda _: {"command": "true", "on": ALL}, lambda _: None)
    deliver_all(courier)
    assert {path.suffix for path in (tmp_path / "notify").iterdir()} <= {".damaged"}


def test_a_folder_in_place_of_a_record_blocks_no_other_record(tmp_path: Path) -> None:
    (tmp_path / "notify" / "A1-0.json").mkdir(parents=True)
    (tmp_path / "notify" / "A1-0.damaged" / "more").mkdir(parents=True)
    assert entries(tmp_path) == []
    assert not is_due(Queue(), tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"news": 5}', '{"news": {"event": 3}, "taken": [], "due": 0}'])
def test_a_damaged_record_is_set_aside_and_harms_no_other(tmp_path: Path, text: str) -> None:
    ended_runs(tmp_path, tmp_path / "told")
    record_all(tmp_path)
    (tmp_path / "notify" / "A1-0.json").write_text(text)
    assert len(entries(tmp_path)) == 4
    assert (tmp_path / "notify" / "A1-0.damaged").read_text() == text


# How it is delivered.


def test_a_courier_delivers_in_order_and_blocks_nothing(tmp_path: Path) -> None:
    queue = ended_runs(tmp_path, tmp_path / "told")
    record_all(tmp_path)
    said: list[str] = []
    command = f"sleep 0.2; {queue.notify['small']['command']}"
    courier = Courier(tmp_path, lambda _: {"command": command, "on": ALL}, said.append)
    began = time.monotonic()
    assert courier.look()
    assert time.monotonic() - began < 0.15
    deliver_all(courier)
    assert delivered(tmp_path / "told") == ENDS
    assert (tmp_path / "told").read_text().splitlines()[-1].strip() == "study-failed"
    assert said == []
    assert list((tmp_path / "notify").iterdir()) == []


def test_a_channel_that_fails_is_tried_again_alone_and_given_up_with_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (outbox, courier_module):
        monkeypatch.setattr(module, "PAUSES", (0.05, 0.1))
    queue = ended_runs(tmp_path, tmp_path / "told")
    with edit_queue(tmp_path) as edit:
        config = queue.notify["small"] | {"webhook": "http://127.0.0.1:9/secret", "on": ["study-failed"]}
        edit.queue = replace(queue, notify={"small": config})
    record_all(tmp_path)
    said: list[str] = []
    deliver_all(a_courier(tmp_path, said))
    assert delivered(tmp_path / "told") == ["study-failed"]
    assert [words.rpartition("; ")[2] for words in said] == [
        "tried again in 0.05 s", "tried again in 0.1 s", "given up after 3 tries",
    ]  # fmt: skip
    assert "secret" not in "".join(said)


def test_tries_are_counted_across_restarts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (outbox, courier_module):
        monkeypatch.setattr(module, "PAUSES", (0.01, 0.01, 0.01))
    ended_runs(tmp_path, tmp_path / "told")
    with edit_queue(tmp_path) as edit:
        edit.queue = replace(edit.queue, notify={"small": {"command": "exit 3", "on": ["study-failed"]}})
    record_all(tmp_path)
    said: list[str] = []
    deadline = time.monotonic() + 10
    while len(said) < 4 and time.monotonic() < deadline:
        courier = a_courier(tmp_path, said)
        courier.look()
        time.sleep(0.05)
        courier.finish()
    assert [words.rpartition("; ")[2] for words in said][-1] == "given up after 4 tries"
    assert entries(tmp_path) == []


def test_a_clock_set_back_delays_nothing_for_long(tmp_path: Path) -> None:
    ended_runs(tmp_path, tmp_path / "told")
    record_all(tmp_path)
    replace(entries(tmp_path)[0], due=time.time() + 365 * 86400).save(tmp_path)
    assert entries(tmp_path)[0].wait <= 0


# Whoever is killed, and when.


class _Killed:
    """Ends the process, as kill -9 does, at the Nth instant: before or after a file is written or removed, or sent."""

    def __init__(self, at: int) -> None:
        self.at, self.count = at, 0

    def tick(self) -> None:
        self.count += 1
        if self.count == self.at:
            os._exit(9)

    def around(self, function: Any) -> Any:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self.tick()
            value = function(*args, **kwargs)
            self.tick()
            return value

        return wrapped


def _schedule(runs_dir: Path, at: int) -> None:
    """Be the scheduler, in a process of its own, and be killed at an instant."""
    killed = _Killed(at)
    import iqa_train.files as files
    import iqa_train.scheduler.notify as notify_module

    files.write_atomic = killed.around(files.write_atomic)  # type: ignore[assignment]
    Path.unlink = killed.around(Path.unlink)  # type: ignore[method-assign]
    notify_module._run = killed.around(notify_module._run)
    scheduler._SHORTEST, scheduler._MAX_LOAD_SHARE = 0.01, 0
    with Path(os.devnull).open("w") as nowhere:
        scheduler.sys.stdout = nowhere  # type: ignore[attr-defined]
        post = SchedulerLock(runs_dir)
        assert post.take()
        scheduler.Scheduler(runs_dir, post).work()
        os._exit(0)


def _end_of(runs_dir: Path, at: int) -> int | None:
    process = multiprocessing.get_context("fork").Process(target=_schedule, args=(runs_dir, at))
    process.start()
    process.join(20)
    return process.exitcode


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_every_end_is_delivered_whenever_the_scheduler_is_killed(tmp_path: Path, step: int) -> None:
    instants = 0
    for at in range(1, 200, step):
        runs_dir = tmp_path / str(at)
        runs_dir.mkdir()
        told = tmp_path / f"told-{at}"
        ended_runs(runs_dir, told)
        code = _end_of(runs_dir, at)
        if code == 9:
            assert _end_of(runs_dir, -1) == 0
        found = Counter(delivered(told))
        assert set(found) == set(ENDS), (at, found)
        assert max(found.values()) <= (2 if code == 9 else 1), (at, found)
        assert sum(found.values()) <= len(ENDS) + 1, (at, found)
        if code == 0:
            instants = at - 1
            break
    assert instants > 20
    assert json.loads((runs_dir / "queue.json").read_text())["ended"] == []
