"""Removes progress bars, as tqdm draws them, from the lines of a log."""

import re

# tqdm draws `\rEpoch 1/5:  44%|####4     | 1955/4404 [09:38<12:49,  3.18batch/s, loss=7.3081]`; some copies of a log
# have lost the carriage returns, so that bars follow each other. Every part is bounded, so that no file takes for ever.
_BAR = re.compile(
    r"\r?[ ]{0,8}(?:(?P<what>[^\W\d_][^\r\n\t|:%\[\]]{0,60}):[ ]{0,8})?\d{1,3}%\|[^|\r\n]{0,200}\|[ ]{0,8}"
    r"(?P<done>\d{1,12})/(?P<total>\d{1,12})[ ]{0,8}\[(?P<elapsed>[\d:]{1,12})<[^\]\r\n]{0,200}\]"
)

Bars = tuple[tuple[str, float], ...]


def without_bars(piece: str) -> tuple[str, Bars]:
    """The text around the bars, and the bars that reached 100 %, as (label, seconds).

    A buffered row may have been written in two parts around a bar; without the bar they are one again.
    """
    parts = parts_of(piece)
    return "\r".join(text for text, _ in parts), tuple(bar for _, bars in parts for bar in bars)


def parts_of(piece: str) -> list[tuple[str, Bars]]:
    """The same for each part between carriage returns."""
    if "%|" not in piece:
        return [(text, ()) for text in piece.split("\r")]
    found: list[tuple[str, Bars]] = [("", ())]
    end = 0
    for bar in [*_BAR.finditer(piece), None]:
        first, *others = piece[end : bar.start() if bar else None].split("\r")
        text, bars = found[-1]
        found[-1] = text + first, bars
        found += [(other, ()) for other in others]
        if bar and bar["done"] == bar["total"]:
            text, bars = found[-1]
            found[-1] = text, (*bars, (bar["what"] or "", _seconds(bar["elapsed"])))
        end = bar.end() if bar else end
    return found


def _seconds(clock: str) -> float:
    """`1:02:03` or `02:03`."""
    seconds = 0
    for part in clock.split(":"):
        seconds = 60 * seconds + int(part or 0)
    return float(seconds)
