"""The relaunch dialog of several runs: they all continue from their checkpoints, or all start over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from iqa_train.runs.state_names import is_words
from iqa_tui.actions.orders import RelaunchOrder, run_name, runs_words
from iqa_tui.actions.relaunch import relaunch_options
from iqa_tui.safe import plain
from iqa_tui.screens.parts.runs_dialog import RunsDialog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iqa_tui.actions.relaunch import RelaunchOptions
    from iqa_tui.state.board import RunLine


class RelaunchRunsScreen(RunsDialog[RelaunchOrder]):
    """Returns a RelaunchOrder for those of `lines` that can be relaunched in the chosen way."""

    DOES = "Queue"

    def __init__(self, lines: Sequence[RunLine]) -> None:
        super().__init__()
        self.TITLE_WORDS = f"Relaunch {runs_words(lines)}"
        self._options = [(line, relaunch_options(line)) for line in lines]

    def ways(self) -> list[tuple[bool, str]]:
        resume, over = len(self._keys_for(again=False)), len(self._keys_for(again=True))
        choices = []
        if resume:
            choices.append((False, f"continue from the last checkpoints: {resume} of {len(self._options)}"))
        if over:
            choices.append((True, f"start over: {over} of {len(self._options)}"))
        return choices or [(False, "none of them can be relaunched")]

    def action_accept(self) -> None:
        keys = self._keys_for(again=self.way)
        if keys:
            self.dismiss(RelaunchOrder(keys, again=self.way))
        else:
            self.complain("nothing to relaunch: none of these runs has ended")

    def _keys_for(self, *, again: bool) -> tuple[str, ...]:
        return tuple(line.key for line, options in self._options if _can(options, again=again))

    def about_runs(self, way: bool) -> list[Content]:
        return [_line_about(line, options, again=way) for line, options in self._options]


def _can(options: RelaunchOptions, *, again: bool) -> bool:
    return options.start_over if again else options.resume


def _line_about(line: RunLine, options: RelaunchOptions, *, again: bool) -> Content:
    name = plain(run_name(line.run, several_seeds=True))
    if not _can(options, again=again):
        why = "" if line.row is None else options.why_not.removeprefix(f"{line.experiment} ({line.run.seed_words}) ")
        return Content.styled(f"{name}: {plain(why or f'{is_words(line.state_name)}: skipped')}", "dim")
    if not again:
        return Content(f"{name}: continues after epoch {options.epochs}" if options.epochs else f"{name}: starts")
    kept = "its result counts until the new one is complete" if line.own is not None and line.own.finished else ""
    return Content(f"{name}: starts over" + (f"; {kept}" if kept else ""))
