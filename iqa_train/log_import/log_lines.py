"""Splits a log of the original script into lines: decoded, without other programs' prefixes, bars and colours."""

import codecs
import re
from dataclasses import dataclass, replace

from iqa_train.log_import.bars import Bars, parts_of
from iqa_train.log_import.epoch_table import header_of
from iqa_train.log_import.numbers import with_points
from iqa_train.log_import.records import Piece, opened, pieces_of
from iqa_train.log_import.wrappers import before_header, unwrapped

_LONGEST = 4000  # characters; the script's own lines are shorter
_COLOURS = re.compile(
    r"(?:\x1b\[|\x9b|\^\[\[|#033\[|\\x1b\[|\\033\[|\\u001b\[)[0-9;:?<=>]{0,40}[@-~]"
    r"|\x1b\][^\x07\x1b\n]{0,200}(?:\x07|\x1b\\)|\x1b[()][A-Z0-9]|\x1b[=>78cDEHM]"  # and window titles
)
_HEADER = re.compile(r"epoch.{1,40}test[_ ]srcc", re.IGNORECASE)
_ESCAPED = {"#011": "\t", "#012": "\n", "#015": "\r"}  # as rsyslog writes them
_CODES = re.compile("|".join(_ESCAPED))
_BACKSLASHES = re.compile(r"\\([tr])")


@dataclass(frozen=True)
class Line:
    """A line without its newline. `whole` is False for a last line without a newline, which may have been cut short.

    `bars` are the progress bars that reached their ends on it, as (label, seconds). `time` is the time stamp before it,
    if any.
    """

    text: str
    whole: bool = True
    bars: Bars = ()
    time: str = ""


@dataclass(frozen=True)
class LogText:
    """The lines of each task that wrote to a log, together with the lines that name no task.

    `before` is a prefix of the table's header that could not be removed. `overlong` is the length of a line with a
    header that was skipped for its length; 0 if there is none.
    """

    tasks: dict[str, list[Line]]
    before: str = ""
    commas: bool = False
    overlong: int = 0

    @property
    def lines(self) -> list[Line]:
        """The lines of the first task."""
        return next(iter(self.tasks.values()))


def lines_of(data: bytes) -> list[Line]:
    """Every line of the log; undecodable bytes become U+FFFD. Blank and overlong lines are skipped."""
    return text_of(data).lines


def text_of(data: bytes) -> LogText:
    """The lines of a log, by the task that wrote them."""
    text = _decoded(data).replace("\0", "")
    if "\n" not in text:
        text = text.replace("\u2028", "\n")
    pieces = unwrapped([replace(piece, text=_plain(piece.text)) for piece in opened(pieces_of(text))], header_of)
    names = list(dict.fromkeys(piece.task for piece in pieces if piece.task)) or [""]
    found = {
        name: _lines([piece for piece in pieces if piece.task in {"", name}]) for name in sorted(names, key=_order)
    }
    texts, commas = {}, False
    for name, lines in found.items():
        texts[name], had = _with_points(lines)
        commas = commas or had
    return LogText(texts, before_header(pieces, header_of), commas, _overlong(pieces))


def _overlong(pieces: list[Piece]) -> int:
    parts = (part for piece in pieces if len(piece.text) > _LONGEST for part in piece.text.split("\r"))
    return next((len(part) for part in parts if len(part) > _LONGEST and _HEADER.search(part)), 0)


def _order(task: str) -> tuple[list[int], str]:
    return [int(number) for number in re.findall(r"\d{1,9}", task)], task


def _plain(text: str) -> str:
    """Without colours, and with real tabs where a copy has escaped them."""
    text = _COLOURS.sub("", text)
    if "#011" in text or "#015" in text:
        text = _CODES.sub(lambda code: _ESCAPED[code[0]], text)
    if "\\t" in text and "\t" not in text and '{"' not in text:
        text = _BACKSLASHES.sub(lambda code: {"t": "\t", "r": "\r"}[code[1]], text)
    return text


def _lines(pieces: list[Piece]) -> list[Line]:
    lines = []
    for piece in pieces:
        parts = parts_of(piece.text)
        for k, (part, bars) in enumerate(parts):
            text = part if len(part) <= _LONGEST else ""
            if text.strip() or bars:
                lines.append(Line(text, piece.whole or k < len(parts) - 1, bars, piece.time))
    return lines


def _with_points(lines: list[Line]) -> tuple[list[Line], bool]:
    texts = with_points([line.text for line in lines])
    changed = any(new != line.text for new, line in zip(texts, lines, strict=True))
    return [replace(line, text=text) for line, text in zip(lines, texts, strict=True)], changed


def _decoded(data: bytes) -> str:
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))  # PowerShell's tee
    if utf16:
        return data.decode("utf-16", errors="replace")
    start = data[:2000]
    if len(start) >= 20 and start[:2] != b"\0\0":  # UTF-16 without a byte-order mark
        for encoding, zeros, letters in (
            ("utf-16-le", start[1::2], start[::2]),
            ("utf-16-be", start[::2], start[1::2]),
        ):
            if zeros.count(0) > 0.7 * len(zeros) and letters.count(0) < 0.1 * len(letters):
                return data.decode(encoding, errors="replace")
    return data.decode("utf-8-sig", errors="replace")
