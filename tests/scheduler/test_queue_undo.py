"""A change of the queue is undone to the last byte, or refused with a sentence where it no longer applies."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iqa_train.errors import UsageError
from iqa_train.scheduler.queue import POLICIES, Item, Queue, Rounds, added, edit_queue, moved_past, read_queue
from iqa_train.scheduler.queue_edits import move_by, pause, remove, set_policy
from iqa_train.scheduler.queue_undo import Change, undo

NAMES = ("Baseline", "A1", "A2", "B1", "B2")


def item(name: str, batch: int = 1, **fields: object) -> Item:
    return Item(f"small/{name}/s42-0123456789", name, 42, batch=batch, batch_name=f"Batch {batch}", **fields)  # type: ignore[arg-type]


def put(runs_dir: Path, queue: Queue) -> None:
    """With the folders of the runs, as if they had just been queued."""
    for one in queue.items:
        (runs_dir / one.run).mkdir(parents=True, exist_ok=True)
    with edit_queue(runs_dir) as edit:
        edit.queue = queue


def names(runs_dir: Path) -> list[str]:
    return [one.experiment for one in read_queue(runs_dir).items]


QUEUES = st.lists(
    st.tuples(st.sampled_from(NAMES), st.integers(1, 3), st.booleans()), unique_by=lambda one: one[0]
).map(
    lambda drawn: Queue(
        tuple(item(name, batch, gpu=batch, pinned=pinned) for name, batch, pinned in sorted(drawn, key=lambda d: d[1])),
        paused=True,
        rounds={"small": Rounds((item("A1"),))},
    )
)
EDITS = st.one_of(
    st.tuples(st.just("move"), st.sampled_from(NAMES), st.sampled_from([-1, 1])),
    st.tuples(st.just("remove"), st.sampled_from(NAMES), st.just(0)),
    st.tuples(st.just("policy"), st.sampled_from(POLICIES), st.just(0)),
    st.tuples(st.just("pause"), st.just(""), st.just(0)),
)


def do(edit: tuple[str, str, int], runs_dir: Path, changes: list[Change]) -> None:
    what, name, by = edit
    key = item(name).run
    if what == "move":
        move_by(key, by, runs_dir, changes)
    elif what == "remove":
        remove([key], runs_dir, changes=changes)
    elif what == "policy":
        set_policy(name, runs_dir, changes)
    else:
        pause(runs_dir, changes)


@settings(max_examples=25, deadline=None)
@given(queue=QUEUES, edits=st.lists(EDITS, max_size=6))
def test_what_is_done_and_undone_was_never_done(queue: Queue, edits: list[tuple[str, str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        runs_dir = Path(folder)
        put(runs_dir, queue)
        changes: list[Change] = []
        before: list[Queue] = []
        for edit in edits:
            now = read_queue(runs_dir)
            try:
                do(edit, runs_dir, changes)
            except UsageError:  # not in the queue, or the first already
                assert read_queue(runs_dir) == now
            if len(changes) > len(before):
                before.append(now)
        for was in reversed(before):
            undo(changes.pop(), runs_dir)
            assert read_queue(runs_dir) == was
        assert read_queue(runs_dir) == queue


FIVE = Queue((item("Baseline"), item("A1"), item("A2", 2), item("B1", 2), item("B2", 3)), paused=True)


@pytest.mark.parametrize(
    ("who", "past", "expected"),
    [
        ("A1", "Baseline", [("A1", 1), ("Baseline", 1), ("A2", 2), ("B1", 2), ("B2", 3)]),
        ("A2", "A1", [("Baseline", 1), ("A2", 1), ("A1", 1), ("B1", 2), ("B2", 3)]),
        ("A1", "A2", [("Baseline", 1), ("A2", 2), ("A1", 2), ("B1", 2), ("B2", 3)]),
        ("B2", "Baseline", [("B2", 1), ("Baseline", 1), ("A1", 1), ("A2", 2), ("B1", 2)]),
    ],
)
def test_a_run_that_passes_another_is_in_its_batch(who: str, past: str, expected: list[tuple[str, int]]) -> None:
    found = moved_past(FIVE, item(who).run, item(past).run)
    assert [(one.experiment, one.batch) for one in found.items] == expected
    assert {one.batch_name for one in found.items if one.batch == 2} <= {"Batch 2"}


def _queue_b3(queue: Queue) -> Queue:
    return added(queue, [item("B3")])


def test_runs_that_were_queued_meanwhile_stay(tmp_path: Path) -> None:
    put(tmp_path, FIVE)
    changes: list[Change] = []
    remove([item("A2").run], tmp_path, changes=changes)
    put(tmp_path, _queue_b3(read_queue(tmp_path)))
    undo(changes[0], tmp_path)
    assert names(tmp_path) == [*NAMES, "B3"]


def _moved(queue: Queue) -> Queue:
    return moved_past(queue, item("B2").run, item("B1").run)


def _queued_again(queue: Queue) -> Queue:
    return added(queue, [item("A2")])


def _begun(queue: Queue) -> Queue:
    return queue


@pytest.mark.parametrize(
    ("meanwhile", "why"),
    [
        (_moved, "other runs have been moved or removed since"),
        (_queued_again, "a run has been queued again since"),
        (_begun, "A2 \\(seed 42\\) is "),
    ],
)
def test_it_is_refused_where_it_no_longer_applies(
    tmp_path: Path, meanwhile: Callable[[Queue], Queue], why: str
) -> None:
    put(tmp_path, FIVE)
    changes: list[Change] = []
    remove([item("A2").run], tmp_path, changes=changes)
    put(tmp_path, meanwhile(read_queue(tmp_path)))
    if meanwhile is _begun:
        (tmp_path / item("A2").run / "attempt-01").mkdir()
    left = read_queue(tmp_path)
    with pytest.raises(UsageError, match=f"nothing undone: {why}"):
        undo(changes[0], tmp_path)
    assert read_queue(tmp_path) == left


def test_a_policy_that_was_changed_again_stays(tmp_path: Path) -> None:
    put(tmp_path, FIVE)
    changes: list[Change] = []
    set_policy("greedy", tmp_path, changes)
    put(tmp_path, replace(read_queue(tmp_path), policy="batches"))
    with pytest.raises(UsageError, match='the policy is batches now, so "policy greedy" cannot be taken back'):
        undo(changes[0], tmp_path)
