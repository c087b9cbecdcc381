"""What waits, and the scheduler that sees to it or does not."""

import json
import os
import signal
import time

from iqa_train.doctor.check_result import CheckScope
from iqa_train.doctor.run_checks import checkups
from iqa_train.files import write_json
from iqa_train.runs.layout import QueueFiles
from iqa_train.scheduler.scheduler_lock import ensure_scheduler
from tests.doctor.checkup_world import found, ills, queue, the, until


def test_runs_are_queued_without_a_scheduler(where: CheckScope) -> None:
    queue(where, "A1", "A2")
    (checkup,) = ills(where)
    assert (checkup.name, checkup.verdict) == ("queue", "warning")
    assert checkup.message == "2 runs waiting and no scheduler is running"
    assert checkup.cure.startswith("`iqa-train queue resume")


def test_a_scheduler_that_works_and_one_that_was_killed(where: CheckScope) -> None:
    queue(where, "A1", paused=True)
    ensure_scheduler(where.runs_dir)
    until(QueueFiles(where.runs_dir).scheduler.exists)  # it has the lock before it says who it is
    pid = json.loads(QueueFiles(where.runs_dir).scheduler.read_text())["scheduler"]["pid"]
    try:
        told = {c.name: c for c in checkups(where)}
    finally:
        os.kill(pid, signal.SIGKILL)
    assert (told["scheduler"].verdict, told["scheduler"].message) == ("ok", f"process {pid}")
    assert (told["queue"].verdict, told["queue"].message) == ("note", "the queue is paused; waiting in it: 1 run")
    until(lambda: the(where, "scheduler").verdict != "ok")
    assert (the(where, "scheduler").verdict, ills(where)) == ("note", [])
    assert "was killed" in the(where, "scheduler").message


def test_a_scheduler_on_another_host(where: CheckScope) -> None:
    queue(where, "A1", "A2")
    path = QueueFiles(where.runs_dir).scheduler
    facts = {"host": "node7", "boot_id": "b", "scheduler": {"pid": 7, "created": 1}}
    write_json(path, facts | {"troubles": {"lr5e7/A2/s42-0123456789": "no data"}})
    checkup = the(where, "scheduler")
    assert (checkup.verdict, "process 7 on host node7" in checkup.message) == ("note", True)
    (error,) = found(where, "queue", "error")
    assert error.message == "A2 cannot be started: no data"
    os.utime(path, (time.time() - 600, time.time() - 600))
    assert "on host node7, silent for 10 min" in the(where, "scheduler").message
    assert found(where, "queue", "warning")
