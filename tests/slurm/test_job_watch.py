"""The list of jobs is asked for seldom, and kept while Slurm does not answer."""

import threading
import time

import pytest

from iqa_train.slurm.job_watch import JobWatch
from tests.slurm.fake_commands import FakeCommands
from tests.slurm.test_jobs import line


def test_looks_within_two_seconds_share_one_question(fakes: FakeCommands) -> None:
    fakes.put("squeue", f"echo '{line().strip()}'")
    watch = JobWatch()
    first = watch.look(60)
    assert watch.look(60) is first
    assert len(fakes.calls("squeue")) == 1
    assert first.is_known
    assert first.by_task["17", 3] is first.by_id["20"]
    assert watch.look(0) is not first
    assert len(fakes.calls("squeue")) == 2


def test_threads_that_look_at_once_ask_once(fakes: FakeCommands) -> None:
    fakes.put("squeue", "sleep 0.5", f"echo '{line().strip()}'")
    watch = JobWatch()
    found = []
    threads = [threading.Thread(target=lambda: found.append(watch.look(60))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(one.jobs) for one in found] == [1] * 8
    assert len(fakes.calls("squeue")) == 1


def test_the_last_list_is_kept_with_the_words_of_a_failure_and_slurm_is_let_alone(fakes: FakeCommands) -> None:
    fakes.put("squeue", f"echo '{line().strip()}'")
    watch = JobWatch()
    before = watch.look()
    fakes.put(
        "squeue", "echo 'slurm_load_jobs error: Unable to contact slurm controller (connect failure)' >&2; exit 1"
    )
    after = watch.look(0)
    assert after.jobs == before.jobs
    assert after.time == before.time
    assert after.error == "squeue failed for now: Unable to contact slurm controller (connect failure)"
    assert not after.is_known
    calls = len(fakes.calls("squeue"))
    assert watch.look(0) is after
    assert len(fakes.calls("squeue")) == calls


def test_a_failure_before_any_list(fakes: FakeCommands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(fakes.folder))
    found = JobWatch().look()
    assert (found.jobs, found.time, found.is_known) == ((), None, False)
    assert "squeue is not installed here" in (found.error or "")


def test_in_the_background_nobody_waits_for_a_squeue_that_hangs(fakes: FakeCommands) -> None:
    fakes.put("squeue", f"while [ ! -e {fakes.folder}/go ]; do sleep 0.1; done; echo '{line().strip()}'")
    watch = JobWatch()
    began = time.monotonic()
    for _ in range(100):
        assert watch.look(in_background=True).jobs == ()
    assert time.monotonic() - began < 2
    (fakes.folder / "go").touch()
    ends = time.monotonic() + 60
    while not watch.look(60, in_background=True).jobs:
        assert time.monotonic() < ends
        time.sleep(0.05)
    assert len(fakes.calls("squeue")) == 1


def test_a_controller_that_answers_slowly_is_asked_less_often(fakes: FakeCommands) -> None:
    fakes.put("squeue", "sleep 1.2", f"echo '{line().strip()}'")
    watch = JobWatch()
    first = watch.look()
    time.sleep(1.5)  # 2.7 seconds after it was asked, which took 1.2
    assert watch.look() is first
    assert watch.look(0) is not first


def test_tasks_that_wait_are_not_mistaken_for_the_job_of_their_arrays_number(fakes: FakeCommands) -> None:
    waiting = line(task="1", id="17", state="PENDING").strip()
    last = line(task="2", id="17").strip()
    fakes.put("squeue", f"echo '{last}'; echo '{waiting}'")
    found = JobWatch().look()
    assert found.by_id["17"].task == 2
    assert len(found.by_task) == 2
