"""What the command palette offers: the keys of the screen by their words, runs, studies and themes by their names."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.worker import Worker

from iqa_tui.keys import shown_keys
from iqa_tui.safe import plain

if TYPE_CHECKING:
    from iqa_tui.app import Console

_OF_NO_USE_HERE = ("logs.", "app.hint", "app.quit", "app.palette", "app.next", "app.previous")


@dataclass(frozen=True)
class Command:
    """`name` is plain text; `first` ones are offered before anything is typed."""

    name: str
    words: str
    run: Callable[[], object]
    first: bool = False


class Palette(CommandPalette):
    """Textual's. A search that is overtaken by the palette's closing fails there, and takes no console along here."""

    def run_worker(self, *args: Any, **options: Any) -> Worker[Any]:  # noqa: ANN401 (whatever a DOMNode takes)
        """As everywhere, but what fails is only logged."""
        return super().run_worker(*args, **{**options, "exit_on_error": False})


class ConsoleCommands(Provider):
    """Of the console itself; nothing of Textual's own."""

    async def startup(self) -> None:
        """Collect them; studies are looked for on the disk, in a thread."""
        studies = await asyncio.to_thread(_studies, self._console)
        self._all = [*self._keys(), *self._runs(), *self._themes(), *self._of_studies(studies)]

    async def discover(self) -> Hits:
        """Before anything is typed."""
        for one in self._all:
            if one.first:
                yield DiscoveryHit(Content(one.name), one.run, text=one.name, help=one.words)

    async def search(self, query: str) -> Hits:
        """What goes with the letters typed."""
        matcher = self.matcher(query)
        for one in self._all:
            score = matcher.match(one.name)
            if score > 0:
                yield Hit(score, matcher.highlight(one.name), one.run, text=one.name, help=one.words)

    @property
    def _console(self) -> Console:
        from iqa_tui.app import Console

        assert isinstance(self.app, Console)
        return self.app

    def _keys(self) -> list[Command]:
        """What the screen's and the app's keys do, by their words."""
        found: dict[str, Command] = {}
        for node, binding, enabled, _ in self.screen.active_bindings.values():
            said = binding.description or binding.tooltip
            usable = enabled and binding.id and said and node in {self.screen, self.app}
            if usable and not str(binding.id).startswith(_OF_NO_USE_HERE):
                words = f"{binding.tooltip or binding.description} ({shown_keys(binding.key)})"
                run = partial(self.app.run_action, binding.action, node)
                found.setdefault(str(binding.id), Command(said, words, run, first=True))
        return list(found.values())

    def _runs(self) -> list[Command]:
        console = self._console
        several = len({line.seed for line in console.board.lines}) > 1
        found = []
        for line in console.board.lines:
            name = f"Go to run {plain(line.experiment)}" + (f" seed {line.seed}" if several else "")
            found.append(
                Command(name, plain(line.title) or "choose it in the table", partial(console.go_to_run, line.key))
            )
        return found

    def _themes(self) -> list[Command]:
        from iqa_tui.themes import theme_names

        app = self.app
        words = "for now; theme = ... in the configuration keeps it"
        return [Command(f"Theme {name}", words, partial(setattr, app, "theme", name)) for name in theme_names()]

    def _of_studies(self, names: list[str]) -> list[Command]:
        console = self._console
        return [
            Command(f"Open study {plain(name)}", "watch it in place of this one", partial(console.open_study, name))
            for name in names
            if name != console.board.study
        ]


def _studies(console: Console) -> list[str]:
    """Those of the study file, and those that have runs."""
    from iqa_train.runs.layout import run_folders
    from iqa_train.study.resolve import profiles_by_study

    filed = profiles_by_study(console.board.file) if console.board.file else {}
    try:
        there = sorted({run.study for run in run_folders(console.target.runs_dir)})
    except OSError:
        there = []
    return list(dict.fromkeys([*filed, *there]))
