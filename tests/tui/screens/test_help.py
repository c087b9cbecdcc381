"""The help screen and what it is made of: every key has a name and words, and all of them are on the page."""

import re
from pathlib import Path

import pytest
from textual.binding import Binding

from iqa_tui.keys import classes, every_key, shown_keys
from iqa_tui.screens.help import HelpScreen, how_it_works, key_sections
from iqa_tui.screens.study import StudyScreen
from tests.tui.screens.console_host import SIZES, seat

OWNERS = classes()


@pytest.mark.parametrize("owner", OWNERS, ids=lambda one: one.__name__)
def test_every_key_has_a_name_and_says_what_it_does(owner: type) -> None:
    for binding in owner.__dict__["BINDINGS"]:
        assert isinstance(binding, Binding)
        assert binding.id, f"{owner.__name__}: {binding.key} has no id"
        assert re.fullmatch(r"[a-z]+\.[a-z0-9_-]+", binding.id), binding.id
        assert binding.tooltip or binding.description, f"{owner.__name__}: {binding.id} says nothing"


def test_all_screens_and_panes_are_among_them() -> None:
    names = {owner.__name__ for owner in OWNERS}
    assert {
        "Console",
        "StudyScreen",
        "ActionScreen",
        "RunScreen",
        "HelpScreen",
        "Dialog",
        "RunTable",
        "LogView",
    } <= names


@pytest.mark.parametrize("size", SIZES)
async def test_lists_every_key_under_its_name(study: Path, size: tuple[int, int]) -> None:
    async with seat(size) as console:
        await console.press("?")
        await console.sees("How it works")
        page = await console.reads()
        await console.press("escape")
        assert isinstance(console.app.screen, StudyScreen)
    for key in every_key():
        if not re.fullmatch(r"logs\.[2-8]", key.id):  # `logs.1 to logs.9` is one line
            assert key.id in page, key.id
            assert shown_keys(key.keys).split(" ")[0] in page
    for words in ("▶ running", "? lost", "selected so far on validation", "Verdict", "Start iqa-tui again"):
        assert words in " ".join(page.split()), words


async def test_opens_from_everywhere_and_closes(study: Path) -> None:
    async with seat() as console:
        await console.press("enter")
        await console.sees("Results")
        for back in ("escape", "q", "question_mark"):
            await console.press("question_mark")
            await console.until(lambda: isinstance(console.app.screen, HelpScreen))
            await console.press(back)
            await console.sees("Run 1 of 3")


def test_a_changed_digit_is_reported_by_itself() -> None:
    keys = every_key()
    assert any("logs.1 to logs.9" in line.cells for section in key_sections(keys, {}) for line in section.lines)
    lines = [line for section in key_sections(keys, {"logs.3": "f3"}) for line in section.lines]
    assert any(line.cells[:2] == ("f3", "logs.3") and line.mark == "differs" for line in lines)
    assert any(line.cells[:2] == ("4", "logs.4") for line in lines)


def test_says_that_a_console_only_looks() -> None:
    assert "--readonly" in how_it_works(readonly=True).lines[0].cells[0]
