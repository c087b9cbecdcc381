"""The bytes of an old log as lines: decoded, without progress bars and colours, whatever its line ends are."""

import codecs
import re
from dataclasses import dataclass

# tqdm draws `\rEpoch 1/5:  44%|####4     | 1955/4404 [09:38<12:49,  3.18batch/s, loss=7.3081]`; some copies of a log
# have lost the returns, so that one bar follows the other. Every part is bounded: no file may take for ever.
_BAR = re.compile(
    r"\r?[ ]{0,8}(?:(?P<what>[^\W\d_][^\r\n\t|:%\[\]]{0,60}):[ ]{0,8})?\d{1,3}%\|[^|\r\n]{0,200}\|[ ]{0,8}"
    r"(?P<done>\d{1,12})/(?P<total>\d{1,12})[ ]{0,8}\[(?P<elapsed>[\d:]{1,12})<[^\]\r\n]{0,200}\]"
)
_LONGEST = 4000  # characters; what the script itself prints is shorter
_COLOURS = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|\][^\x07\x1b\n]{0,200}(?:\x07|\x1b\\))")  # and a window's titles


@dataclass(frozen=True)
class Line:
    """A line without its end. `whole` is False for a last line that has none: it may have been cut short.

    `bars` are the progress bars that stood on it and came to their ends, as (label, seconds).
    """

    text: str
    whole: bool = True
    bars: tuple[tuple[str, float], ...] = ()


def lines_of(data: bytes) -> list[Line]:
    """Every line of the log; bytes that are no text become U+FFFD. Blank and overlong lines are left out."""
    pieces = _decoded(data).replace("\0", "").split("\n")
    lines = []
    for number, piece in enumerate(pieces):
        ended = number < len(pieces) - 1
        plain, bars = _without_bars(piece) if "%|" in piece else (piece, ())
        parts = _COLOURS.sub("", plain).split("\r")
        for k, part in enumerate(parts):
            whole = ended or k < len(parts) - 1
            text = part if len(part) <= _LONGEST else ""
            if text.strip() or (bars and k == 0):
                lines.append(Line(text, whole, bars if k == 0 else ()))
    return lines


def _without_bars(piece: str) -> tuple[str, tuple[tuple[str, float], ...]]:
    """What stands round the bars, and the bars that came to their ends.

    A buffered row may have been written in two parts, round a bar: without the bar they are one again.
    """
    drawn = [bar for bar in _BAR.finditer(piece) if bar["done"] == bar["total"]]
    return _BAR.sub("", piece), tuple((bar["what"] or "", _seconds(bar["elapsed"])) for bar in drawn)


def _decoded(data: bytes) -> str:
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))  # PowerShell's tee
    return data.decode("utf-16" if utf16 else "utf-8-sig", errors="replace")


def _seconds(clock: str) -> float:
    """`1:02:03` or `02:03`."""
    seconds = 0
    for part in clock.split(":"):
        seconds = 60 * seconds + int(part or 0)
    return float(seconds)
