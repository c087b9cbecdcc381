"""Every key that the help lists does what it says there, where it says so."""

from pathlib import Path
from typing import Any

import pytest

from iqa_tui.app import Console
from iqa_tui.keys import classes, split_keys
from tests.tui.screens.console_host import Seat, seat

WAYS: dict[str, tuple[str, ...]] = {
    "Console": (), "ActionScreen": (), "StudyScreen": ("tab",), "RunTable": (),
    "LogView": (), "Prompt": ("ampersand",), "RunFilter": ("slash",),
    "RunScreen": ("enter",), "Page": ("enter",), "HelpScreen": ("question_mark",),
    "QueueScreen": ("Q",), "QueueList": ("Q",),
    "CompareScreen": ("down", "c"), "PickScreen": ("down", "c", "1"), "Picks": ("down", "c", "1"),
    "Dialog": ("s",), "Choice": ("s",),
}  # fmt: skip
"""How one comes to where the keys of a class are at work."""


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Every action that a key has led to, by the class whose binding it is; each is carried out all the same."""
    actions: list[tuple[str, str]] = []
    plain = Console.run_action

    async def run_action(self: Console, action: Any, default_namespace: Any = None, *more: Any) -> bool:
        actions.extend((one.__name__, str(action)) for one in type(default_namespace).__mro__)
        return await plain(self, action, default_namespace, *more)

    monkeypatch.setattr(Console, "run_action", run_action)
    return actions


async def _focus(console: Seat, name: str) -> None:
    """With the key for it, as a person does."""
    for _ in range(8):
        focused = console.app.focused
        if focused is not None and name in {one.__name__ for one in type(focused).__mro__}:
            return
        await console.press("tab")
    raise AssertionError(f"no {name} to be reached")


def _place(console: Seat) -> object:
    """Where the keys go: the screens that are open and the widget in focus; None once the console is closing."""
    app = console.app
    return None if app._exit else ([id(screen) for screen in app.screen_stack], id(app.focused))


@pytest.mark.slow
@pytest.mark.parametrize("owner", classes(), ids=lambda one: one.__name__)
async def test_each_key_leads_to_its_action(study: Path, done: list[tuple[str, str]], owner: type) -> None:
    """One console serves until a key has led away from where the keys of the class are at work."""
    left = [(binding, key) for binding in owner.__dict__["BINDINGS"] for key in split_keys(binding.key)]
    while left:
        async with seat((120, 36)) as console:
            for way in WAYS[owner.__name__]:
                await console.press(way)
            if owner.__name__ in {"LogView", "Choice"}:
                await _focus(console, owner.__name__)
            place = _place(console)
            while left and _place(console) == place:
                binding, key = left.pop(0)
                done.clear()
                await console.press(key)
                ways = {(owner.__name__, binding.action), ("Screen", f"app.{binding.action}")}  # Textual has tab there
                assert ways & set(done), (key, binding.id, done)
        assert console.app.return_code in {0, None}
