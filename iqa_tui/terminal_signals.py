"""What the console tells the terminal: the title of its window, and by bell and notification how runs have ended."""

from collections.abc import Callable
from dataclasses import dataclass

from iqa_train.runs.state_names import FAILED, FINISHED, LOST
from iqa_train.text import format_duration, join_names
from iqa_tui.safe import plain
from iqa_tui.state.board import Board

_KEEP_TITLE, _TITLE_BACK = "\x1b[22;0t", "\x1b[23;0t"
_MOST_NAMED = 3


@dataclass(frozen=True)
class Signals:
    """Which of them the user wants. `notify`: OSC 9, which terminals show as a notification of the desktop."""

    bell: bool = True
    notify: bool = True
    title: bool = True


class TerminalSignals:
    """Compares each board with the one before; `write` sends text to the terminal as it is."""

    def __init__(self, wanted: Signals, write: Callable[[str], None]) -> None:
        self._wanted = wanted
        self._write = write
        self._title = ""

    def show(self, old: Board, new: Board) -> None:
        """Tell what is new."""
        if self._wanted.title and (title := title_of(new)) != self._title:
            self._write(("" if self._title else _KEEP_TITLE) + f"\x1b]0;{title}\x07")
            self._title = title
        words = news(old, new)
        if words and self._wanted.notify:
            self._write(f"\x1b]9;{words}\x07")
        if words and self._wanted.bell:
            self._write("\x07")

    def close(self) -> None:
        """Give the window its old title back."""
        if self._title:
            self._write(_TITLE_BACK)


def title_of(board: Board) -> str:
    """Such as `iqa 3/5 · ETA 0:12`; how many have failed comes first."""
    words = (
        [f"iqa {sum(line.state in FINISHED for line in board.lines)}/{len(board.lines)}"] if board.lines else ["iqa"]
    )
    failed = sum(line.state in {FAILED, LOST} for line in board.lines)
    if failed:
        words.append(f"{failed} failed")
    if board.seconds_left:
        words.append(f"ETA {format_duration(board.seconds_left)}")
    return " · ".join(words)


def news(old: Board, new: Board) -> str:
    """Which runs have failed since `old`, and whether nothing is left to run; "" if neither."""
    if not old.read or not new.read or old.study != new.study:
        return ""
    before = {line.key: line.state for line in old.lines}
    failed = [
        line.experiment for line in new.lines
        if line.state in {FAILED, LOST} and before.get(line.key, line.state) != line.state
    ]  # fmt: skip
    words = [f"{join_names(failed, _MOST_NAMED)} failed"] if failed else []
    if any(line.is_open for line in old.lines) and not any(line.is_open for line in new.lines) and not new.more_rounds:
        done = sum(line.state in FINISHED for line in new.lines)
        words.append(f"all runs have ended, {done} of {len(new.lines)} with a result")
    return plain(f"{new.study}: {'; '.join(words)}") if words else ""
