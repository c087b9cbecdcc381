"""A worker's warnings appear at once; a traceback waits until its end shows whether a refused thread is behind it."""

import subprocess
import sys
import textwrap

import pytest

from iqa_train.runner.complaints import Complaints

PROGRAM = """
    import sys
    sys.stderr.write("a warning\\n"); sys.stderr.flush()
    print("said", flush=True)
    sys.stdin.readline()
    sys.stderr.write("half a li"); sys.stderr.flush()
    print("said", flush=True)
    sys.stdin.readline()
    sys.stderr.write("ne\\n"); sys.stderr.flush()
    raise RuntimeError(sys.argv[1])
"""


def ended(complaints: Complaints, message: str, shown: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Run the program to its end; `shown` gets what had been passed on at each of its stops."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), message],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints.file,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    for _ in range(2):
        assert process.stdout.readline() == b"said\n"
        complaints.pass_on()
        shown.append(capsys.readouterr().err)
        process.stdin.write(b"\n")
        process.stdin.flush()
    process.communicate()
    complaints.pass_on()
    shown.append(capsys.readouterr().err)


def test_a_warning_appears_at_once_and_a_traceback_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    complaints, shown = Complaints(), list[str]()
    ended(complaints, "no such image", shown, capsys)
    assert shown == ["a warning\n", "", "half a line\n"]
    assert not complaints.are_of_refused_threads()
    complaints.pass_on(ended=True)
    rest = capsys.readouterr().err
    assert rest.startswith("Traceback (most recent call last)")
    assert rest.endswith("RuntimeError: no such image\n")


def test_a_refused_thread_is_recognised_before_its_traceback_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    complaints, shown = Complaints(), list[str]()
    ended(complaints, "can't start new thread", shown, capsys)
    assert "Traceback" not in "".join(shown)
    assert complaints.are_of_refused_threads()
