"""What a runner hears of its job's process."""

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import IO

import pytest

from iqa_train.runner.interruption import Interruption
from iqa_train.scheduler.slurm.job_interrupters import JobPipe, tell

Pair = tuple[int, IO[bytes]]


@pytest.fixture
def pair() -> Iterator[Pair]:
    read, write = os.pipe()
    with os.fdopen(write, "wb", buffering=0) as file:
        yield read, file
    os.close(read)


def test_what_the_job_says_is_heard_and_kept(pair: Pair) -> None:
    read, write = pair
    pipe = JobPipe(read, "17_3", 5.0)
    assert pipe.interruption() is None
    tell(write, Interruption("no time left", 3.0))
    tell(write, Interruption("later words", 1.0))
    assert pipe.interruption() == Interruption("no time left", 3.0)
    assert pipe.interruption() == Interruption("no time left", 3.0)


def test_the_end_of_the_jobs_process_is_an_interruption(pair: Pair) -> None:
    read, write = pair
    pipe = JobPipe(read, "17_3", 5.0)
    write.close()
    assert pipe.interruption() == Interruption("the process of job 17_3 has ended")


def test_a_signal_is_explained_by_the_job(pair: Pair) -> None:
    read, write = pair
    pipe = JobPipe(read, "17_3", 60.0)
    words = Interruption("cancelled with scancel", 2.0, continues=False)
    threading.Timer(0.1, lambda: tell(write, words)).start()
    assert pipe.why_signalled(lambda: False) == words
    assert pipe.why_signalled(lambda: True) is None  # its run was asked to stop


def test_a_signal_that_nobody_explains(pair: Pair) -> None:
    read, _ = pair
    began = time.monotonic()
    found = JobPipe(read, "17_3", 0.1).why_signalled(lambda: False)
    assert found == Interruption("its runner was sent TERM in job 17_3")
    assert time.monotonic() - began < 30


def test_a_runner_that_has_ended_hears_nothing() -> None:
    process = subprocess.Popen(["true"], stdin=subprocess.PIPE)
    process.wait()
    tell(process.stdin, Interruption("no time left"))
    assert process.stdin is not None
    process.stdin.close()
    tell(process.stdin, Interruption("no time left"))
    tell(None, Interruption("no time left"))
