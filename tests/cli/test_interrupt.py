"""Ctrl-C where Python would lose it: within imports, destructors and callbacks. Each in a process of its own."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PRESS = "import os, signal\ndef press():\n    os.kill(os.getpid(), signal.SIGINT)\n    sum(range(3))\n"
SWALLOWS = "from press import press\ntry:\n    press()\nexcept BaseException:\n    print('swallowed')\n"
BEGIN = (
    "import time\nfrom press import press\nfrom iqa_train.cli.interrupt import deliver_interrupts, delay_interrupt\n"
)


def _said(folder: Path, text: str) -> tuple[list[str], str]:
    """What a program printed until Ctrl-C was heard, and what it said on stderr."""
    (folder / "press.py").write_text(PRESS)
    (folder / "swallows.py").write_text(SWALLOWS)
    body = textwrap.indent(text, 8 * " ")
    program = f"{BEGIN}try:\n    with deliver_interrupts():\n{body}\n"
    program += "        time.sleep(5)\n        print('lost')\nexcept KeyboardInterrupt:\n    print('heard')\n"
    (folder / "program.py").write_text(program)
    done = subprocess.run(
        ["env", "--default-signal=INT", sys.executable, "program.py"],
        cwd=folder, capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    return done.stdout.split(), done.stderr


def test_ctrl_c_in_ordinary_code_takes_effect_at_once(tmp_path: Path) -> None:
    assert _said(tmp_path, "press()\nprint('went on')") == (["heard"], "")


def test_an_import_is_finished_first(tmp_path: Path) -> None:
    assert _said(tmp_path, "import swallows\nprint('imported')") == (["imported", "heard"], "")


@pytest.mark.parametrize(
    "lines",
    [
        "class Last:\n    def __del__(self):\n        press()\nLast()",
        "import weakref\nclass Last: pass\nlast = Last()\nref = weakref.ref(last, lambda _: press())\ndel last",
    ],
    ids=["a destructor", "a callback"],
)
def test_where_an_exception_is_only_printed(tmp_path: Path, lines: str) -> None:
    assert _said(tmp_path, lines) == (["heard"], "")


def test_a_lock_is_taken_whole(tmp_path: Path) -> None:
    """Broken off there, it would stay locked, and the pool of threads it belongs to would hang at its end."""
    lines = (
        "import functools, signal, threading\nclass Lock:\n    acquire = release = __exit__ = lambda *_: None\n"
        "    __enter__ = functools.partial(signal.raise_signal, signal.SIGINT)\n"
        "with threading.Condition(Lock()):\n    print('taken')"
    )
    assert _said(tmp_path, lines) == (["taken", "heard"], "")


def test_a_long_wait_for_a_lock_is_broken_off(tmp_path: Path) -> None:
    lines = "import threading\nthreading.Timer(0.2, press).start()\nthreading.Event().wait(5)\nprint('went on')"
    assert _said(tmp_path, lines) == (["heard"], "")


def test_it_is_held_back_and_obeyed_at_the_end_also_from_within_an_import(tmp_path: Path) -> None:
    lines = "with delay_interrupt():\n    {}\n    time.sleep(0.2)\n    print('whole')\nprint('went on')"
    assert _said(tmp_path, lines.format("press()")) == (["whole", "heard"], "")
    assert _said(tmp_path, lines.format("import swallows")) == (["whole", "heard"], "")


def test_a_handler_that_counts_stop_requests_receives_it(tmp_path: Path) -> None:
    """As a run in the foreground does, whose own code listens while it runs."""
    (tmp_path / "begins.py").write_text(
        "from press import press\nfrom iqa_train.runner.stop_requests import stop_signals\n"
        "press()\nblock = stop_signals()\nstopping = block.__enter__()\n"
    )
    lines = "import begins\ntime.sleep(0.2)\nprint(begins.stopping.requested)\nraise KeyboardInterrupt"
    assert _said(tmp_path, lines) == (["1", "heard"], "")


def test_other_errors_that_can_only_be_printed_are_printed(tmp_path: Path) -> None:
    said, complaint = _said(tmp_path, "class Last:\n    def __del__(self):\n        1 / 0\nLast()\npress()")
    assert said == ["heard"]
    assert "ZeroDivisionError" in complaint


def test_a_command_started_with_the_signal_ignored_ignores_it(tmp_path: Path) -> None:
    """As nohup's and a shell's background jobs are told to."""
    (tmp_path / "press.py").write_text(PRESS)
    program = f"{BEGIN}with deliver_interrupts():\n    press()\n    print('went on')\n"
    ignoring = ["env", "--ignore-signal=INT", sys.executable, "-c", program]
    done = subprocess.run(ignoring, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=True)
    assert (done.stdout, done.stderr) == ("went on\n", "")


def test_afterwards_all_is_as_before(tmp_path: Path) -> None:
    (tmp_path / "press.py").write_text(PRESS)
    program = f"""{BEGIN}
import signal, sys
def all_of_it():
    return signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGALRM), sys.unraisablehook
before = all_of_it()
with deliver_interrupts():
    assert not set(before) & set(all_of_it())
assert before == all_of_it()
"""
    subprocess.run(["env", "--default-signal=INT", sys.executable, "-c", program], cwd=tmp_path, timeout=30, check=True)
