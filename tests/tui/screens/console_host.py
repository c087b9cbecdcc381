"""Drives the console by keys, and reads the screen."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot

from iqa_tui.app import Console
from iqa_tui.config import Config
from iqa_tui.state.board import Target

SIZES = [(80, 24), (160, 48)]


class Seat:
    """The screen of a console."""

    def __init__(self, pilot: Pilot[str], app: Console) -> None:
        self.pilot = pilot
        self.app = app

    def lines(self) -> list[str]:
        strips = self.app.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip).rstrip() for strip in strips]

    def text(self) -> str:
        return "\n".join(self.lines())

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def until(self, true: Callable[[], bool], seconds: float = 30.0) -> None:
        for _ in range(int(seconds / 0.02)):
            if true():
                await self.pilot.pause()
                return
            await self.pilot.pause(0.02)
        raise AssertionError(f"still not so:\n{self.text()}")

    async def sees(self, *words: str) -> None:
        """Wait until all of `words` are on the screen."""
        await self.until(lambda: all(word in self.text() for word in words))

    async def reads(self, selector: str = "Page") -> str:
        """All of a page, from its top to its end."""
        page = self.app.screen.query_one(selector)
        found: list[str] = []
        await self.press("g")
        while True:
            found += self.lines()
            before = page.scroll_offset.y
            await self.press("pagedown")
            await self.pilot.pause(0.05)
            if page.scroll_offset.y == before:
                return "\n".join(found)


@asynccontextmanager
async def seat(
    size: tuple[int, int] = (80, 24),
    *,
    readonly: bool = False,
    target: Target | None = None,
    config: Config | None = None,
    settled: bool = False,
) -> AsyncIterator[Seat]:
    """A console on the study of the folder; `settled` waits for its results."""
    app = Console(target or Target(Path("runs"), Path("logs")), readonly=readonly, config=config)
    app.animation_level = "none"
    async with app.run_test(size=size) as pilot:
        sitting = Seat(pilot, app)
        await sitting.until(lambda: app.board.results is not None if settled else bool(app.board.lines), 60.0)
        yield sitting
