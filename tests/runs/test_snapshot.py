"""States and item statuses follow from snapshots alone; a document is read once, and again when it has changed."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from iqa_train.files import append_line, write_json
from iqa_train.runs.document_cache import Damage
from iqa_train.runs.documents import ExitFacts
from iqa_train.runs.layout import Attempt, QueueFiles, RunFolder
from iqa_train.runs.metrics import Metrics
from iqa_train.runs.outcome import STOPPED
from iqa_train.runs.progress import RunProgress, progress_of
from iqa_train.runs.snapshot import (
    AttemptSnapshot,
    Liveness,
    Origin,
    ProcessSnapshot,
    RunSnapshot,
    SnapshotReader,
    read_snapshot,
)
from iqa_train.runs.state import SILENCE, RunState, orphaned_attempt, state_of
from iqa_train.scheduler.item_status import ItemStatus, status_of
from iqa_train.scheduler.queue import Item
from tests.runs.test_state import a_run, begin, end, epoch, finish, tell

RUN = RunFolder(Path("runs/small/A1/s42-0123456789"))
NOW = 1_750_000_000.0
AWAKE, ASLEEP, TRACED = ProcessSnapshot(7, "S"), ProcessSnapshot(7, "T"), ProcessSnapshot(7, "t")
GONE = ProcessSnapshot(7)
OTHER_HOST, THIS_HOST = Origin(False, "host ada"), Origin(here=True)
EARLIER_BOOT = Origin(False, "another host named ada", earlier_boot=True)
ATTEMPT = Attempt(RUN.path / "attempt-01")


def attempted(
    *,
    ended: ExitFacts | Damage | None = None,
    locked: bool | Damage | None = False,
    live: Liveness | Damage | None = None,
    metrics: Metrics | Damage | None = None,
    result: dict[str, object] | Damage | None = None,
    number: int = 1,
) -> RunSnapshot:
    """A run whose last attempt is as given."""
    attempts = tuple(
        AttemptSnapshot(Attempt(RUN.path / f"attempt-{n:02d}"), metrics=metrics) for n in range(1, number + 1)
    )
    return RunSnapshot(RUN, attempts, ended, locked, live, result=result, time=NOW)  # type: ignore[arg-type]


def closed(state: str = "completed", code: int | None = 0, number: int | None = None, reason: str = "") -> ExitFacts:
    return {"state": state, "reason": reason, "exit_code": code, "signal": number}


def alive(**facts: object) -> RunSnapshot:
    return attempted(locked=True, live=Liveness(**{"begun": True, "runner": AWAKE, "worker": AWAKE, **facts}))  # type: ignore[arg-type]


def ended_by(code: int, message: str = "") -> Metrics:
    return Metrics(end={"event": "end", "code": code, "message": message})


def away(origin: Origin, age: float) -> RunSnapshot:
    return attempted(live=Liveness(origin, last_sign=NOW - age))


LOCK_DENIED = Damage("runs/small/A1/lock cannot be read: Permission denied", unreadable=True)
CUT_SHORT = Damage("exit.json is damaged (no state)")
MEND = "exit.json is damaged (no state); repair or remove it, or start over with --again"
CLOCK = f"{datetime.fromtimestamp(NOW):%Y-%m-%d %H:%M}"
WAKE = "suspended{} (process 7); `kill -CONT 7` continues it"

STATES = {
    "queued": (RunSnapshot(RUN), RunState("queued", "not started")),
    "its runner starts": (RunSnapshot(RUN, locked=True), RunState("starting")),
    "lock denied": (RunSnapshot(RUN, locked=LOCK_DENIED), RunState("lost", LOCK_DENIED.words)),
    "folder denied": (RunSnapshot(RUN, LOCK_DENIED), RunState("lost", LOCK_DENIED.words)),
    "no event yet": (alive(begun=False), RunState("starting")),
    "running": (alive(), RunState("running")),
    "no runner known": (alive(runner=None, worker=None), RunState("running")),
    "worker suspended": (alive(worker=ASLEEP), RunState("suspended", WAKE.format(""))),
    "since": (alive(worker=ASLEEP, worker_sign=NOW), RunState("suspended", WAKE.format(f" since about {CLOCK}"))),
    "debugged": (alive(worker=TRACED), RunState("suspended", "held by a debugger (process 7)")),
    "runner suspended": (
        alive(runner=ASLEEP),
        RunState("running", f"the worker continues, but its runner is {WAKE.format('')}"),
    ),
    "both gone": (
        alive(runner=GONE, worker=GONE),
        RunState(
            "running",
            "runner and worker have ended, but a process that they started is still running: iqa-train stop ends it",
        ),
    ),
    "elsewhere": (alive(origin=OTHER_HOST, last_sign=NOW - 1), RunState("running", "on host ada")),
    "elsewhere, silent": (
        alive(origin=OTHER_HOST, last_sign=NOW - SILENCE - 1),
        RunState(
            "running", f"on host ada, without a sign of life since {datetime.fromtimestamp(NOW - 91):%Y-%m-%d %H:%M}"
        ),
    ),
    "elsewhere, seen by its sign": (away(OTHER_HOST, 5), RunState("running", "on host ada")),
    "elsewhere, lost": (
        away(OTHER_HOST, 600),
        RunState("lost", "the last sign of life from host ada is 10 min old", can_pass=True),
    ),
    "elsewhere, of the future": (
        away(OTHER_HOST, -600),
        RunState(
            "lost",
            "the last sign of life from host ada is 10 min in the future: the clocks differ, or one was set",
        ),
    ),
    "rebooted": (
        attempted(live=Liveness(EARLIER_BOOT, rebooted=True)),
        RunState("lost", "host rebooted", can_pass=True),
    ),
    "died": (
        attempted(live=Liveness(THIS_HOST)),
        RunState("lost", "its processes died without recording an exit", can_pass=True),
    ),
    "stopped, runner killed": (
        attempted(live=Liveness(THIS_HOST, stop_requested=True)),
        RunState("stopped", "stopped on request; --resume continues", requested=True),
    ),
    "worker done, runner killed": (
        attempted(live=Liveness(THIS_HOST), metrics=ended_by(0), result={}),
        RunState("completed"),
    ),
    "worker done early": (
        attempted(live=Liveness(THIS_HOST), metrics=ended_by(0), result={"stopped_early": True}),
        RunState("stopped-early"),
    ),
    "worker diverged": (attempted(metrics=ended_by(3, "diverged")), RunState("failed", "diverged")),
    "completed": (attempted(ended=closed(), result={}), RunState("completed")),
    "result gone": (attempted(ended=closed()), RunState("lost", "it completed, but its result.json is missing")),
    "result damaged": (attempted(ended=closed(), result=CUT_SHORT), RunState("failed", MEND)),
    "failed": (attempted(ended=closed("failed", 1, reason="x")), RunState("failed", "x")),
    "killed": (attempted(ended=closed("killed", None, 9, "by 9")), RunState("killed", "by 9", can_pass=True)),
    "exit damaged": (attempted(ended=CUT_SHORT), RunState("failed", MEND)),
    "exit without sense": (
        attempted(ended=closed("asleep")),
        RunState("failed", f"{ATTEMPT.exit} is damaged (unknown state or exit code); --again starts the run over"),
    ),
    "metrics damaged": (attempted(metrics=CUT_SHORT), RunState("failed", MEND)),
}


@pytest.mark.parametrize(("found", "state"), STATES.values(), ids=STATES)
def test_a_state_follows_from_a_snapshot(found: RunSnapshot, state: RunState) -> None:
    assert state_of(found) == state


def test_what_is_suspended_or_elsewhere_is_marked_so() -> None:
    assert [state_of(alive(worker=who)).suspended for who in (AWAKE, ASLEEP, TRACED)] == [False, True, True]
    assert state_of(alive(runner=ASLEEP)).suspended is False
    assert state_of(alive(runner=ASLEEP, worker=None)).suspended is True
    assert state_of(away(OTHER_HOST, 5)).elsewhere
    assert state_of(alive(origin=OTHER_HOST, last_sign=NOW)).elsewhere


def test_only_an_attempt_without_runner_and_worker_is_orphaned() -> None:
    assert orphaned_attempt(alive(runner=GONE, worker=GONE)) == ATTEMPT
    assert orphaned_attempt(alive(runner=GONE, worker=None, others=True)) == ATTEMPT
    for found in (alive(), alive(runner=GONE), alive(runner=GONE, worker=None), RunSnapshot(RUN), away(OTHER_HOST, 5)):
        assert orphaned_attempt(found) is None


ITEM = Item("small/A1/s42-0123456789", "A1", 42)
KILLED = attempted(ended=closed("killed", None, 9))
ONE_EPOCH = Metrics(({"event": "epoch", "round": 1, "epoch": 1},))


@pytest.mark.parametrize(
    ("item", "found", "phase", "attempt"),
    [
        (ITEM, RunSnapshot(RUN), "waiting", 1),
        (ITEM, RunSnapshot(RUN, is_there=False), "settled", 1),
        (ITEM, RunSnapshot(RUN, LOCK_DENIED), "settled", 0),
        (ITEM, alive(), "running", 2),
        (ITEM, attempted(ended=closed(), result={}), "settled", 2),
        (replace(ITEM, after=1), attempted(ended=closed(), result={}), "settled", 2),
        (replace(ITEM, after=1, again=True), attempted(ended=closed(), result={}), "waiting", 2),
        (replace(ITEM, after=1), KILLED, "waiting", 2),
        (ITEM, KILLED, "waiting", 2),
        (replace(ITEM, retries=0), KILLED, "settled", 2),
        (ITEM, attempted(ended=closed("killed", None, 9), number=4), "settled", 5),
        (ITEM, attempted(ended=closed("killed", None, 9), number=4, metrics=ONE_EPOCH), "waiting", 5),
        (ITEM, attempted(ended=closed("killed", None, 9), number=4, metrics=CUT_SHORT), "settled", 5),
        (ITEM, attempted(ended=closed("failed", 1)), "settled", 2),
    ],
)
def test_a_status_follows_from_an_item_and_a_snapshot(item: Item, found: RunSnapshot, phase: str, attempt: int) -> None:
    status = status_of(item, found)
    assert isinstance(status, ItemStatus)
    assert (status.phase, status.attempt) == (phase, attempt)


def test_a_run_is_retried_after_a_failure_and_not_after_an_interruption() -> None:
    def after(*ends: AttemptSnapshot) -> ItemStatus:
        return status_of(ITEM, RunSnapshot(RUN, ends, ends[-1].exit, locked=False, time=NOW))

    killed = [AttemptSnapshot(RUN.attempt(n), exit=closed("killed", None, 9)) for n in (1, 2, 3)]
    statuses = [after(*killed[:n]) for n in (1, 2, 3)]
    assert [(status.tries, status.retrying) for status in statuses] == [(2, True), (3, True), (4, True)]
    progress = replace(killed[1], metrics=ONE_EPOCH)
    assert (after(killed[0], progress).tries, after(killed[0], progress).retrying) == (1, True)
    gave_way: ExitFacts = {**closed("killed", STOPPED), "interrupted": True}
    yielded = AttemptSnapshot(RUN.attempt(1), exit=gave_way)
    assert (after(yielded).phase, after(yielded).retrying) == ("waiting", False)


def test_a_record_of_an_early_version_reads_as_stopped() -> None:
    asked: ExitFacts = {**closed("killed", None, 9, "stopped on request, killed after 60 s"), "requested": True}
    assert state_of(attempted(ended=asked)).name == "stopped"
    assert state_of(attempted(ended=closed("killed", STOPPED, None))).name == "stopped"


def test_progress_follows_from_a_snapshot() -> None:
    spec = {"settings": {"epochs": 4, "train_test_num": 2}}
    found = replace(alive(), spec=spec)  # type: ignore[arg-type]
    assert progress_of(found, RunState("running")) == RunProgress(epoch=0, epochs=8)
    with_metrics = replace(found, attempts=(AttemptSnapshot(ATTEMPT, metrics=ONE_EPOCH),))
    assert progress_of(with_metrics, RunState("running")).epoch == 1
    damaged = replace(found, attempts=(AttemptSnapshot(ATTEMPT, metrics=CUT_SHORT),))
    assert progress_of(damaged, RunState("running")) == RunProgress(epochs=8)
    assert progress_of(replace(found, spec=CUT_SHORT), RunState("running")).epochs is None


def old(*paths: Path) -> None:
    """As if written a minute ago, so that a reader may rely on the times."""
    for path in paths:
        os.utime(path, (time.time() - 60, time.time() - 60))


@pytest.fixture
def finished(tmp_path: Path) -> RunFolder:
    run = a_run(tmp_path / "runs")
    attempt = begin(run)
    tell(attempt, epoch(1))
    finish(run)
    end(attempt, 0)
    old(*run.path.rglob("*"), run.path)
    return run


def opened(action: str, *arguments: str) -> Counter[str]:
    """How often a fresh process opens each file while it does `action`; `second()` starts the count again."""
    program = f"""
import os, sys
from collections import Counter
from pathlib import Path
from iqa_train.doctor.runs import check_runs
from iqa_train.runs.snapshot import SnapshotReader
from iqa_train.scheduler.overview import read_overview
counts = Counter()
def record(event, arguments):
    if event == "open" and isinstance(arguments[0], str | os.PathLike):
        counts[os.fspath(arguments[0])] += 1
runs_dir = Path(sys.argv[1])
sys.addaudithook(record)
second = counts.clear
{action}
import json
print(json.dumps({{name: n for name, n in counts.items() if "/runs/" in name}}))
"""
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    return Counter(json.loads(done.stdout))


def many_runs(runs_dir: Path) -> None:
    items = []
    for n, kind in enumerate(["done", "lost", "failed", "waiting", "tried twice", "beside the queue"]):
        run = a_run(runs_dir, f"A{n}")
        attempt = begin(run) if kind != "waiting" else None
        if attempt is not None:
            tell(attempt, epoch(1))
        if attempt is not None and kind in {"done", "failed", "beside the queue"}:
            finish(run)
            end(attempt, 1 if kind == "failed" else 0)
        if attempt is not None and kind == "tried twice":
            end(attempt, -9)
            tell(begin(run), epoch(2))
        if kind != "beside the queue":
            items.append({"run": f"small/A{n}/{run.path.name}", "experiment": f"A{n}", "seed": 42})
    write_json(QueueFiles(runs_dir).queue, {"schema_version": 1, "items": items, "slots": 1})
    old(*runs_dir.rglob("*"))


DOCUMENTS = {"spec.json", "result.json", "exit.json", "runner.json", "metrics.jsonl", "provenance.json"}


def test_doctor_opens_each_document_of_a_run_at_most_once(tmp_path: Path) -> None:
    many_runs(tmp_path / "runs")
    counts = opened("list(check_runs(runs_dir))", str(tmp_path / "runs"))
    documents = {name: n for name, n in counts.items() if Path(name).name in DOCUMENTS}
    assert {Path(name).name for name in documents} == DOCUMENTS - {"provenance.json"}
    assert max(documents.values()) == 1


def test_status_opens_each_file_at_most_once(tmp_path: Path) -> None:
    many_runs(tmp_path / "runs")
    counts = opened("read_overview(runs_dir)", str(tmp_path / "runs"))
    documents = {name: n for name, n in counts.items() if Path(name).name in DOCUMENTS | {"queue.json"}}
    assert len(documents) >= 20
    assert max(documents.values()) == 1
    read = {str(Path(name).relative_to(tmp_path)) for name in documents}
    assert "runs/small/A1/s42-0123456789/attempt-01/metrics.jsonl" in read
    assert "runs/small/A0/s42-0123456789/attempt-01/metrics.jsonl" not in read  # it has its result


def test_a_second_look_opens_no_document_that_has_not_changed(tmp_path: Path) -> None:
    many_runs(tmp_path / "runs")
    twice = (
        "reader = SnapshotReader()\nread_overview(runs_dir, reader=reader)\nsecond()\n"
        "read_overview(runs_dir, reader=reader)"
    )
    again = {Path(name).name for name in opened(twice, str(tmp_path / "runs"))}
    assert again <= {"queue.json", "lock", "scheduler.lock", "scheduler.json"}


def test_a_reader_sees_what_changes(finished: RunFolder) -> None:
    reader = SnapshotReader()
    assert replace(reader.read(finished), time=NOW) == replace(read_snapshot(finished), time=NOW)
    assert state_of(reader.read(finished)).name == "completed"
    finish(finished, srcc=0.7)
    assert progress_of(reader.read(finished), RunState("completed")).srcc == 0.7
    finished.result.unlink()
    assert state_of(reader.read(finished)).name == "lost"
    finished.result.write_text("{")
    assert state_of(reader.read(finished)).name == "failed"
    finish(finished)
    assert state_of(reader.read(finished)).name == "completed"
    begin(finished)
    assert state_of(reader.read(finished)).name == "lost"


def test_a_file_that_changes_within_a_tick_of_the_clock_is_read_again(finished: RunFolder) -> None:
    reader = SnapshotReader()
    for number in range(20):
        finished.result.write_text(json.dumps({"srcc": 0.10 + number / 100}))
        assert progress_of(reader.read(finished), RunState("completed")).srcc == 0.10 + number / 100


def test_a_reader_forgets_runs_that_have_been_removed(tmp_path: Path) -> None:
    """A console that stays open for weeks holds the documents of the runs that it shows, and no others."""
    names = [f"E{n}" for n in range(120)]
    for name in names:
        run = a_run(tmp_path, name)
        end(begin(run), 0)
        finish(run)
    reader = SnapshotReader()
    assert len(reader.read_all(tmp_path)) == 120
    for name in names[20:]:
        shutil.rmtree(tmp_path / "small" / name)
    for _ in range(40):
        assert len(reader.read_all(tmp_path)) == 20
    assert len(reader.remembered) == 20


def test_of_metrics_that_grow_only_what_is_new_is_read(tmp_path: Path) -> None:
    run = a_run(tmp_path / "runs")
    attempt, reader = begin(run), SnapshotReader()
    for number in range(1, 6):
        append_line(attempt.metrics, epoch(number))
        with attempt.metrics.open("a") as file:
            file.write('{"event": "epo')  # a line that is not ended yet, or was cut short
        assert metrics_in(reader.read(run)) == metrics_in(read_snapshot(run))
        assert len(metrics_in(reader.read(run)).epochs) == number
    attempt.metrics.write_text(json.dumps(epoch(9)) + "\n" * 3000)  # another file altogether
    assert [event["epoch"] for event in metrics_in(reader.read(run)).epochs] == [9]


def metrics_in(found: RunSnapshot) -> Metrics:
    assert found.last is not None
    assert isinstance(found.last.metrics, Metrics)
    return found.last.metrics


def test_what_cannot_be_read_is_a_damage_and_no_error(finished: RunFolder) -> None:
    for path, words in ((finished.spec, "is damaged"), (finished.result, "it is a folder")):
        path.unlink()
        path.mkdir() if "folder" in words else path.write_text("[]")
    found = read_snapshot(finished, whole=True)
    assert isinstance(found.spec, Damage)
    assert isinstance(found.result, Damage)
    assert str(finished.result) in found.result.words
    assert not found.spec.unreadable
