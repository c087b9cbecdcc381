"""A terminal as a person sees it: tmux, whose screen can be read and whose keys can be typed."""

import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.tui.terminal.consoles import PROGRAM

_KEPT = ("PATH", "HOME", "LANG", "FAKE_", "IQA_", "XDG_", "CUDA_", "LD_LIBRARY_PATH", "NO_COLOR")


class Tmux:
    """A tmux server of its own, with one window in which a shell waits for commands."""

    def __init__(self, folder: Path, environment: Mapping[str, str], size: tuple[int, int]) -> None:
        self._socket = str(folder / "tmux")
        theirs = {k: v for k, v in environment.items() if k.startswith(_KEPT)}
        (folder / "shell").write_text("PS1='ready$ '\n")
        self._run(
            "-f", "/dev/null", "new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), "-c", str(folder),
            *(word for key, value in theirs.items() for word in ("-e", f"{key}={value}")),
            f"bash --noprofile --rcfile {shlex.quote(str(folder / 'shell'))} -i",
        )  # fmt: skip
        self.see(r"ready\$")

    def _run(self, *words: str) -> str:
        command = ["tmux", "-u", "-S", self._socket, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout

    def start(self, *words: str) -> None:
        """Type the command that starts the console."""
        self.keys("clear", "Enter")
        self.keys(shlex.join([*PROGRAM, *words]), "Enter")

    def keys(self, *keys: str) -> None:
        """Type keys by tmux's names; other words letter by letter."""
        self._run("send-keys", *keys)

    def screen(self) -> str:
        """What is on the screen now."""
        return self._run("capture-pane", "-p")

    def see(self, pattern: str, seconds: float = 40.0, *, without: str = "") -> str:
        """Wait until `pattern` is on the screen, and `without` is not; returns the screen."""
        deadline = time.monotonic() + seconds
        while True:
            shown = self.screen()
            if re.search(pattern, shown) and not (without and re.search(without, shown)):
                return shown
            assert time.monotonic() < deadline, f"not within {seconds:g} s: {pattern}\n{shown}"
            time.sleep(0.1)

    def resize(self, columns: int, lines: int) -> None:
        self._run("resize-window", "-x", str(columns), "-y", str(lines))

    def close(self) -> None:
        subprocess.run(["tmux", "-S", self._socket, "kill-server"], check=False, capture_output=True)


@contextmanager
def tmux(folder: Path, environment: Mapping[str, str], size: tuple[int, int] = (120, 36)) -> Iterator[Tmux]:
    """A terminal that is gone at the end; skips the test where there is no tmux."""
    if shutil.which("tmux") is None:
        pytest.skip("there is no tmux on this machine; .ci/run installs it")
    terminal = Tmux(folder, environment, size)
    try:
        yield terminal
    finally:
        terminal.close()
