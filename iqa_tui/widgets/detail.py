"""Details of the line under the cursor: the reason of its state, and its verdict in sentences."""

import textwrap
from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

from iqa_train.results.shown import at_epoch
from iqa_train.runs.kind import RunKind
from iqa_train.runs.notes import Notes
from iqa_tui.advice import by_keys
from iqa_tui.safe import plain
from iqa_tui.state.board import Board, RunLine
from iqa_tui.state.table_lines import TableLine, counted_states

if TYPE_CHECKING:
    from iqa_train.scheduler.overview import Row


class Detail(Static):
    """Below the table, in as many lines as the style sheet gives: what is below it never moves with the cursor."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("", id=id, markup=False)
        self._words = ""
        self._experiment = ""

    def show(self, board: Board, entry: TableLine | None, *, readonly: bool = False) -> None:
        words, name = detail_words(board, entry), entry.run.experiment if entry else ""
        if not readonly and (hint := start_hint(board)):
            words = f"{words} · {hint}" if words else hint
        if (words, name) != (self._words, self._experiment):
            self._words, self._experiment = words, name
            self.refresh()

    def render(self) -> Content:
        """The words, with an ellipsis where they are cut."""
        name = plain(self._experiment)
        lines = in_lines(plain(self._words), self.content_size.width or 80, max(1, self.content_size.height))
        first = lines[0] if lines else ""
        return Content("\n").join(
            [Content.assemble((name, "bold"), first.removeprefix(name)), *(Content(line) for line in lines[1:])]
        )


def in_lines(words: str, width: int, most: int) -> list[str]:
    """`words` in lines of `width` columns, `most` of them at most; the last one ends with an ellipsis if it is cut."""
    lines = textwrap.wrap(words, max(8, width), break_on_hyphens=False)
    if len(lines) <= most:
        return lines
    last = textwrap.shorten(" ".join(lines[most - 1 :]), max(8, width), placeholder="…")
    return [*lines[: most - 1], last]


def start_hint(board: Board) -> str:
    """Which keys to begin with, while no run of the study has been started."""
    if not board.read or not board.lines or any(line.state for line in board.lines):
        return ""
    return f"press s to start {board.batches[0].name if board.batches else 'runs'}, ? for all keys"


def detail_words(board: Board, entry: TableLine | None) -> str:
    """The state with its reason, the verdict with its reasons, and a note."""
    if entry is None:
        return "; ".join(board.notes)
    if entry.kind == "experiment":
        states = f"{entry.run.experiment}: {counted_states(entry.runs)}"
        return _joined([states, *_reasons(board, entry)])
    return _joined([*_of_run(board, entry.run, seed=entry.kind == "seed"), *_reasons(board, entry), _note(entry.run)])


def _of_run(board: Board, line: RunLine, *, seed: bool) -> list[str]:
    row = line.row
    name = f"{line.experiment} ({line.run.seed_words})" if seed else line.experiment
    parts = [f"{name}: {_state_and_reason(line)}"]
    if line.result is not None:
        parts.append(RunKind(line.result.kind, line.result.about).words)
        parts += line.result.notes if line.external and line.result.value is None else ()
    if row is not None:
        parts += ["" if row.reason else row.progress.stage if line.is_open else "", _meaning(row, paused=board.paused)]
        if row.progress.again and line.own is not None and line.own.value is not None:
            how = "being run again; " if line.is_open else ""
            parts.append(f"{how}{at_epoch(line.own.value, None)} is of an earlier attempt, which had finished")
    if seed and line.own is not None:  # of a run by itself and of an experiment, the verdict has them
        parts += Notes(line.own.note, line.own.tags).lines
    if not line.planned:
        parts.append("the study file now has other settings, so this run's results are not in the table")
    return parts


def _state_and_reason(line: RunLine) -> str:
    """Such as `failed: diverged`; the reason alone where it begins with the state."""
    reason = line.row.reason if line.row is not None else ""
    if reason.startswith(line.state_words):
        return reason
    return f"{line.state_words}: {reason}" if reason else line.state_words


def _reasons(board: Board, entry: TableLine) -> list[str]:
    """The verdict in sentences, for what has one, without what the state says already."""
    line = entry.runs[0]
    if entry.kind == "seed" or not line.planned or (line.result is not None and line.result.value is None):
        return []
    known = [run.row.reason for run in entry.runs if run.row is not None and run.row.reason]
    said = ["its finished attempt"] if line.is_again else []
    sentences = board.reasons.get(line.experiment, ())
    if entry.kind == "run":
        return [one for one in sentences if one != "pending" and not any(words in one for words in [*known, *said])]
    return list(sentences)


def _note(line: RunLine) -> str:
    return line.row.note if line.row is not None else ""


def _meaning(row: "Row", *, paused: bool) -> str:
    """What Slurm's reason means."""
    if row.job is None or not row.job.reason:
        return ""
    from iqa_train.slurm.reasons import meaning

    return meaning(row.job, paused=paused)


def _joined(parts: list[str]) -> str:
    return "; ".join(dict.fromkeys(by_keys(part) for part in parts if part))
