"""The commands of the palette: the screen's key actions, runs, studies and themes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.worker import Worker

from iqa_tui.host import ConsoleApp, console_of
from iqa_tui.keys import shown_keys
from iqa_tui.safe import plain
from iqa_tui.state.study_names import names_of_studies

_NOT_OFFERED = ("logs.", "app.hint", "app.quit", "app.palette", "app.next", "app.previous")


@dataclass(frozen=True)
class Command:
    """`name` is plain text; those with `first` are offered before anything is typed."""

    name: str
    help: str
    run: Callable[[], object]
    first: bool = False


class Palette(CommandPalette):
    """Textual's palette; a search that fails because the palette closed does not end the console."""

    def run_worker(self, *args: Any, **options: Any) -> Worker[Any]:  # noqa: ANN401 (the arguments of DOMNode)
        """As in Textual, but failures are only logged."""
        return super().run_worker(*args, **{**options, "exit_on_error": False})


class ConsoleCommands(Provider):
    """The console's own commands, without Textual's."""

    async def startup(self) -> None:
        """Collect the commands; the disk is searched for studies in a thread."""
        studies = await asyncio.to_thread(_studies, self._console)
        self._all = [*self._keys(), *self._runs(), *self._themes(), *self._of_studies(studies)]

    async def discover(self) -> Hits:
        for command in self._all:
            if command.first:
                yield DiscoveryHit(Content(command.name), command.run, text=command.name, help=command.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for command in self._all:
            score = matcher.match(command.name)
            if score > 0:
                yield Hit(score, matcher.highlight(command.name), command.run, text=command.name, help=command.help)

    @property
    def _console(self) -> ConsoleApp:
        return console_of(self.app)

    def _keys(self) -> list[Command]:
        """The actions of the screen's and the app's keys."""
        commands: dict[str, Command] = {}
        for node, binding, enabled, _ in self.screen.active_bindings.values():
            name = binding.description or binding.tooltip
            usable = enabled and binding.id and name and node in {self.screen, self.app}
            if usable and not str(binding.id).startswith(_NOT_OFFERED):
                text = f"{binding.tooltip or binding.description} ({shown_keys(binding.key)})"
                run = partial(self.app.run_action, binding.action, node)
                commands.setdefault(str(binding.id), Command(name, text, run, first=True))
        return list(commands.values())

    def _runs(self) -> list[Command]:
        console = self._console
        several = len({line.seed for line in console.board.lines}) > 1
        commands = []
        for line in console.board.lines:
            name = f"Go to run {plain(line.experiment)}" + (
                f" {line.run.seed_words}" if several or line.run.repeat > 1 else ""
            )
            commands.append(
                Command(name, plain(line.title) or "select it in the table", partial(console.go_to_run, line.key))
            )
        return commands

    def _themes(self) -> list[Command]:
        from iqa_tui.themes import theme_names

        app = self.app
        text = "until you leave; to keep it, set theme in the configuration"
        return [Command(f"Theme {name}", text, partial(setattr, app, "theme", name)) for name in theme_names()]

    def _of_studies(self, names: list[str]) -> list[Command]:
        console = self._console
        return [
            Command(f"Open study {plain(name)}", "watch it instead of this one", partial(console.open_study, name))
            for name in names
            if name != console.board.study
        ]


def _studies(console: ConsoleApp) -> list[str]:
    """The names of studies in the study file and of those with runs."""
    from iqa_train.study.profiles import profiles_by_study

    in_file = profiles_by_study(console.board.file) if console.board.file else {}
    return list(dict.fromkeys([*in_file, *names_of_studies(console.target.runs_dir)]))
