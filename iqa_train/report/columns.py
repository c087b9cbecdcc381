"""The columns of a results table, shared by all its formats."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from iqa_train.report.numbers import decimals, given, given_span, measured, number, p_value
from iqa_train.results.shown import at_epoch, is_shown, so_far_words, standing_words
from iqa_train.results.table import ResultRow, StudyResults
from iqa_train.results.verdict import conclusion
from iqa_train.runs.kind import EXTERNAL_MARK
from iqa_train.runs.state_names import FINISHED
from iqa_train.stats.registry import METRICS

Cell = Callable[[ResultRow, StudyResults], str]


@dataclass(frozen=True)
class Column:
    """A column; `key` identifies it. Where room is short, columns of the highest `rank` are dropped first.

    `brief` makes shorter cells, under the head `brief_head`.
    """

    key: str
    head: str
    rank: int
    cell: Cell
    right: bool = False
    brief: Cell | None = None
    brief_head: str = ""


DAGGER = "\u2020"
DOUBLE_DAGGER = "\u2021"

ELSEWHERE = f"{DAGGER}: a reported value, not tested against measured ones"
EXTERNAL = f"{EXTERNAL_MARK}: external predictions, of a model that was not trained here (see the notes)"
BORROWED = f"{DOUBLE_DAGGER}: with a spread between seeds borrowed from other experiments (see the notes)"
BOLD = "Bold: the best, if its component (or of the baseline, every component) differs significantly, Holm-corrected"

LEGEND = {
    "median": "Median: over seeds and rounds, of which the value is the mean",
    "differs": "Verdict: different (of one seed: runs differ) if p after Holm's correction is below 0.05",
    "holds_to": "Holds to: SD between seeds up to which the difference of the runs would hold for the component",
    "seeds_needed": "Needed: number of seeds that would show such a difference with 80 % assurance",
    "value": "0.9@5: unfinished, at epoch 5, which is selected so far on validation",
    "optimism": "Optimism: how much higher the value would be if the epoch were chosen on the test images",
}
"""Explanations of column heads."""


@dataclass(frozen=True)
class Table:
    """Columns and their cells, row by row. `briefs`: the shorter cells of columns that have them, by key."""

    columns: tuple[Column, ...]
    cells: tuple[tuple[str, ...], ...]
    briefs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def keys(self) -> list[str]:
        return [column.key for column in self.columns]

    def column(self, key: str) -> Column:
        """The column of that key. Raises ValueError."""
        return self.columns[self.keys.index(key)]

    def legend(self) -> str:
        """Explanations of the heads and marks in use, in one line."""
        entries = [LEGEND[key] for key in self.keys if key in LEGEND and self._uses(key)]
        if any(cell.endswith(DAGGER) for row in self.cells for cell in row[:1]):
            entries.append(ELSEWHERE)
        if any(cell.endswith(EXTERNAL_MARK) for row in self.cells for cell in row[:1]):
            entries.append(EXTERNAL)
        if any(cell.endswith(DOUBLE_DAGGER) for row in self.cells for cell in row):
            entries.append(BORROWED)
        return "; ".join(entries)

    def _uses(self, key: str) -> bool:
        column = self.keys.index(key)
        return key != "value" or any("@" in row[column] for row in self.cells)

    def without(self, key: str) -> "Table":
        """The table without the column `key`."""
        keep = [k for k, column in enumerate(self.columns) if column.key != key]
        cells = tuple(tuple(row[k] for k in keep) for row in self.cells)
        return Table(tuple(self.columns[k] for k in keep), cells, self.briefs)

    def brief(self, key: str) -> "Table":
        """The table with the shorter cells of the column `key`, if it has such a column."""
        if key not in self.briefs or key not in self.keys:
            return self
        at, shorter = self.keys.index(key), self.briefs[key]
        column = replace(self.columns[at], head=self.columns[at].brief_head)
        cells = ((*row[:at], short, *row[at + 1 :]) for row, short in zip(self.cells, shorter, strict=True))
        return replace(self, columns=(*self.columns[:at], column, *self.columns[at + 1 :]), cells=tuple(cells))


def table_of(results: StudyResults, leave_out: Sequence[str] = ()) -> Table:
    """The columns that have content in at least one row."""
    columns = [column for column in _columns(results) if column.key not in leave_out]
    body = [[column.cell(row, results) for column in columns] for row in results.rows]
    keep = [k for k, column in enumerate(columns) if _has_content(column, [row[k] for row in body])]
    briefs = {c.key: tuple(c.brief(row, results) for row in results.rows) for c in columns if c.brief is not None}
    return Table(tuple(columns[k] for k in keep), tuple(tuple(row[k] for k in keep) for row in body), briefs)


def metric_name(metric: str) -> str:
    """The label of a metric, such as "SRCC"."""
    return METRICS[metric].label if metric in METRICS else metric


def is_baseline(row: ResultRow, results: StudyResults) -> bool:
    """Whether the others are compared with this row."""
    return row.experiment == results.baseline and not row.reported


def marked_name(row: ResultRow) -> str:
    """The experiment, marked if its value is reported or its predictions are external."""
    return row.experiment + (DAGGER if row.reported else EXTERNAL_MARK if row.external else "")


def state_words(row: ResultRow) -> str:
    """The state of a row that is not complete."""
    return "" if row.state in FINISHED else row.state


def verdict_cell(row: ResultRow, *, brief: bool = False) -> str:
    """The verdict in a few words, marked where it rests on another row's spread; before the end, where it stands."""
    if row.standing is not None:
        return standing_words(row.standing, brief=brief)
    text = conclusion(row, brief=brief)
    return so_far_words(row, brief=brief) + (f"{text} {DOUBLE_DAGGER}" if row.borrowed else text) if text else ""


def value_words(results: StudyResults) -> str:
    """What the values are, within a sentence: "SRCC", "mean SRCC over seeds"."""
    name = metric_name(results.metric)
    return f"mean {name} over seeds" if _are_means(results) else name


def _are_means(results: StudyResults) -> bool:
    """Whether values are means over seeds."""
    return any(len(row.values_by_seed) > 1 for row in results.rows)


def _columns(results: StudyResults) -> list[Column]:
    name, level = metric_name(results.metric), "Holm" if results.intervals == "holm" else "95 %"
    mean, short = (f"{name}, mean", "Mean") if _are_means(results) else (name, name)
    return [
        Column("experiment", "Experiment", 0, lambda r, _: marked_name(r)),
        Column("kind", "Kind", 5, lambda r, _: "" if r.kind in {"trained", "reported"} else r.kind),
        Column("title", "Title", 12, lambda r, _: r.title),
        Column("seeds", "Seeds", 8, lambda r, _: str(len(r.seeds)) if r.seeds else "", right=True),
        Column("images", "Images", 9, lambda r, _: "" if r.images is None else str(r.images), right=True),
        Column("value", f"{mean} [95 %]", 1, _value, brief=_value_alone, brief_head=short),
        Column("seed_sd", "Seed SD", 7, _seed_sd, right=True),
        Column("median", "Median", 13, _median, right=True),
        Column("delta", f"vs {results.baseline} [{level}]", 2, _delta),
        Column("p_holm", "p Holm", 4, lambda r, _: "" if r.p_holm is None else p_value(r.p_holm), right=True),
        Column("differs", "Verdict", 3, lambda r, _: verdict_cell(r),
               brief=lambda r, _: verdict_cell(r, brief=True), brief_head="Verdict"),
        Column("holds_to", "Holds to", 9, _holds_to, right=True),
        Column("seeds_needed", "Needed", 10, _seeds_needed, right=True),
        Column("expected", f"Expected {name}", 5, lambda r, _: _against(given_span(r.expected), r.position)),
        Column("expected_delta", "Expected difference", 6, _expected_delta),
        Column("optimism", "Optimism", 11, _optimism, right=True),
        Column("state", "State", 3, lambda r, _: state_words(r)),
    ]  # fmt: skip


def _holds_to(row: ResultRow, _: StudyResults) -> str:
    return "" if row.holds_to is None else number(row.holds_to, decimals((-row.holds_to, row.holds_to)))


def _median(row: ResultRow, _: StudyResults) -> str:
    return "" if row.median is None else number(row.median, decimals(row.interval))


def _value(row: ResultRow, _: StudyResults) -> str:
    if row.value is not None and row.epoch is not None:
        return at_epoch(row.value, row.epoch)
    if row.reported and row.interval is None:
        return given(row.value)
    return measured(row.value, row.interval)


def _value_alone(row: ResultRow, _: StudyResults) -> str:
    if row.value is not None and row.epoch is not None:
        return at_epoch(row.value, row.epoch)
    return given(row.value) if row.reported else number(row.value, decimals(row.interval))


def _delta(row: ResultRow, results: StudyResults) -> str:
    """Nothing where it is not the difference of the two values in the table: a note has it then, with its own two."""
    if not is_shown(row, results.baseline_row):
        return ""
    return measured(row.delta, row.delta_interval, signed=True)


def _seed_sd(row: ResultRow, _: StudyResults) -> str:
    return "" if row.seed_sd is None else number(row.seed_sd, decimals((-row.seed_sd, row.seed_sd)))


def _seeds_needed(row: ResultRow, _: StudyResults) -> str:
    if row.seeds_limit is not None:
        return f">{row.seeds_limit}"
    return "" if row.seeds_needed is None else str(row.seeds_needed)


def _expected_delta(row: ResultRow, _: StudyResults) -> str:
    return _against(given_span(row.expected_delta, signed=True), row.delta_position)


def _optimism(row: ResultRow, _: StudyResults) -> str:
    return "" if row.optimism is None else number(row.optimism, decimals(row.interval), signed=True)


def _against(expected: str, position: str | None) -> str:
    return f"{expected} {position}" if expected and position else expected


def _has_content(column: Column, cells: Sequence[str]) -> bool:
    """Whether the column has content. Seeds and images are shown only where they are not the same in all rows."""
    filled = {cell for cell in cells if cell}
    if column.key in {"experiment", "value"}:
        return True
    if column.key in {"seeds", "images"}:
        return len(filled) > 1 or (column.key == "seeds" and filled not in ({"1"}, set()))
    return bool(filled)
