"""The window's title, and by which events the terminal rings."""

from dataclasses import replace

from iqa_tui.state.board import Board
from iqa_tui.terminal_signals import Signals, TerminalSignals, news, title_of
from tests.tui.study.test_study_parts import line


def board(*states: str, **more: object) -> Board:
    lines = tuple(line(n, f"A{n}", state) for n, state in enumerate(states, 1))
    return Board(study="s", lines=lines, read=True, **more)  # type: ignore[arg-type]


def test_the_title_has_what_is_done_and_the_time_left() -> None:
    assert title_of(Board()) == "iqa"
    assert title_of(board("completed", "running", seconds_left=12.0)) == "iqa 1/2 · ETA 0:12"
    assert title_of(board("failed", "completed")) == "iqa 1/2 · 1 failed"


def test_a_failure_and_the_last_end_are_news_and_nothing_else() -> None:
    runs = board("running", "running", "queued")
    assert news(Board(), runs) == ""
    assert news(Board(), board("failed")) == ""  # it had failed before the console was opened
    assert news(runs, board("completed", "running", "running")) == ""
    assert news(runs, board("failed", "running", "running")) == "s: A1 failed"
    ended = board("completed", "failed", "completed")
    assert news(runs, ended) == "s: A2 failed; all runs have ended, 2 of 3 with a result"
    assert news(runs, replace(ended, study="other")) == ""


def test_each_can_be_switched_off_and_the_old_title_comes_back() -> None:
    before, after = board("running"), board("failed")
    sent: list[str] = []
    signals = TerminalSignals(Signals(), sent.append)
    signals.show(before, before)
    signals.show(before, after)
    signals.close()
    assert sent == [
        "\x1b[22;0t\x1b]0;iqa 0/1\x07", "\x1b]0;iqa 0/1 · 1 failed\x07",
        "\x1b]9;s: A1 failed; all runs have ended, 0 of 1 with a result\x07", "\x07", "\x1b[23;0t",
    ]  # fmt: skip
    sent.clear()
    silent = TerminalSignals(Signals(bell=False, notify=False, title=False), sent.append)
    silent.show(before, after)
    silent.close()
    assert sent == []
