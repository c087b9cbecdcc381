"""The start dialog: the marked runs, a batch, all runs or the selected one, with a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widgets import Input

from iqa_train.slurm.commands import is_available
from iqa_train.text import join_names
from iqa_tui.actions.orders import MOST_NAMES, StartOrder, runs_words
from iqa_tui.screens.parts.choice import Choice
from iqa_tui.screens.parts.dialog import field
from iqa_tui.screens.parts.planning import FormError, PlanningDialog, seeds_from

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from textual.widget import Widget

    from iqa_tui.state.board import Board, RunLine, Target

_POLICIES = (
    ("batches", "batches: one after another, on the devices given in the file"),
    ("greedy", "greedy: each free device takes the next run"),
)
_BACKENDS = (("local", "this machine"), ("slurm", "Slurm: job arrays, as [slurm] in the study file says"))
_DONE = frozenset({"completed", "stopped-early"})


class StartScreen(PlanningDialog):
    """Returns a StartOrder. `marked` are keys of lines; `selected` are the runs under the cursor."""

    TITLE_WORDS = "Start"
    DOES = "Start"
    KEYS = "↑↓ field  ←→ change  pgdn more"

    def __init__(
        self, board: Board, target: Target, marked: Iterable[str] = (), selected: Sequence[RunLine] = ()
    ) -> None:
        super().__init__(target)
        self.board = board
        self.what = _choices(board, [line for line in board.lines if line.key in set(marked)], selected)

    def parts(self) -> Iterable[Widget]:
        board = self.board
        seeds = sorted({line.seed for line in board.lines if line.planned})
        yield field("What", Choice(self.what or [(None, "there are no runs")], id="what"))
        yield field("Seeds", Input(id="seeds", compact=True, placeholder=f"{' '.join(map(str, seeds))} (default)"))
        at = next((n for n, (name, _) in enumerate(_POLICIES) if name == board.policy), 0)
        yield field("Policy", Choice(_POLICIES, at=at, id="policy"))
        if any(line.device.kind == "gpu" for line in board.devices.lines):
            names = join_names([line.device.label for line in board.devices.lines], MOST_NAMES)
            yield field("Where", Choice([(None, names)], id="where"))
        else:
            now = str(self.target.slots or len(board.devices.lines) or 1)
            yield field("CPU slots", Input(id="slots", compact=True, placeholder=f"{now} (default); there is no GPU"))
        if is_available():
            at = int(any(line.row is not None and line.row.job is not None for line in board.lines))
            yield field("Backend", Choice(_BACKENDS, at=at, id="backend"))
        again = [(False, "complete runs are skipped"), (True, "complete runs start over")]
        yield field("Again", Choice(again, id="again"))
        yield from self.plan_parts()

    def order(self) -> StartOrder | FormError | None:
        """The order that the fields describe."""
        what = self.query_one("#what", Choice).value
        if what is None:
            return FormError("nothing to start: there is no study file and no run")
        seeds = seeds_from(self.query_one("#seeds", Input).value)
        if isinstance(seeds, FormError):
            return seeds
        slots = self._slots()
        if isinstance(slots, FormError):
            return slots
        keys, experiments = what
        return StartOrder(
            keys, experiments, seeds, self.query_one("#again", Choice).value,
            self.query_one("#policy", Choice).value, slots, backend=self._backend(),
        )  # fmt: skip

    def _backend(self) -> str:
        fields = self.query("#backend").results(Choice)
        return next((entry.value for entry in fields), "local")

    def _slots(self) -> int | FormError | None:
        fields = self.query("#slots").results(Input)
        text = next((entry.value.strip() for entry in fields), "")
        if not text:
            return None
        if text.isascii() and text.isdigit() and 1 <= int(text) <= 1024:
            return int(text)
        return FormError(f'CPU slots: "{text}" is not a whole number from 1 to 1024')


_What = tuple[tuple[str, ...], tuple[str, ...] | None]


def _choices(board: Board, marked: list[RunLine], selected: Sequence[RunLine]) -> list[tuple[_What | None, str]]:
    """(keys, experiments) with a label, the likeliest choice first."""
    choices: list[tuple[_What | None, str]] = []
    if marked:
        names = join_names([line.experiment for line in marked], MOST_NAMES)
        choices.append(((tuple(line.key for line in marked), None), f"{len(marked)} marked: {names}"))
    if board.file is not None:
        batches = [(batch.name, tuple(batch.gpus.values())) for batch in board.file.batches]
        choices += [
            (((), experiments), f"{name}: {join_names(experiments, MOST_NAMES)}")
            for name, experiments in batches
            if _is_unfinished(board, experiments)
        ]
        choices.append((((), None), f"all {len(board.file.run_here)} experiments"))
    if selected:
        choices.append(((tuple(line.key for line in selected), None), f"only {runs_words(selected)}"))
    return choices


def _is_unfinished(board: Board, experiments: tuple[str, ...]) -> bool:
    """Whether some run of the batch is neither queued, running nor complete."""
    runs = [line for line in board.lines if line.planned and line.experiment in experiments]
    return any(not line.is_open and line.state not in _DONE for line in runs)
