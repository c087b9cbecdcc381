"""Notes under a table of results: how intervals and p were made, and what they speak of."""

from collections.abc import Sequence
from typing import Protocol

from iqa_train.results.table import Intervals, ResultRow, Scope
from iqa_train.stats.registry import METRICS
from iqa_train.text import join_names

EACH_BY_ITSELF = "95 % intervals, each by itself and not jointly"
HOLM_INTERVALS = (
    "intervals of differences are at the level that Holm's procedure leaves for each, so that they exclude zero where "
    "the adjusted p is below 0.05; those of values are at 95 %, each by itself"
)

ONE_SEED = (
    "runs are compared, not components, since one seed does not show how much the difference varies from seed to seed; "
    "interval and p cover the choice of test images only"
)


class _Compared(Protocol):
    @property
    def experiment(self) -> str: ...
    @property
    def scope(self) -> Scope | None: ...
    @property
    def borrowed(self) -> str: ...


class _Tested(Protocol):
    @property
    def p(self) -> float | None: ...


_WITH = " with "  # between a program and its parameters, as in RunKind.about

_KINDS = {
    "own code": "with code of the study",
    "command": "by the study's own program",
    "external": "external, predictions of models trained elsewhere",
    "imported log": "imported from a log",
}


def kind_notes(rows: Sequence[ResultRow]) -> list[str]:
    """Which rows this program did not train with its own network and loss, and where they come from."""
    notes = []
    for kind, words in _KINDS.items():
        of_kind = [row for row in rows if row.kind == kind]
        program = _program_of(of_kind) if kind == "command" else ""
        named = [row.experiment + (f" ({about})" if (about := _about(row, program)) else "") for row in of_kind]
        if named:
            notes.append(f"{words}{f', {program}' if program else ''}: {join_names(named)}")
    return notes


def _program_of(rows: Sequence[ResultRow]) -> str:
    """The program that several rows have in common; "" for one row, and where they have several programs."""
    programs = {row.about.partition(_WITH)[0] for row in rows}
    return programs.pop() if len(rows) > 1 and len(programs) == 1 else ""


def _about(row: ResultRow, program: str = "") -> str:
    if row.external:
        return f"trained on {row.about}"
    return row.about.partition(_WITH)[2] if program else row.about


def interval_notes(clusters: Sequence[int | None], metric: str, intervals: Intervals = "single") -> list[str]:
    """How intervals count test images: each, or by shared reference image; `clusters` are those of each comparison."""
    counts = [count for count in clusters if count is not None]
    levels = HOLM_INTERVALS if intervals == "holm" else EACH_BY_ITSELF
    if not counts:
        return [levels]
    many = f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
    notes = [f"{levels}; test images count by reference ({many})"]
    if METRICS[metric].correlation:
        notes.append("no analytic tests: they assume independent images, and images that share a reference are not")
    return notes


def scope_notes(rows: Sequence[_Compared]) -> list[str]:
    """For which rows differences speak of runs, for which of components, and whose spread over seeds they use."""
    runs = [row.experiment for row in rows if row.scope == "runs"]
    own = [row.experiment for row in rows if row.scope == "component" and not row.borrowed]
    notes = []
    if runs:
        notes.append(f"{join_names(runs)}: {ONE_SEED}")
    if own:
        notes.append(f"{join_names(own)}: interval and p of the difference cover test images and seeds")
    for lender in dict.fromkeys(row.borrowed for row in rows if row.borrowed):
        names = join_names([row.experiment for row in rows if row.borrowed == lender])
        notes.append(f"{names}: seed spread borrowed from {lender}, assuming that runs vary as much")
    return notes


def value_notes(rows: Sequence[ResultRow]) -> list[str]:
    """What intervals of values cover where nothing was compared."""
    if any(row.scope for row in rows) or any(len(row.seeds) > 1 for row in rows if row.interval):
        return []
    return ["intervals cover the choice of test images only: one seed each"]


def family_note(rows: Sequence[_Tested]) -> list[str]:
    """How many p are adjusted together."""
    tested = sum(row.p is not None for row in rows)
    return [f"p adjusted for {tested} experiments (Holm)"] if tested > 1 else []
