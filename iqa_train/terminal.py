"""Filters text on its way to a terminal, so that names and logs from elsewhere cannot move the cursor or set the title.

All output of a program goes through `filtered_output`, be it to a terminal, a pipe or a file: the escapes are JSON's
own, so JSON stays the same. What must not be filtered (a progress bar, a log byte by byte) is written to `raw`.
"""

import codecs
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from iqa_train.errors import visible
from iqa_train.tab_stops import TabStops
from iqa_train.text import display_width

_KEPT = re.compile(r"([\n\t])")
_SGR = re.compile(r"\x1b\[([0-9;:]*)m")  # colours, bold...: the only escape sequences that pass
_RESET = "\x1b[0m"
_NAMES = {"<stdout>": "standard output", "<stderr>": "standard error"}
_LONGEST = 1 << 20  # characters of an incomplete line


def harmless(text: str) -> str:
    """`text` with control characters as escapes, except for line ends and tabs."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(part if part in {"\n", "\t"} else visible(part) for part in _KEPT.split(text))


class Filtered:
    """A text stream that writes `harmless` text, and otherwise behaves as the stream it wraps.

    Its OSErrors name the stream, as those of a file name the file.
    """

    def __init__(self, stream: TextIO) -> None:
        self.raw = stream

    def write(self, text: str) -> int:
        with self._named():
            self.raw.write(harmless(text))
        return len(text)

    def flush(self) -> None:
        with self._named():
            self.raw.flush()

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            error.filename = error.filename or _NAMES.get(self.raw.name)
            raise

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self.raw, name)


def raw(stream: TextIO) -> TextIO:
    """The stream below the filter."""
    return stream.raw if isinstance(stream, Filtered) else stream


@contextmanager
def filtered_output() -> Iterator[None]:
    """Filter standard output and standard error within the block."""
    before = sys.stdout, sys.stderr
    if sys.stdout is not None:
        sys.stdout = cast("TextIO", Filtered(raw(sys.stdout)))
    if sys.stderr is not None:
        sys.stderr = cast("TextIO", Filtered(raw(sys.stderr)))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def log_tab_stops() -> TabStops:
    """Tab stops for `log_text`, of one log."""
    return TabStops(display_width)


def log_text(text: str, stops: TabStops | None = None) -> str:
    """Complete lines of a log for a terminal: colours pass, and a progress bar is shown as it was last drawn.

    With `stops`, tabs become blanks such that columns line up, also with those of the lines before.
    """
    lines = [_log_line(line) for line in text.split("\n")]
    if stops is not None and "\t" in text:
        for line in lines:
            if "\t" in line:
                stops.learn(_SGR.sub("", line))
        lines = [_without_tabs(line, stops) if "\t" in line else line for line in lines]
    return "\n".join(lines)


def _without_tabs(line: str, stops: TabStops) -> str:
    blanks = iter(stops.blanks(_SGR.sub("", line)))
    return re.sub("\t", lambda _: " " * next(blanks), line)


class LogText:
    """`log_text` for a log that is read in pieces, as bytes; columns line up."""

    def __init__(self) -> None:
        self._stops = log_tab_stops()
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._rest = ""

    def learn(self, data: bytes) -> None:
        """Take the columns of these lines, which are not shown, into account."""
        log_text(data.decode(errors="replace"), self._stops)

    def feed(self, data: bytes) -> str:
        """The lines that are complete by now."""
        self._rest += self._decoder.decode(data)
        end = len(self._rest) if len(self._rest) > _LONGEST else self._rest.rfind("\n") + 1
        whole, self._rest = self._rest[:end], self._rest[end:]
        return log_text(whole, self._stops)

    def end(self) -> str:
        """The rest, a line without an end."""
        left = log_text(self._rest + self._decoder.decode(b"", final=True), self._stops)
        self._rest = ""
        return left


def _log_line(line: str) -> str:
    drawn = [part for part in line.split("\r") if part]
    pieces = _SGR.split(drawn[-1] if drawn else "")  # text, parameters, text, ...
    text = "".join(_colour(piece) if k % 2 else harmless(piece) for k, piece in enumerate(pieces))
    return text + _RESET if len(pieces) > 1 else text


def _colour(parameters: str) -> str:
    """The escape sequence, unless it hides text (8)."""
    words = iter(parameters.split(";"))
    for word in words:
        if word in {"38", "48", "58"}:  # the colour's number or its red, green and blue follow
            for _ in range({"5": 1, "2": 3}.get(next(words, ""), 0)):
                next(words, None)
        elif word.lstrip("0") == "8":
            return ""
    return f"\x1b[{parameters}m"
