"""A small console around the keys that act, for a study of stand-in workers: its table as text, its notices."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import Footer, Static

from iqa_tui.actions.notice import ActionContext, Notice
from iqa_tui.screens.action_screen import ActionScreen
from iqa_tui.screens.parts.planning import PlanningDialog
from iqa_tui.state.board import Board, RunLine, Target
from iqa_tui.state.study_reader import StudyReader
from tests.faults.fault_project import FaultyProject

QUICK = 0.05


class HostScreen(ActionScreen):
    """Shows a line for each run; reads the files on demand."""

    def __init__(self, target: Target, *, readonly: bool = False) -> None:
        super().__init__()
        self.target = target
        self.readonly = readonly
        self.reader = StudyReader(target)
        self.board = Board()
        self.selected: str | None = None
        self.marked: frozenset[str] = frozenset()

    def compose(self) -> ComposeResult:
        yield Static(id="lines", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        self.look()

    def look(self) -> None:
        self.board = self.reader.read()
        lines = [f"{line.experiment} {line.seed} {line.state}" for line in self.board.lines]
        self.query_one("#lines", Static).update("\n".join(lines))

    def current_context(self) -> ActionContext:
        return ActionContext(self.board, self.target, self.line, self.marked, self.readonly)

    def after_action(self, notice: Notice) -> None:
        self.look()

    @property
    def line(self) -> RunLine | None:
        return next((line for line in self.board.lines if line.experiment == self.selected), None)

    def mark(self, *experiments: str) -> None:
        self.marked = frozenset(line.key for line in self.board.lines if line.experiment in experiments)


class Host(App[None]):
    """The host screen on an app."""

    def __init__(self, target: Target, *, readonly: bool = False) -> None:
        super().__init__()
        self.host = HostScreen(target, readonly=readonly)

    def on_mount(self) -> None:
        self.push_screen(self.host)

    @property
    def notices(self) -> list[str]:
        return [notice.text for notice in self.host.notices]

    def shown(self) -> str:
        """The text of the screen on top."""
        return "\n".join(
            "".join(segment.text for segment in strip) for strip in self.screen._compositor.render_strips()
        )


def drive(
    target: Target,
    act: Callable[[Host, Pilot[None]], Awaitable[None]],
    *,
    size: tuple[int, int] = (80, 24),
    readonly: bool = False,
) -> Host:
    """Open the console, do what `act` does, close it."""

    async def go() -> Host:
        app = Host(target, readonly=readonly)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await act(app, pilot)
        return app

    return asyncio.run(go())


async def until(pilot: Pilot[Any], what: str, so: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Wait until something is so; returns what `so` returned."""
    for _ in range(round(seconds / QUICK)):
        found = so()
        if found:
            return found
        await pilot.pause(QUICK)
    app = pilot.app
    assert isinstance(app, Host)
    raise AssertionError(f"not within {seconds:g} s: {what}\n{app.notices}\n{app.shown()}")


async def planned(pilot: Pilot[Any]) -> None:
    """Wait until a dialog has looked up what its fields mean."""
    screen = pilot.app.screen
    assert isinstance(screen, PlanningDialog)
    await until(pilot, "a plan or a complaint", lambda: screen.plan or complaint(pilot))


def complaint(pilot: Pilot[Any]) -> str:
    """What the dialog complains of."""
    line = pilot.app.screen.query_one("#complaint", Static)
    return str(line.visual) if line.display else ""


async def notice_with(pilot: Pilot[Any], words: str, seconds: float = 20.0) -> str:
    """Wait for a sentence that holds these words."""
    app = pilot.app
    assert isinstance(app, Host)
    found: str = await until(pilot, words, lambda: next((s for s in app.notices if words in s), None), seconds)
    return found


def states(app: Host, *wanted: str) -> list[str]:
    """The experiments whose runs are in one of these states now."""
    app.host.look()
    return [line.experiment for line in app.host.board.lines if line.state in wanted]


def target_of(project: FaultyProject, **more: Any) -> Target:
    """The study of a project, seen from its own folder."""
    return Target(runs_dir=Path("runs"), logs_dir=Path("logs"), **more)
