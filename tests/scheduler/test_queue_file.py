"""The queue's file: what is wanted, changed by several at once, and never lost."""

import json
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iqa_train.errors import RunError, UsageError
from iqa_train.files import write_json
from iqa_train.scheduler.queue import Item, Queue, added, edit_queue, moved, read_queue, removed


def item(experiment: str, batch: int = 1, **fields: object) -> Item:
    return Item(f"small/{experiment}/s42-0123456789", experiment, 42, batch=batch, **fields)  # type: ignore[arg-type]


def names(queue: Queue) -> list[tuple[str, int]]:
    return [(each.experiment, each.batch) for each in queue.items]


def put(runs_dir: Path, queue: Queue) -> None:
    with edit_queue(runs_dir) as edit:
        edit.queue = queue


FULL = Queue(
    (
        item("A1", 2, batch_name="Batch 2", gpu=1, pinned=True, minutes=20.0, memory_gib=8.5, after=1, again=True,
             retries=0, code="0123456789ab", logs_dir="logs/ü", command=("iqa-train", "--exp", "A1"), told=True),
        item("A2"),
    ),
    policy="greedy", paused=True, slots=2, runs_per_gpu=3, notify={"small": {"command": "true", "on": ["run-failed"]}},
)  # fmt: skip


def test_a_queue_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_queue(tmp_path / "runs") == Queue()
    (tmp_path / "runs").mkdir()
    put(tmp_path / "runs", FULL)
    assert read_queue(tmp_path / "runs") == FULL


@pytest.mark.parametrize(
    ("queue", "says"),
    [
        (Queue((item("A1", retries=10**20),)), "exceeds 64 bits"),
        (Queue((item("A1", slurm={"cpus": 10**20}),)), "exceeds 64 bits"),
        (Queue((item("A1", minutes=float("inf")),)), "not JSON compliant"),
        (Queue((item("A1"),), slots=4097), "slots cannot be 4097"),
        (Queue((item("A1"),), policy="x"), "policy cannot be 'x'"),
    ],
)
def test_a_queue_that_could_not_be_read_back_is_not_written(tmp_path: Path, queue: Queue, says: str) -> None:
    put(tmp_path, FULL)
    with pytest.raises(UsageError, match=f"the queue stays as it was, because it could not be read back: .*{says}"):
        put(tmp_path, queue)
    assert read_queue(tmp_path) == FULL


def test_an_edit_that_changes_nothing_writes_nothing(tmp_path: Path) -> None:
    put(tmp_path, Queue())
    assert not (tmp_path / "queue.json").exists()
    put(tmp_path, FULL)
    before = (tmp_path / "queue.json").stat()
    put(tmp_path, FULL)
    after = (tmp_path / "queue.json").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_an_edit_that_fails_changes_nothing(tmp_path: Path) -> None:
    put(tmp_path, FULL)
    with pytest.raises(ZeroDivisionError), edit_queue(tmp_path) as edit:
        edit.queue = removed(edit.queue, [FULL.items[0].key])
        raise ZeroDivisionError
    assert read_queue(tmp_path) == FULL
    put(tmp_path, Queue())  # the lock has been let go of


def test_what_is_added_comes_after_all_that_is_there() -> None:
    queue = added(Queue(), [item("A1"), item("A2", 2)])
    queue = added(queue, [item("B1"), item("B2", 2)])
    assert names(queue) == [("A1", 1), ("A2", 2), ("B1", 3), ("B2", 4)]
    again = added(queue, [item("A2", retries=9)])
    assert names(again) == [("A1", 1), ("B1", 3), ("B2", 4), ("A2", 5)]
    assert again.items[-1].retries == 9


def test_what_is_removed_is_gone_and_the_rest_as_it_was() -> None:
    queue = Queue((item("A1"), item("A2", 2), item("B1", 3)))
    assert names(removed(queue, [item("A2").key, "no such run"])) == [("A1", 1), ("B1", 3)]
    assert removed(queue, []) == queue


@pytest.mark.parametrize(
    ("who", "to", "expected"),
    [
        (["B2"], 1, [("B2", 1), ("A1", 1), ("A2", 2), ("B1", 2)]),
        (["B2"], 2, [("A1", 1), ("B2", 2), ("A2", 2), ("B1", 2)]),
        (["A1"], 4, [("A2", 2), ("B1", 2), ("B2", 3), ("A1", 3)]),
        (["A1"], 99, [("A2", 2), ("B1", 2), ("B2", 3), ("A1", 3)]),
        (["B2", "A2"], 1, [("A2", 1), ("B2", 1), ("A1", 1), ("B1", 2)]),
        (["A1", "A2", "B1", "B2"], 3, [("A1", 1), ("A2", 2), ("B1", 2), ("B2", 3)]),
    ],
)
def test_what_is_moved_joins_the_batch_that_it_moves_into(
    who: list[str], to: int, expected: list[tuple[str, int]]
) -> None:
    queue = Queue((item("A1"), item("A2", 2), item("B1", 2), item("B2", 3)))
    assert names(moved(queue, [item(name).key for name in who], to)) == expected


@given(st.lists(st.integers(1, 4), max_size=8), st.data())
def test_moving_loses_nothing_and_keeps_batches_in_order(batches: list[int], data: st.DataObject) -> None:
    queue = Queue(tuple(item(f"E{k}", batch) for k, batch in enumerate(sorted(batches))))
    keys = [each.key for each in queue.items if data.draw(st.booleans())]
    after = moved(queue, keys, data.draw(st.integers(1, 9)))
    assert sorted(each.key for each in after.items) == sorted(each.key for each in queue.items)
    rest = [each for each in queue.items if each.key not in keys]
    assert [each for each in after.items if each.key not in keys] == rest
    if rest:
        assert [each.batch for each in after.items] == sorted(each.batch for each in after.items)


def test_a_moved_run_keeps_the_gpu_that_it_is_bound_to() -> None:
    queue = Queue((item("A1", gpu=0), item("A2", gpu=1), item("B1", 2, gpu=1, pinned=True)))
    (bound, *_) = moved(queue, [item("B1").key], 1).items
    assert (bound.experiment, bound.gpu, bound.pinned) == ("B1", 1, True)


def test_items_are_found_by_experiment_or_run() -> None:
    queue = Queue((item("A1"), replace(item("A1"), run="small/A1/s43-0123456789", seed=43), item("Baseline")))
    assert [each.seed for each in queue.find("A1")] == [42, 43]
    assert [each.seed for each in queue.find("small/A1/s43-0123456789")] == [43]
    with pytest.raises(UsageError, match=r'^"baselin" is not in the queue; did you mean "Baseline"\?$'):
        queue.find("baselin")


CUT_SHORT = ["", "{", '{"items": [{"run": "small/A1/s4', "[]", "null", "\0\0\0\0", b"\xff\xfe".decode("latin-1")]
RUN = {"run": "small/A1/s42-0123456789", "experiment": "A1", "seed": 42}
WRONG = [
    {}, {"items": None}, {"items": 5}, {"items": "A1"}, {"items": {"A1": 1}}, {"items": ["A1"]}, {"items": [{}]},
    {"items": [RUN | {"command": 5}]},
    {"items": [RUN | {"run": 5}]}, {"items": [RUN | {"seed": "42"}]}, {"items": [RUN | {"batch": "1"}]},
    {"items": [RUN | {"gpu": "0"}]}, {"items": [RUN | {"retries": None}]}, {"items": [RUN | {"memory_gib": "8"}]},
    {"items": [RUN | {"command": "iqa-train"}]},
    {"items": [], "policy": "fastest"}, {"items": [], "paused": "no"}, {"items": [], "slots": "2"},
    {"items": [], "slots": 0}, {"items": [], "runs_per_gpu": None}, {"items": [], "notify": []},
]  # fmt: skip


@pytest.mark.parametrize("text", [*CUT_SHORT, *map(json.dumps, WRONG)])
def test_a_damaged_file_is_named_and_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "queue.json"
    path.write_text(text, encoding="latin-1")

    def read() -> None:
        read_queue(tmp_path)

    def edit() -> None:
        put(tmp_path, FULL)

    for act in (read, edit):
        with pytest.raises(RunError) as caught:
            act()
        words = str(caught.value)
        assert words.startswith(f"{path} is damaged")
        assert "move it away" in words
        assert "\n" not in words
    assert path.read_text(encoding="latin-1") == text


def test_commands_do_not_replace_a_damaged_file(
    tmp_path: Path, empty: Callable[..., "multiprocessing.process.BaseProcess"]
) -> None:
    path = tmp_path / "runs" / "queue.json"
    path.parent.mkdir()
    path.write_text('{"items": [{"run": "small/A1/s4')
    for words in (["status"], ["queue", "pause"], ["stop", "--all"]):
        empty(*words, code=1)
    assert path.read_text() == '{"items": [{"run": "small/A1/s4'


def test_what_a_later_version_adds_is_skipped(tmp_path: Path) -> None:
    put(tmp_path, FULL)
    path = tmp_path / "queue.json"
    later = json.loads(path.read_text()) | {"schema_version": 2, "colour": "red"}
    later["items"] = [each | {"shape": ["round"]} for each in later["items"]]
    write_json(path, later)
    assert read_queue(tmp_path) == FULL


def test_what_an_earlier_version_lacks_has_its_default(tmp_path: Path) -> None:
    write_json(tmp_path / "queue.json", {"schema_version": 1, "items": [RUN]})
    assert read_queue(tmp_path) == Queue((item("A1"),))


def _add_many(runs_dir: Path, editor: int, count: int) -> None:
    for k in range(count):
        with edit_queue(runs_dir) as edit:
            edit.queue = added(edit.queue, [item(f"E{editor}.{k}")])


def test_eight_simultaneous_additions_lose_nothing(tmp_path: Path) -> None:
    """And who reads meanwhile sees every state whole."""
    context = multiprocessing.get_context("fork")
    editors = [context.Process(target=_add_many, args=(tmp_path, k, 12)) for k in range(8)]
    for editor in editors:
        editor.start()
    seen = [0]
    while any(editor.is_alive() for editor in editors):
        seen.append(len(read_queue(tmp_path).items))
        time.sleep(0.002)
    assert [editor.exitcode for editor in editors] == [0] * 8
    assert seen == sorted(seen)
    assert len(set(seen)) > 10
    queue = read_queue(tmp_path)
    assert {each.experiment for each in queue.items} == {f"E{e}.{k}" for e in range(8) for k in range(12)}
    assert [each.batch for each in queue.items] == list(range(1, 97))
    for number in range(8):
        own = [each.experiment for each in queue.items if each.experiment.startswith(f"E{number}.")]
        assert own == [f"E{number}.{k}" for k in range(12)]


def test_an_editor_killed_at_any_instant_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    context, rng, before = multiprocessing.get_context("fork"), random.Random(0), 0
    for k in range(20):
        editor = context.Process(target=_add_many, args=(tmp_path, k, 1000))
        editor.start()
        assert editor.pid is not None
        deadline = time.monotonic() + 60
        while len(read_queue(tmp_path).items) == before and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.05))
        os.kill(editor.pid, signal.SIGKILL)
        editor.join()
        own = [each.experiment for each in read_queue(tmp_path).items][before:]
        assert own == [f"E{k}.{n}" for n in range(len(own))]
        before += len(own)
    assert before >= 20
    put(tmp_path, Queue())  # no lock is left behind
