"""What the main screen and the help look like: `pytest tests/tui/looks --snapshot-update` renews the pictures."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.fault_project import FaultyProject
from tests.tui.looks.still import CJK, Still, board_of

Compare = Callable[..., bool]


async def _settled(pilot: Any) -> None:
    """Until the study and its log are there."""
    for _ in range(200):
        await pilot.pause(0.05)
        if pilot.app.board.lines:
            break
    assert pilot.app.board.lines
    await pilot.pause(1.0)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's own configuration and colours."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", "/nowhere")  # the help shows it


def test_on_80_columns(snap_compare: Compare, five_done: FaultyProject) -> None:
    assert snap_compare(Still(board_of(five_done)), terminal_size=(80, 24), run_before=_settled)


def test_on_120_columns_light(snap_compare: Compare, five_done: FaultyProject) -> None:
    app = Still(board_of(five_done))
    app.theme = "iqa-light"
    assert snap_compare(app, terminal_size=(120, 36), run_before=_settled)


def test_on_160_columns_with_wide_characters(snap_compare: Compare, five_done: FaultyProject) -> None:
    assert snap_compare(Still(board_of(five_done, CJK)), terminal_size=(160, 48), run_before=_settled)


def test_without_colour(snap_compare: Compare, five_done: FaultyProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(Still(board_of(five_done)), terminal_size=(80, 24), run_before=_settled)


async def _helped(pilot: Any) -> None:
    await _settled(pilot)
    await pilot.press("question_mark")
    await pilot.pause(1.0)


def test_help_on_80_columns(snap_compare: Compare, five_done: FaultyProject) -> None:
    assert snap_compare(Still(board_of(five_done)), terminal_size=(80, 24), run_before=_helped)


def test_help_on_160_columns_light(snap_compare: Compare, five_done: FaultyProject) -> None:
    app = Still(board_of(five_done))
    app.theme = "iqa-light"
    assert snap_compare(app, terminal_size=(160, 48), run_before=_helped)
