"""The dialog that copies something about a run through the terminal: its folder, its log, a command, its row."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from iqa_tui.screens.parts.choice import Choice
from iqa_tui.screens.parts.dialog import Dialog, field

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from textual.widget import Widget

    from iqa_tui.state.board import RunLine, Target


class CopyScreen(Dialog[str]):
    """Returns the text to copy."""

    TITLE_WORDS = "Copy"
    DOES = "Copy"
    KEYS = "←→ change"

    def __init__(self, options: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._options = options

    def parts(self) -> Iterable[Widget]:
        yield field("What", Choice(self._options, id="copied"))

    def action_accept(self) -> None:
        self.dismiss(self.query_one("#copied", Choice).value)


def copy_options(line: RunLine, target: Target, heads: Sequence[str], cells: Sequence[str]) -> list[tuple[str, str]]:
    """Texts and what each is. The row has its heads, in columns separated by tabs, for a sheet."""
    row = "\n".join("\t".join(text.strip() for text in texts) for texts in (heads, cells))
    folder = str(line.run.path.absolute())
    options = [(folder, f"folder: {folder}")]
    if line.log is not None:
        log = str(line.log.absolute())
        options.append((log, f"log: {log}"))
    if not line.external:
        command = run_command(line, target)
        options.append((command, f"command: {command}"))
    return [*options, (row, "row: as it is in the table, with its heads")]


def run_command(line: RunLine, target: Target) -> str:
    """What carries the run out in a shell in this folder."""
    words = ["iqa-train"]
    if target.experiments is not None:
        words += ["--experiments", str(target.experiments)]
    if target.profile is not None:
        words += ["--profile", target.profile]
    if str(target.runs_dir) != "runs":
        words += ["--runs-dir", str(target.runs_dir)]
    return shlex.join([*words, "--exp", line.experiment, "--seeds", str(line.seed)])
