"""The command palette: the console's commands and nothing of no use."""

from pathlib import Path

from textual.command import CommandPalette
from textual.widgets import OptionList
from textual.worker import WorkerState

from iqa_tui.screens.help import HelpScreen
from iqa_tui.screens.study import StudyScreen
from tests.tui.screens.console_host import Seat, seat


def offered(console: Seat) -> str:
    options = console.app.screen.query_one(OptionList)
    return "\n".join(str(options.get_option_at_index(n).prompt) for n in range(options.option_count))


async def asked(console: Seat, text: str) -> None:
    await console.press("ctrl+p")
    await console.until(lambda: isinstance(console.app.screen, CommandPalette))
    await console.press(*("space" if c == " " else c for c in text))


async def picks(console: Seat, text: str, wanted: str) -> None:
    await asked(console, text)
    await console.until(lambda: wanted in offered(console))
    await console.press("enter")
    await console.until(lambda: not isinstance(console.app.screen, CommandPalette))


async def test_the_palette_offers_what_the_console_can_do_before_anything_is_typed(study: Path) -> None:
    async with seat() as console:
        await asked(console, "")
        await console.until(lambda: "Detach" in offered(console))
        text = offered(console)
    for words in ("Start", "Stop", "Relaunch", "Pause", "Export", "Zoom", "Plot", "Compare", "Help"):
        assert words in text, words
    for useless in ("Maximize", "Screenshot", "Keys", "Quit"):
        assert useless not in text


async def test_goes_to_a_run_and_chooses_a_theme(study: Path) -> None:
    async with seat() as console:
        screen = console.app.screen
        assert isinstance(screen, StudyScreen)
        await picks(console, "go to run a2", "Go to run A2")
        await console.until(lambda: screen.selected is not None and screen.selected.experiment == "A2")
        await picks(console, "theme nord", "Theme nord")
        await console.until(lambda: console.app.theme == "nord")


async def test_a_command_of_the_palette_does_what_its_key_does(study: Path) -> None:
    async with seat() as console:
        await picks(console, "zoom", "Zoom")
        await console.until(lambda: console.app.screen.has_class("-zoom"))
        await picks(console, "help", "Help")
        await console.until(lambda: isinstance(console.app.screen, HelpScreen))


async def test_opens_another_study(study: Path) -> None:
    (study / "runs" / "small").rename(study / "runs" / "older")
    (study / "runs" / "queue.json").unlink()
    async with seat() as console:
        await picks(console, "open study old", "Open study older")
        await console.until(lambda: console.app.board.study == "older")
        assert isinstance(console.app.screen, StudyScreen)
        await console.sees("older", "A1")


async def test_a_search_that_fails_ends_no_console(study: Path) -> None:
    """As Textual's does at times, where the palette is closed in the moment in which the search has found something."""
    async with seat() as console:
        await asked(console, "")

        async def search() -> None:
            console.app.screen.query_one("#gone")

        worker = console.app.screen.run_worker(search())
        await console.until(lambda: worker.state is WorkerState.ERROR)
        await console.press("escape")
        await console.until(lambda: isinstance(console.app.screen, StudyScreen))
