"""What a worker writes to standard error: passed on as it appears, except for what its end may explain better."""

import os
import re
import sys

_REFUSED = re.compile(
    rb"can't start new thread|pthread_create|[Tt]hread creation failed|Resource temporarily unavailable"
)
_HELD_BACK = re.compile(rb"Traceback \(most recent call last\)|" + _REFUSED.pattern)
_MOST = 1 << 20  # bytes at once


class Complaints:
    """A file in memory for a worker's standard error. Tracebacks and refused threads are held back until its end."""

    def __init__(self) -> None:
        self.file = os.fdopen(os.memfd_create("complaints"), "w+b")
        self._passed = 0  # bytes

    def pass_on(self, *, ended: bool = False) -> None:
        """Write the new whole lines to standard error, up to the first that is held back; everything if it `ended`."""
        while text := self._rest():
            end = len(text) if ended else self._free(text)
            sys.stderr.write(text[:end].decode(errors="replace"))
            self._passed += end
            if not end or not ended:
                break

    def are_of_refused_threads(self) -> bool:
        """Whether what was held back says that the system refused a thread."""
        return _REFUSED.search(self._rest()) is not None

    def _rest(self) -> bytes:
        return os.pread(self.file.fileno(), _MOST, self._passed)  # the worker's own position stays where it is

    @staticmethod
    def _free(text: bytes) -> int:
        held = _HELD_BACK.search(text)
        return text.rfind(b"\n", 0, held.start() if held else len(text)) + 1
