"""What a log view tells of itself, and how a status line says it."""

from dataclasses import dataclass

from iqa_tui import safe

_LONGEST = 24  # characters of what is searched for


@dataclass(frozen=True)
class LogStatus:
    """The state of a log view. Texts are as they came: `words` makes them safe."""

    lines: int = 0
    exact: bool = True  # whether all lines have been counted; until then `lines` are those of the end
    line: int = 0  # number, from 1, of the marked line, or of the one at the bottom of the screen
    follow: bool = True
    below: int = 0  # lines that have come since follow was let go
    search: str = ""
    position: int = 0  # which hit is marked, from 1
    hits: int = 0
    searching: bool = False  # whether there may be more hits in what has not been looked at yet
    filter: str = ""
    shown: int = 0  # lines that the filter lets through
    wrap: bool = False
    note: str = ""


def words(title: str, status: LogStatus) -> str:
    """One line: `A1 · FOLLOW · /srcc 14/212 · wrap off`."""
    parts = [safe.plain(title)] if title else []
    if status.follow:
        parts.append("FOLLOW")
    else:
        parts.append(f"line {status.line:,}/{status.lines:,}" if status.exact else "counting lines")
        if status.below:
            parts.append(f"{status.below:,} new below")
    if status.search:
        more = "+" if status.searching else ""
        parts.append(f"/{_short(status.search)} {status.position}/{status.hits}{more}")
    if status.filter:
        parts.append(f"&{_short(status.filter)} {status.shown:,} lines")
    if status.note:
        parts.append(safe.plain(status.note))
    parts.append("wrap on" if status.wrap else "wrap off")
    return " · ".join(parts)


def _short(text: str) -> str:
    text = safe.plain(text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
