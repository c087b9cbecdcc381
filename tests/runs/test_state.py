"""What became of a run, read off its files and its lock: every state, and why."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iqa_train.errors import RunError
from iqa_train.files import append_line, write_json
from iqa_train.runner.process_tree import processes_of
from iqa_train.runs.attempt_facts import worker_identity
from iqa_train.runs.identity import ProcessIdentity, boot_id, identity_of, this_process
from iqa_train.runs.layout import Attempt, RunFolder
from iqa_train.runs.marks import MARK, mark_for, mark_of, marked
from iqa_train.runs.outcome import DISK_FULL, DIVERGED, INVALID, OK, OUT_OF_MEMORY, STOPPED, UNEXPECTED, outcome_of
from iqa_train.runs.progress import run_progress
from iqa_train.runs.snapshot import read_snapshot
from iqa_train.runs.specfile import read_spec
from iqa_train.runs.state import RunState, orphaned_attempt, run_state
from iqa_train.scheduler.item_status import item_status
from iqa_train.scheduler.overview import read_overview
from iqa_train.scheduler.queue import Item, edit_queue
from iqa_train.scheduler.stop import stop_run
from tests.other_user import as_user

NAME = "s42-0123456789"
GONE = ProcessIdentity(socket.gethostname(), boot_id(), 2**22, 1)  # no Linux gives a pid so high
DAMAGED = ["", "{", '{"state": "comp', "[]", "null", "\0\0\0\0"]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return a_run(tmp_path / "runs")


def a_run(runs_dir: Path, experiment: str = "A1") -> RunFolder:
    """A run that is declared: four epochs, one round."""
    folder = RunFolder(runs_dir / "small" / experiment / NAME)
    folder.path.mkdir(parents=True)
    write_json(folder.spec, {"settings": {"epochs": 4, "train_test_num": 1, "seed": 42}})
    folder.lock.touch()
    return folder


def begin(run: RunFolder, worker: ProcessIdentity = GONE, runner: ProcessIdentity | None = None) -> Attempt:
    """An attempt whose runner has said who it is; by default both processes are gone."""
    attempt = run.next_attempt()
    attempt.folder.mkdir()
    who = runner or worker
    facts: dict[str, Any] = {
        "host": who.host,
        "boot_id": who.boot_id,
        "resumed": False,
        "log": "logs/a.log",
        "cwd": "/home/ada",
    }
    facts |= {"pid_namespace": who.namespace} if who.namespace else {}  # files of earlier versions have none
    write_json(attempt.runner, facts | {role: _who(p) for role, p in (("runner", who), ("worker", worker))})
    return attempt


def _who(process: ProcessIdentity) -> dict[str, int | None]:
    return {"pid": process.pid, "created": process.created}


def tell(attempt: Attempt, *events: dict[str, Any]) -> None:
    with attempt.metrics.open("a") as file:
        file.writelines(json.dumps(event) + "\n" for event in events)


def epoch(number: int, srcc: float = 0.5, *, best: bool = True) -> dict[str, Any]:
    return {
        "event": "epoch", "time": "2025-01-01T00:00:00+00:00", "round": 1, "epoch": number, "best": best,
        "test_srcc": srcc, "seconds": 60.0,
    }  # fmt: skip


def last_words(code: int, message: str = "") -> dict[str, Any]:
    return {"event": "end", "time": "2025-01-01T00:04:00+00:00", "code": code, "message": message}


def end(attempt: Attempt, returncode: int, said: str | None = None, **fields: object) -> None:
    write_json(attempt.exit, {"schema_version": 1, **asdict(outcome_of(returncode, said)), **fields})


def finish(run: RunFolder, **fields: object) -> None:
    write_json(run.result, {"srcc": 0.9, "stopped_early": False, "rounds": [{"epochs": 4, "seconds": 240.0}], **fields})


_HOLD = "import fcntl, sys; f = open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_EX); print(flush=True); sys.stdin.read()"


@contextmanager
def working_on(run: RunFolder) -> Iterator[ProcessIdentity]:
    """A living process that holds the run's lock, as its runner and its worker do."""
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(run.lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    try:
        yield identity_of(holder.pid)
    finally:
        holder.kill()
        holder.communicate()


def lost(reason: str) -> RunState:
    return RunState("lost", reason, can_pass=True)


def test_before_the_first_attempt(run: RunFolder) -> None:
    assert run_state(run) == RunState("queued", "not started")
    assert run_state(RunFolder(run.path.parent / "s1-0123456789")).name == "queued"
    with working_on(run):
        assert run_state(run) == RunState("starting")
    assert run_state(run).name == "queued"


def test_starting_until_the_first_event_then_running(run: RunFolder) -> None:
    with working_on(run) as process:
        attempt = begin(run, process)
        assert run_state(run) == RunState("starting")
        tell(attempt, {"event": "start"})
        assert run_state(run) == RunState("running")
    assert run_state(run) == lost("its processes died without recording an exit")


def test_the_worker_continues_without_its_runner(run: RunFolder) -> None:
    with working_on(run) as process:
        tell(begin(run, process, GONE), epoch(1))
        assert run_state(run) == RunState("running", "its runner has ended; the worker continues")


def test_a_pid_that_is_anothers_by_now_is_not_the_runner(run: RunFolder) -> None:
    mine = this_process()
    assert mine.created is not None
    with working_on(run) as process:
        tell(begin(run, process, replace(mine, created=mine.created - 1)), epoch(1))
        assert run_state(run).reason == "its runner has ended; the worker continues"
    assert run_state(run) == lost("its processes died without recording an exit")


def test_a_living_pid_alone_does_not_make_a_run(run: RunFolder) -> None:
    begin(run, this_process())
    assert run_state(run) == lost("its processes died without recording an exit")


def test_completed(run: RunFolder) -> None:
    attempt = begin(run)
    tell(attempt, *(epoch(k, k / 10) for k in range(1, 5)), last_words(OK))
    finish(run)
    assert run_state(run) == RunState("completed")  # its runner was killed: the worker's word counts
    assert run_state(run).finished
    end(attempt, 0)
    assert run_state(run) == RunState("completed")
    progress = run_progress(run, run_state(run))
    assert (progress.epoch, progress.epochs, progress.srcc, progress.seconds_left) == (4, 4, 0.9, 0.0)


def test_stopped_early(run: RunFolder) -> None:
    attempt = begin(run)
    tell(attempt, last_words(OK))
    finish(run, stopped_early=True)
    assert run_state(run) == RunState("stopped-early")
    end(attempt, 0, state="stopped-early")
    assert run_state(run) == RunState("stopped-early")
    assert run_state(run).finished


def test_a_run_that_ended_well_and_has_no_result_is_lost(run: RunFolder) -> None:
    attempt = begin(run)
    tell(attempt, last_words(OK))
    assert run_state(run) == RunState("lost", "it completed, but its result.json is missing")
    end(attempt, 0)
    assert run_state(run) == RunState("lost", "it completed, but its result.json is missing")


@pytest.mark.parametrize("closed", [True, False], ids=["by its runner", "by its worker alone"])
@pytest.mark.parametrize(
    ("code", "said", "expected"),
    [
        (UNEXPECTED, "", RunState("failed", "ended by an error; its traceback is in the log")),
        (INVALID, "batch_size 0 is too small", RunState("failed", "batch_size 0 is too small")),
        (DIVERGED, "diverged: the loss is NaN in epoch 2", RunState("failed", "diverged: the loss is NaN in epoch 2")),
        (
            OUT_OF_MEMORY, "out of memory: CUDA could not allocate 2.1 GiB; try batch_size 24",
            RunState("failed", "out of memory: CUDA could not allocate 2.1 GiB; try batch_size 24", can_pass=True),
        ),
        (DISK_FULL, "", RunState("failed", "disk full")),
        (STOPPED, "", RunState("stopped", "stopped on request; --resume continues")),
        (77, "", RunState("failed", "exit code 77")),
    ],
)  # fmt: skip
def test_failed_for_a_reason(run: RunFolder, code: int, said: str, expected: RunState, closed: bool) -> None:
    attempt = begin(run)
    tell(attempt, epoch(1), last_words(code, said))
    if closed:
        end(attempt, code, said)
    assert run_state(run) == expected


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (signal.SIGKILL, "killed by signal 9: probably the kernel's OOM killer, or a kill -9"),
        (signal.SIGSEGV, "killed by signal 11 (SIGSEGV)"),
        (40, "killed by signal 40"),
    ],
)
def test_killed_by_a_signal(run: RunFolder, number: int, reason: str) -> None:
    end(begin(run), -number)
    assert run_state(run) == RunState("killed", reason, can_pass=True)


def test_a_run_killed_on_request_is_not_retried(run: RunFolder) -> None:
    end(begin(run), -9, requested=True, reason="stopped on request, killed after 60 s; --resume continues")
    state = run_state(run)
    assert (state.name, state.requested) == ("stopped", True)
    assert phase(run) == "settled"


def _item(run: RunFolder, **fields: Any) -> Item:
    return Item(str(run.path.relative_to(run.path.parents[2])), run.path.parent.name, 42, **fields)


def phase(run: RunFolder, **fields: Any) -> str:
    """How an item of the queue for this run stands; queued before the first attempt unless `after` says otherwise."""
    return item_status(_item(run, **fields), run.path.parents[2]).phase


def test_what_can_pass_is_tried_again_and_given_up_when_nothing_comes_of_it(run: RunFolder) -> None:
    assert phase(run) == "waiting"
    for _ in range(2):
        end(begin(run), -9)
        assert phase(run, retries=2) == "waiting"
    end(begin(run), OUT_OF_MEMORY, "out of memory")
    assert phase(run, retries=2) == "settled"
    assert phase(run, retries=3) == "waiting"
    tell(begin(run), epoch(1))  # lost, but it has come further: the count starts anew
    assert phase(run, retries=2) == "waiting"
    end(begin(run), DIVERGED, "diverged")
    assert phase(run, retries=99) == "settled"


def test_without_retries_nothing_is_tried_twice(run: RunFolder) -> None:
    attempt = begin(run)
    tell(attempt, epoch(1))
    end(attempt, -9)
    assert phase(run, retries=0) == "settled"


def test_attempts_before_an_item_was_queued_do_not_count(run: RunFolder) -> None:
    end(begin(run), DIVERGED, "diverged")
    assert phase(run, after=1) == "waiting"
    assert item_status(_item(run, after=1), run.path.parents[2]).attempt == 2
    end(begin(run), 0)
    finish(run)
    assert phase(run, after=1) == phase(run, after=2) == "settled"  # it is done already
    assert phase(run, after=2, again=True) == "waiting"
    with working_on(run) as process:
        begin(run, process)
        assert phase(run, after=2, again=True) == "running"


def test_the_last_attempt_counts(run: RunFolder) -> None:
    end(begin(run), DIVERGED, "diverged")
    begin(run)
    assert run_state(run) == lost("its processes died without recording an exit")
    for _ in range(8):
        end(begin(run), -9)
    end(begin(run), 77)
    assert run_state(run).reason == "exit code 77"


def test_lost_with_the_host(run: RunFolder) -> None:
    before = replace(this_process(), boot_id="11111111-2222-3333-4444-555555555555")
    attempt = begin(run, before)
    where = f"on another host named {socket.gethostname()}"  # as far as anybody can see
    assert run_state(run) == RunState("running", where)
    beat(attempt, 600)
    assert run_state(run) == lost("host rebooted")
    tell(attempt, epoch(1), last_words(OUT_OF_MEMORY, "out of memory"))
    assert run_state(run).reason == "out of memory"  # it had left word before


ELSEWHERE = ProcessIdentity("elsewhere", "11111111-2222-3333-4444-555555555555", os.getpid(), 1)


def beat(attempt: Attempt, seconds_ago: float) -> None:
    attempt.heartbeat.touch()
    for path in (attempt.heartbeat, attempt.runner):
        os.utime(path, (time.time() - seconds_ago,) * 2)


@pytest.mark.parametrize("seconds_ago", [0, 80, -80])
def test_running_on_another_host(run: RunFolder, seconds_ago: int) -> None:
    beat(begin(run, ELSEWHERE), seconds_ago)
    assert run_state(run) == RunState("running", "on host elsewhere")


def test_lost_on_another_host(run: RunFolder) -> None:
    beat(begin(run, ELSEWHERE), 600)
    assert run_state(run) == lost("the last sign of life from host elsewhere is 10 min old")


def test_any_file_that_grows_is_a_sign_of_life(run: RunFolder) -> None:
    attempt = begin(run, ELSEWHERE)
    beat(attempt, 600)
    tell(attempt, epoch(1))
    assert run_state(run) == RunState("running", "on host elsewhere")


def test_a_sign_of_life_from_the_future_reports_it(run: RunFolder) -> None:
    beat(begin(run, ELSEWHERE), -600)
    state = run_state(run)
    assert state.reason == (
        "the last sign of life from host elsewhere is 10 min in the future: the clocks differ, or one was set"
    )
    assert not state.can_pass  # it may well be running: nothing is started in its place


def test_the_word_of_a_worker_on_another_host_counts(run: RunFolder) -> None:
    attempt = begin(run, ELSEWHERE)
    tell(attempt, epoch(1), last_words(OK))
    finish(run)
    for path in (attempt.metrics, attempt.runner):
        os.utime(path, (0, 0))
    assert run_state(run) == RunState("completed")


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_exit_file(run: RunFolder, text: str) -> None:
    attempt = begin(run)
    attempt.exit.write_text(text)
    state = run_state(run)
    assert (state.name, state.can_pass) == ("failed", False)
    assert state.reason.startswith(f"{attempt.exit} is damaged (")
    assert state.reason.endswith("; repair or remove it, or start over with --again")


def test_an_exit_file_that_lacks_what_every_version_writes(run: RunFolder) -> None:
    attempt = begin(run)
    write_json(attempt.exit, {"schema_version": 1, "state": "completed"})
    cure = "repair or remove it, or start over with --again"
    assert run_state(run) == RunState("failed", f"{attempt.exit} is damaged (no reason); {cure}")


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_runner_file_says_nothing_of_whether_it_runs(run: RunFolder, text: str) -> None:
    with working_on(run):
        attempt = begin(run)
        tell(attempt, epoch(1, 0.7))
        attempt.runner.write_text(text)
        assert run_state(run) == RunState("running")
        assert run_progress(run, run_state(run)).srcc == 0.7
    assert run_state(run) == lost("its processes died without recording an exit")
    attempt.runner.unlink()
    assert run_state(run) == lost("its processes died without recording an exit")


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_result(run: RunFolder, text: str) -> None:
    attempt = begin(run)
    end(attempt, 0)
    run.result.write_text(text)
    state = run_state(run)
    assert state.name == "failed"
    assert state.reason.startswith(f"{run.result} is damaged (")
    attempt.exit.unlink()
    tell(attempt, last_words(OK))
    assert run_state(run) == state
    assert run_progress(run, RunState("completed")).srcc is None


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_specification_changes_no_state(run: RunFolder, text: str) -> None:
    end(begin(run), 0)
    finish(run)
    run.spec.write_text(text)
    assert run_state(run) == RunState("completed")
    assert run_progress(run, run_state(run)).epochs is None
    with pytest.raises(RunError) as caught:
        read_spec(run)
    assert str(caught.value).startswith(f"{run.spec} is damaged (")
    assert "\n" not in str(caught.value)


def test_last_words_that_are_cut_short_are_none(run: RunFolder) -> None:
    attempt = begin(run)
    finish(run)
    attempt.metrics.write_text(json.dumps(epoch(1)) + "\n" + json.dumps(last_words(OK)))
    assert run_state(run) == lost("its processes died without recording an exit")
    append_line(attempt.metrics, {"event": "warning"})
    assert run_state(run).finished  # that ended the line, and it is whole


def test_progress_is_counted_over_attempts(run: RunFolder) -> None:
    first = begin(run)
    tell(first, epoch(1, 0.5), epoch(2, 0.7))
    write_json(second := begin(run).runner, json.loads(second.read_text()) | {"resumed": True})
    tell(run.attempts()[-1], epoch(2, 0.7), epoch(3, 0.6, best=False))
    progress = run_progress(run, run_state(run))
    assert (progress.epoch, progress.epochs, progress.srcc, progress.seconds_left) == (3, 4, 0.7, None)
    anew = begin(run)
    assert run_progress(run, run_state(run)).epoch == 0
    with working_on(run):
        tell(anew, epoch(1, 0.4))
        progress = run_progress(run, run_state(run))
        assert (progress.epoch, progress.srcc, progress.seconds_left) == (1, 0.4, 180.0)


def test_the_first_epochs_estimate_stays_while_it_is_validated(run: RunFolder) -> None:
    with working_on(run):
        attempt = begin(run)
        progress_line = {"event": "progress", "time": "2025-01-01T00:00:00+00:00", "epoch": 1, "unit": "crops"}
        tell(attempt, progress_line | {"stage": "training", "done": 100, "total": 100, "rate": 10.0})
        assert run_progress(run, run_state(run)).seconds_left == 30.0
        tell(attempt, progress_line | {"stage": "validation", "done": 1, "total": 40, "rate": 400.0})
        progress = run_progress(run, run_state(run))
        assert (progress.stage, progress.seconds_left) == ("validation 2 %", 30.0)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-300, 300) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
WHOLE: dict[str, dict[str, Any]] = {
    "attempt-01/exit.json": asdict(outcome_of(0, None)),
    "attempt-01/runner.json": {
        "host": socket.gethostname(), "boot_id": boot_id(), "resumed": False, "log": "a.log", "cwd": "/",
        "device": {"key": "cpu-0", "label": "CPU slot 0"}, "runner": _who(GONE), "worker": _who(GONE),
    },
    "attempt-01/metrics.jsonl": epoch(1) | last_words(OK) | {"event": "end"},
    "result.json": {"srcc": 0.9, "stopped_early": False, "rounds": [{"epochs": 4, "seconds": 240.0}]},
    "spec.json": {"settings": {"epochs": 4, "train_test_num": 1}},
}  # fmt: skip


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_the_files_hold_there_is_a_state_and_no_error(tmp_path: Path, data: st.DataObject) -> None:
    """Each file as it is written, or missing, or with one value changed for another of any type."""
    with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
        runs_dir = Path(folder)
        path = runs_dir / "small" / "A1" / NAME
        (path / "attempt-01").mkdir(parents=True)
        for name, whole in WHOLE.items():
            fate = data.draw(st.sampled_from(["whole", "whole", "missing", "changed"]), name)
            document = dict(whole)
            if fate == "changed":
                document[data.draw(st.sampled_from(sorted(whole)))] = data.draw(json_values)
            if fate != "missing":
                (path / name).write_text(json.dumps(document) + "\n")
        state = run_state(RunFolder(path))
        assert state.name in {"completed", "stopped-early", "failed", "killed", "lost", "running"}
        assert isinstance(state.reason, str)
        (row,) = read_overview(runs_dir).rows
        json.dumps(row.as_json())


def as_another_user(act: Callable[[], object]) -> object:
    """What `act` returns in a process that is not root's; skips where there is no changing users."""
    if os.getuid() != 0:
        pytest.skip("only root can be another user")
    return as_user(65534, act)


@pytest.fixture
def open_runs() -> Iterator[Path]:
    """A runs folder that every user may enter."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize("closed", ["", "attempt-01", "attempt-01/exit.json", "attempt-01/runner.json", "result.json"])
def test_what_cannot_be_read_is_named_and_hides_nothing_else(open_runs: Path, closed: str) -> None:
    run, other = a_run(open_runs, "A1"), a_run(open_runs, "A2")
    attempt = begin(run)
    if closed.endswith("runner.json"):
        tell(attempt, epoch(1))
    else:
        end(attempt, 0)
    finish(run)
    end(begin(other), 77)
    (run.path / closed).chmod(0)
    items = (_item(run), _item(other))
    with edit_queue(open_runs) as edit:
        edit.queue = replace(edit.queue, items=items)

    def seen() -> list[tuple[str, str]]:
        assert item_status(items[0], open_runs).phase == "settled"
        state = run_state(run)
        return [(state.name, state.reason), *((row.state, row.reason) for row in read_overview(open_runs).rows)]

    said = as_another_user(seen)
    assert isinstance(said, list)
    assert said[0][0] == "lost"
    assert said[0][1].startswith(str(run.path))
    assert said[0][1].endswith(" cannot be read: Permission denied")
    assert said[1:] == [said[0], ("failed", "exit code 77")]


def test_events_that_cannot_be_read_stop_nothing_else(open_runs: Path) -> None:
    run, other = a_run(open_runs, "A1"), a_run(open_runs, "A2")
    attempt = begin(run)
    tell(attempt, epoch(1))
    attempt.metrics.chmod(0)
    end(attempt, -9)
    end(begin(other), 77)
    items = (_item(run), _item(other))
    with edit_queue(open_runs) as edit:
        edit.queue = replace(edit.queue, items=items, slots=1)
    said = as_another_user(lambda: [item_status(i, open_runs).state.name for i in items])
    assert said == ["killed", "failed"]
    assert [row.experiment for row in read_overview(open_runs).rows] == ["A1", "A2"]
    said = as_another_user(lambda: [row.experiment for row in read_overview(open_runs).rows])
    assert said == ["A1", "A2"]


# In another container of this machine: same boot, another PID namespace, the same host's name.

CONTAINER = replace(GONE, namespace=1)
INSIDE = f"in another container of this machine (host name {socket.gethostname()})"


def test_a_run_in_another_container_is_alive_while_its_lock_is_held(run: RunFolder) -> None:
    attempt = begin(run, CONTAINER)
    tell(attempt, epoch(1))
    with working_on(run):
        assert run_state(run) == RunState("running", INSIDE)
        assert run_state(run).elsewhere
        assert orphaned_attempt(read_snapshot(run)) is None
        for path in (attempt.runner, attempt.metrics):
            os.utime(path, (0, 0))
        assert run_state(run) == RunState("running", f"{INSIDE}, without a sign of life since {_epoch_zero()}")


def _epoch_zero() -> str:
    return f"{datetime.fromtimestamp(0):%Y-%m-%d %H:%M}"


def test_a_run_whose_lock_cannot_be_seen_is_left_alone_until_it_is_silent(run: RunFolder) -> None:
    attempt = begin(run, CONTAINER)
    beat(attempt, 60)
    assert run_state(run) == RunState("running", INSIDE)
    beat(attempt, 600)
    place = INSIDE.removeprefix("in ")
    assert run_state(run) == lost(f"the last sign of life from {place} is 10 min old")
    attempt.stop.touch()
    assert run_state(run).name == "stopped"


# Suspended processes.


@contextmanager
def suspended(process: ProcessIdentity) -> Iterator[str]:
    """A process that is stopped; gives what is to be said of it."""
    os.kill(process.pid, signal.SIGSTOP)
    while not process.suspended:
        time.sleep(0.01)
    yield f"(process {process.pid}); `kill -CONT {process.pid}` continues it"
    os.kill(process.pid, signal.SIGCONT)


def test_a_suspended_worker_has_no_eta(run: RunFolder) -> None:
    with working_on(run) as process:
        attempt = begin(run, process, this_process())
        tell(attempt, epoch(1), epoch(2))
        os.utime(attempt.metrics, (0, 0))
        with suspended(process) as words:
            state = run_state(run)
            assert state == RunState("suspended", f"suspended since about {_epoch_zero()} {words}")
            assert state.suspended
            progress = run_progress(run, state)
            assert (progress.epoch, progress.seconds_left) == (2, None)
        while process.suspended:
            time.sleep(0.01)
        assert run_state(run) == RunState("running")
        assert run_progress(run, run_state(run)).seconds_left is not None


def test_a_worker_continues_whose_runner_is_suspended(run: RunFolder) -> None:
    with working_on(run) as worker:
        runner = subprocess.Popen(["sleep", "60"])
        try:
            attempt = begin(run, worker, identity_of(runner.pid))
            tell(attempt, epoch(1))
            with suspended(identity_of(runner.pid)) as words:
                state = run_state(run)
                assert state == RunState("running", f"the worker continues, but its runner is suspended {words}")
                assert not state.suspended
        finally:
            runner.kill()
            runner.wait()


# A runner that was killed before it could write its worker down.


@contextmanager
def marked_process(run: RunFolder, attempt: Attempt, *words: str) -> Iterator[ProcessIdentity]:
    """A process of the attempt in a session of its own, with the run's lock."""
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(run.lock), *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env=os.environ | {MARK: mark_for(attempt.folder)}, start_new_session=True,
    )  # fmt: skip
    assert holder.stdout is not None
    holder.stdout.readline()
    try:
        yield identity_of(holder.pid)
    finally:
        holder.kill()
        holder.communicate()


def test_an_unrecorded_worker_is_found_by_its_mark(run: RunFolder) -> None:
    attempt = begin(run)
    facts = json.loads(attempt.runner.read_text())
    write_json(attempt.runner, facts | {"worker": None})
    tell(attempt, epoch(1))
    with marked_process(run, attempt, str(run.path), str(attempt.folder)) as worker:
        assert run_state(run) == RunState("running", "its runner has ended; the worker continues")
        assert worker_identity(attempt, facts | {"worker": None}) == worker
        assert orphaned_attempt(read_snapshot(run)) is None
    with marked_process(run, attempt):
        assert run_state(run).reason.startswith("runner and worker have ended, but a process that they started")
        assert orphaned_attempt(read_snapshot(run)) == attempt
    assert orphaned_attempt(read_snapshot(run)) is None
    assert run_state(run) == lost("its processes died without recording an exit")


def test_the_mark_of_another_folder_by_the_same_name_counts_for_nothing(run: RunFolder, tmp_path: Path) -> None:
    """Two containers may have each its own folder at one path: what a process sees there is what counts."""
    attempt = begin(run)
    if os.getuid() != 0:
        pytest.skip("only root may mount")
    other = tmp_path / "other"
    other.mkdir()
    script = 'mount --bind "$1" "$2" && mkdir -p "$3" && echo && exec sleep 60'
    container = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", script, "sh", str(other), str(run.path), str(attempt.folder)],
        env=os.environ | {MARK: mark_for(attempt.folder)}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert container.stdout is not None
        if not container.stdout.readline():
            pytest.skip("no namespaces may be made here")
        while b"sleep" not in Path(f"/proc/{container.pid}/cmdline").read_bytes():  # exec clears it for a moment
            time.sleep(0.01)
        assert mark_of(container.pid) == mark_for(attempt.folder)
        assert marked(attempt.folder) == []
        assert processes_of(attempt.folder) == []
    finally:
        container.kill()
        container.communicate()


def test_another_users_run_is_not_stopped_and_not_marked_as_stopped(open_runs: Path) -> None:
    run = a_run(open_runs)
    with working_on(run) as process:
        attempt = begin(run, process)
        tell(attempt, epoch(1))
        for path in [open_runs, *open_runs.rglob("*")]:
            path.chmod(0o777)
        said = as_another_user(lambda: (stop_run(run, 1.0), run_state(run).reason))
        assert said == (f"is another user's (process {process.pid}): only that user or root can stop it", "")
        assert process.alive
        assert not attempt.stop.exists()
