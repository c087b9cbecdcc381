"""The way of text to a terminal: what others wrote there (names, logs) moves no cursor and changes no title.

Everything that a program prints goes through `filtered_output`, whether its output is a terminal, a pipe or a file: the
escapes are JSON's own, so a JSON object stays the same. What is to reach a terminal as it is (a bar, a cleared screen)
or a file byte by byte (a log, a table) is written to `raw`.
"""

import codecs
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from iqa_train.errors import visible

_KEPT = re.compile(r"([\n\t])")
_SGR = re.compile(r"\x1b\[([0-9;:]*)m")  # colours, bold...; of all escape sequences only these
_RESET = "\x1b[0m"
_NAMES = {"<stdout>": "standard output", "<stderr>": "standard error"}
_LONGEST = 1 << 20  # characters of a line that is not ended yet


def harmless(text: str) -> str:
    """`text` with control characters as escapes, but for line ends and tabs."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(part if part in {"\n", "\t"} else visible(part) for part in _KEPT.split(text))


class Filtered:
    """A text stream that passes on `harmless` text, and is the stream itself in everything else.

    Its errors name it, as those of a file name the file.
    """

    def __init__(self, stream: TextIO) -> None:
        self.raw = stream

    def write(self, text: str) -> int:
        """Returns the length of `text`, as a stream does."""
        with self._named():
            self.raw.write(harmless(text))
        return len(text)

    def flush(self) -> None:
        """As that of a stream."""
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
        """Several at once."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self.raw, name)


def raw(stream: TextIO) -> TextIO:
    """The stream below the filter."""
    return stream.raw if isinstance(stream, Filtered) else stream


@contextmanager
def filtered_output() -> Iterator[None]:
    """Within the block, what is printed is harmless."""
    before = sys.stdout, sys.stderr
    if sys.stdout is not None:
        sys.stdout = cast("TextIO", Filtered(raw(sys.stdout)))
    if sys.stderr is not None:
        sys.stderr = cast("TextIO", Filtered(raw(sys.stderr)))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def log_text(text: str) -> str:
    """Whole lines of a log as a terminal may have them: colours pass, and of a drawn bar what was drawn last."""
    return "\n".join(map(_log_line, text.split("\n")))


class LogText:
    """The same for a log that comes in pieces, as bytes."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._rest = ""

    def feed(self, data: bytes) -> str:
        """The lines that are whole by now."""
        self._rest += self._decoder.decode(data)
        end = len(self._rest) if len(self._rest) > _LONGEST else self._rest.rfind("\n") + 1
        whole, self._rest = self._rest[:end], self._rest[end:]
        return log_text(whole)

    def end(self) -> str:
        """What is left, without a line's end."""
        left = log_text(self._rest + self._decoder.decode(b"", final=True))
        self._rest = ""
        return left


def _log_line(line: str) -> str:
    drawn = [part for part in line.split("\r") if part]
    pieces = _SGR.split(drawn[-1] if drawn else "")  # text, parameters, text, ...
    text = "".join(_colour(piece) if k % 2 else harmless(piece) for k, piece in enumerate(pieces))
    return text + _RESET if len(pieces) > 1 else text


def _colour(parameters: str) -> str:
    """The sequence, unless it hides text (8)."""
    words = iter(parameters.split(";"))
    for word in words:
        if word in {"38", "48", "58"}:  # the colour's number or its red, green and blue follow
            for _ in range({"5": 1, "2": 3}.get(next(words, ""), 0)):
                next(words, None)
        elif word.lstrip("0") == "8":
            return ""
    return f"\x1b[{parameters}m"
