"""What is pasted into a field, and what a run's own files say in a dialog, reaches the terminal as text only."""

import pytest

from tests.faults.fault_project import FaultyProject
from tests.tui.terminal import hostile
from tests.tui.terminal.consoles import Console, Make, console, kinds

ESC = "\x1b"
PASTED = "".join(hostile.TEXTS[:-1]) + b"".join(hostile.ESCAPES).decode() + "\x9b2J\x00\x07日本語"
FIELDS = {
    "search": ("/",),
    "filter": ("&",),
    "start": ("s", "\x1b[B", "\x1b[B", "\x1b[B"),
    "relaunch": ("R", "\x1b[C", "\x1b[C", "\x1b[B"),
    "a setting": ("R", "\x1b[C", "\x1b[C", "\x1b[B", "\x1b[B"),
    "export": ("e", "\x1b[B", "\x1b[B"),
    "compare": ("c", "1"),
    "palette": ("\x10",),
    "stop": ("x",),
    "run": ("\r",),
    "messages": ("m",),
}
"""Keys that lead to a place where something can be typed, or where the run's files are quoted."""


def _visit(project: FaultyProject, pasted: str) -> Console:
    """A console in which every dialog was opened, `pasted` pasted there, and left."""
    with console(project.folder, project.environment(), size=(130, 40)) as watched:
        watched.see("4/5 done")
        watched.type("4")  # the run that failed
        for keys in FIELDS.values():
            for key in keys:
                _say(watched, key)
            _say(watched, f"\x1b[200~{pasted}\x1b[201~")
            for _ in range(3):
                _say(watched, ESC)
        watched.type("\x11")
        assert watched.end() == 0, watched.text[-3000:]
    assert "Traceback" not in watched.text
    return watched


def _say(watched: Console, keys: str) -> None:
    since = len(watched.written)
    watched.type(keys)
    try:
        watched.wait("an answer", lambda: len(watched.written) > since, 1.0)
    except AssertionError:
        assert watched.process.poll() is None, watched.text[-3000:]


@pytest.mark.slow
def test_fields_and_dialogs(make: Make) -> None:
    project = make(seconds=0.02, behaviour="B1=exit:3")
    project.run("--all", "--slots", "2", code=1)
    benign = _visit(project, "a word").written
    assert kinds(_visit(project, PASTED).written) <= kinds(benign)
