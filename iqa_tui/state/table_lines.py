"""The lines of the table of runs: an experiment with several seeds is one line, which opens into its seeds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from iqa_train.runs.state_names import ALIVE, FINISHED

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from iqa_train.results.table import ResultRow
    from iqa_tui.state.board import RunLine

Kind = Literal["run", "experiment", "seed"]


@dataclass(frozen=True)
class TableLine:
    """A run by itself, an experiment with its `runs`, or one of its seeds below it."""

    runs: tuple[RunLine, ...]
    kind: Kind = "run"
    opened: bool = False

    @property
    def key(self) -> str:
        """That of the run; of an experiment, the path of its folder."""
        return str(self.runs[0].run.path.parent) if self.kind == "experiment" else self.runs[0].key

    @property
    def run(self) -> RunLine:
        """The run whose log is shown: of an experiment the first that is running, else the first with a log."""
        alive = (run for run in self.runs if run.state in ALIVE)
        logged = (run for run in self.runs if run.log is not None)
        return next(alive, None) or next(logged, None) or self.runs[0]

    @property
    def result(self) -> ResultRow | None:
        """The experiment's row of results; None for a seed, which has only its own value, and for other settings."""
        return None if self.kind == "seed" or not self.runs[0].planned else self.runs[0].result

    @property
    def words(self) -> str:
        """`A1`, `A1 (3 seeds)`, `A1 (seed 42)`."""
        first = self.runs[0]
        if self.kind == "experiment":
            return f"{first.experiment} ({len(self.runs)} seeds)"
        return f"{first.experiment} ({first.run.seed_words})"


def table_lines(lines: Sequence[RunLine], opened: Collection[str] = ()) -> tuple[TableLine, ...]:
    """The lines of a table of these runs; `opened` are the keys of the experiments whose seeds are shown."""
    groups: dict[str, list[RunLine]] = {}
    for line in lines:
        groups.setdefault(line.experiment if line.planned else line.key, []).append(line)
    found = []
    for group in groups.values():
        if len(group) == 1:
            found.append(TableLine((group[0],)))
            continue
        parent = TableLine(tuple(group), "experiment")
        is_open = parent.key in opened
        found.append(TableLine(tuple(group), "experiment", is_open))
        found += [TableLine((line,), "seed") for line in group if is_open]
    return tuple(found)


def counted_states(runs: Sequence[RunLine]) -> str:
    """`2 running, 1 done`: the states of several runs, in the order in which they come about, backwards."""
    counts = Counter("done" if run.state in FINISHED else run.state_name for run in runs)
    order = ("failed", "lost", "killed", "stopped", "suspended", "retrying", "running", "starting", "queued", "done")
    names = sorted(counts, key=lambda name: (*order, name).index(name))
    return ", ".join(f"{counts[name]} {name}" for name in names)
