"""The status of a log view, and its status line."""

from dataclasses import dataclass

from iqa_tui import safe

_LONGEST = 24  # characters shown of a search or filter


@dataclass(frozen=True)
class LogStatus:
    """The status of a log view. Texts are raw: `status_text` makes them safe."""

    there: bool = True  # whether there is a log
    lines: int = 0
    exact: bool = True  # whether all lines have been counted; until then `lines` counts the end only
    line: int = 0  # number, from 1, of the marked line, or of the one at the bottom
    follow: bool = True
    ended: bool = False  # whether nothing more is written to the log
    below: int = 0  # new lines since follow was switched off
    search: str = ""
    position: int = 0  # the marked hit, from 1
    hits: int = 0
    searching: bool = False  # whether parts of the file have not been searched yet
    filter: str = ""
    filtering: bool = False  # whether parts of the file have not been filtered yet
    shown: int = 0  # lines that match the filter
    scanned: float | None = None  # share of the file that has been searched or filtered; None: all of it
    wrap: bool = False
    note: str = ""


def status_text(title: str, status: LogStatus) -> str:
    """A line such as `A1 · FOLLOW · /srcc 14/212 · wrap off`."""
    parts = [safe.plain(title)] if title else []
    if not status.there:
        return " · ".join([*parts, "no log"])
    if status.follow:
        parts.append("end" if status.ended else "FOLLOW")
    else:
        parts.append(f"line {status.line:,}/{status.lines:,}" if status.exact else "counting lines")
        if status.below:
            parts.append(f"{status.below:,} new below")
    if status.search:
        found = f"{status.hits:,} so far" if status.searching else f"{status.position}/{status.hits}"
        parts.append(f"/{_short(status.search)} {found}")
    if status.filter:
        parts.append(f"&{_short(status.filter)} {status.shown:,} lines{' so far' if status.filtering else ''}")
    if status.scanned is not None:
        parts.append(f"scanning {int(100 * status.scanned)} %")
    if status.note:
        parts.append(safe.plain(status.note))
    parts.append("wrap on" if status.wrap else "wrap off")
    return " · ".join(parts)


def _short(text: str) -> str:
    text = safe.plain(text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
