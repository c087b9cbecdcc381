"""`iqa-tui` on a pseudo-terminal: what it writes, byte by byte, and what becomes of it."""

import fcntl
import os
import re
import select
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from tests.faults.fault_project import FaultyProject

PROGRAM = (sys.executable, "-m", "iqa_tui.cli")
ESCAPE = re.compile(
    rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[PX^_].*?\x1b\\|[ -/]*[0-~])|\xc2[\x80-\x9f]",
    re.DOTALL,
)
"""An escape sequence as ECMA-48 has them, or a C1 control in UTF-8."""


class Make(Protocol):
    """Makes a project; see the fixture `make`."""

    def __call__(self, study: str = ..., **wishes: Any) -> FaultyProject: ...


class Console:
    """A console in the foreground of a terminal of its own."""

    def __init__(
        self, folder: Path, environment: Mapping[str, str], *words: str, size: tuple[int, int] = (120, 36),
        program: tuple[str, ...] = PROGRAM,
    ) -> None:  # fmt: skip
        self._master, slave = os.openpty()
        termios.tcsetwinsize(slave, (size[1], size[0]))
        self.before = termios.tcgetattr(slave)
        self._slave_name = os.ttyname(slave)
        theirs = {k: v for k, v in environment.items() if k not in {"NO_COLOR", "COLUMNS", "LINES"}}
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [*program, *words],
            cwd=folder, env=theirs | {"TERM": "xterm-256color", "COLORTERM": "truecolor"},
            stdin=slave, stdout=slave, stderr=slave,
            start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
        )  # fmt: skip
        self._slave = slave  # kept open: the terminal's settings can be read after the console's end
        self.written = b""
        self.blocks: list[tuple[float, int]] = []  # when, and how many bytes there were then
        self._closed = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while not self._closed:
            if not select.select([self._master], [], [], 0.05)[0]:
                continue
            try:
                block = os.read(self._master, 1 << 16)
            except OSError:
                return
            self.written += block
            self.blocks.append((time.monotonic(), len(self.written)))

    @property
    def text(self) -> str:
        """All it has written, without escape sequences: words in the order in which they came."""
        return ESCAPE.sub(b"", self.written).decode(errors="replace")

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def see(self, pattern: str, seconds: float = 30.0, since: int = 0) -> str:
        """Wait until what it wrote after its first `since` bytes holds `pattern`."""

        def there() -> str | None:
            text = ESCAPE.sub(b"", self.written[since:]).decode(errors="replace")
            return text if re.search(pattern, text) else None

        found: str = self.wait(f'"{pattern}"', there, seconds)
        return found

    def wait(self, what: str, until: Callable[[], Any], seconds: float = 30.0) -> Any:
        deadline = time.monotonic() + seconds
        while not (found := until()):
            assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}; it wrote {self.text[-3000:]}"
            time.sleep(0.05)
        return found

    def end(self, seconds: float = 20.0) -> int:
        """Its exit status, once it has ended."""
        code = self.process.wait(timeout=seconds)
        time.sleep(0.2)  # for the reader to take what is left
        return code

    def settings_are_as_before(self) -> bool:
        """Whether the terminal echoes and breaks lines as it did."""
        return termios.tcgetattr(self._slave) == self.before

    def hang_up(self) -> None:
        """Close the terminal under it, as a lost connection does."""
        self._closed = True
        self._reader.join()  # a terminal from which somebody still reads is not closed
        os.close(self._slave)
        os.close(self._master)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=20)
        if not self._closed:
            self._closed = True
            os.close(self._slave)
            self._reader.join(timeout=2)
            os.close(self._master)


@contextmanager
def console(folder: Path, environment: Mapping[str, str], *words: str, **more: Any) -> Iterator[Console]:
    """A console that is gone at the end."""
    found = Console(folder, environment, *words, **more)
    try:
        yield found
    finally:
        found.close()


def kinds(written: bytes) -> set[str]:
    """The kinds of escape sequences: of CSI its prefix, intermediate and final byte, of private modes the number too;
    of OSC its number; of others the whole."""
    found = set()
    for sequence in ESCAPE.findall(written):
        if sequence.startswith(b"\x1b["):
            body = sequence[2:]
            if body[-1:] == b"m":
                found.add("CSI m")
            elif body[:1] in b"?<=>" or body[-1:] in b"hl":
                found.add(f"CSI {body.decode()}")
            else:
                found.add("CSI " + re.sub(r"[0-9;]+", "", body.decode()))
        elif sequence.startswith(b"\x1b]"):
            found.add("OSC " + sequence[2:].partition(b";")[0].decode(errors="replace"))
        else:
            found.add(repr(sequence[:4]))
    rest = ESCAPE.sub(b"", written)
    found |= {f"C0 {code:#04x}" for code in set(rest) if code < 32 and code not in b"\r\n\t"}
    # A byte of C1 that is not part of a character: a terminal without UTF-8 would obey it.
    found |= {f"C1 {c!r}" for c in set(rest.decode(errors="surrogateescape")) if "\udc80" <= c <= "\udc9f"}
    return found
