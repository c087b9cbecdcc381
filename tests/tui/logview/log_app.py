"""An application with one log, and what the tests ask of it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from textual.app import App, ComposeResult
from textual.pilot import Pilot

from iqa_tui.logview import LogPane, LogView


class LogApp(App[None]):
    def __init__(self, path: Path | None, title: str = "A1") -> None:
        super().__init__()
        self.path = path
        self.log_title = title
        self.changes = 0

    def compose(self) -> ComposeResult:
        yield LogPane()

    def on_mount(self) -> None:
        self.query_one(LogPane).show(self.log_title, self.path)
        self.query_one(LogView).focus()

    def on_log_view_changed(self) -> None:
        self.changes += 1


@asynccontextmanager
async def shown(path: Path | None, size: tuple[int, int] = (60, 12), title: str = "A1") -> AsyncIterator["Screen"]:
    """The application with this log on a screen of this size: `size[1] - 1` lines of log and a status line."""
    async with LogApp(path, title).run_test(size=size) as pilot:
        screen = Screen(pilot)
        await pilot.pause()
        await screen.until(lambda: screen.view.status.exact)
        yield screen


class Screen:
    """What is seen, as text."""

    def __init__(self, pilot: Pilot[None]) -> None:
        self.pilot = pilot
        self.app = pilot.app
        self.pane = self.app.query_one(LogPane)
        self.view = self.pane.view

    def all_lines(self) -> list[str]:
        strips = self.app.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip) for strip in strips]

    def lines(self) -> list[str]:
        """Of the log, without the scrollbar."""
        return [line[:-1].rstrip() for line in self.all_lines()[: self.view.size.height]]

    def status(self) -> str:
        return self.all_lines()[-1].strip()

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def typed(self, key: str, text: str) -> None:
        """Into the prompt that `key` opens."""
        await self.press(key)
        await self.press(*("space" if c == " " else c for c in text), "enter")
        await self.until(lambda: not self.view.status.searching)

    async def until(self, true: Callable[[], bool], seconds: float = 5.0) -> None:
        for _ in range(int(seconds / 0.02)):
            if true():
                await self.pilot.pause()
                return
            await self.pilot.pause(0.02)
        raise AssertionError("still not so:\n" + "\n".join(self.all_lines()))
