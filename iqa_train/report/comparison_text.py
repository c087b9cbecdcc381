"""A comparison of two studies as text: title, table cells and notes."""

from collections.abc import Iterable, Mapping
from typing import Any

from iqa_train.report.columns import BORROWED, DAGGER, DOUBLE_DAGGER
from iqa_train.report.numbers import NONE, measured, p_value
from iqa_train.results.study_comparison import ComparisonRow, StudyComparison
from iqa_train.results.verdict import conclusion
from iqa_train.stats.registry import METRICS

REPORTED_NOTE = f"{DAGGER} reported: a value without predictions"


def comparison_title(comparison: StudyComparison) -> str:
    """What is subtracted from what, and the metric."""
    return f"{comparison.second} minus {comparison.first}, {METRICS[comparison.metric].label} on the test images"


def comparison_cells(comparison: StudyComparison) -> tuple[list[str], list[list[str]]]:
    """Column heads, and the cells of each row."""
    head = ["Experiment", comparison.first, comparison.second, "Difference"]
    rows = [_cells(row) for row in comparison.rows]
    if any(row.p_holm is not None for row in comparison.rows):
        head += ["p (Holm)", "Verdict"]
        rows = [
            [*cells, p_value(row.p_holm), _verdict(row, comparison.second)]
            for cells, row in zip(rows, comparison.rows, strict=True)
        ]
    return head, rows


def comparison_notes(comparison: StudyComparison) -> list[str]:
    """Settings that differ, and notes on the rows."""
    notes: list[str] = []
    if comparison.differs:
        notes.append(f"settings that differ in every experiment: {settings_words(comparison.differs)}")
    elif any(row.first is not None and row.second is not None for row in comparison.rows):
        notes.append("no known setting differs in every experiment")
    shared = _shared(comparison)
    for row in comparison.rows:
        own = {k: v for k, v in row.differs.items() if k not in comparison.differs}
        remarks = [f"differs in {settings_words(own)}"] if own else []
        remarks += [note for note in row.notes if note not in shared]
        notes += [f"{row.experiment}: {'; '.join(remarks)}"] if remarks else []
    notes += [*shared, *comparison.notes]
    if any(row.borrowed and conclusion(row) for row in comparison.rows):
        notes.append(BORROWED)
    if any(row.reported for row in comparison.rows):
        notes += [REPORTED_NOTE, *sources_words(row.source for row in comparison.rows)]
    return notes


def settings_words(differs: Mapping[str, tuple[Any, Any]]) -> str:
    """Settings that differ, with both values."""
    return ", ".join(f"{name} ({value_words(one)} and {value_words(two)})" for name, (one, two) in differs.items())


def value_words(value: object) -> str:
    """A setting's value as text."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def sources_words(sources: Iterable[str]) -> list[str]:
    """The sources of reported values, each once."""
    return [f"source: {source}" for source in dict.fromkeys(sources) if source]


def _cells(row: ComparisonRow) -> list[str]:
    mark = DAGGER if row.reported else ""
    return [
        row.experiment + mark,
        measured(row.first, row.first_interval) + _unfinished(row.first_epoch),
        measured(row.second, row.second_interval) + _unfinished(row.second_epoch),
        measured(row.delta, row.delta_interval, signed=True),
    ]


def _verdict(row: ComparisonRow, second: str) -> str:
    text = conclusion(row, second)
    return f"{text} {DOUBLE_DAGGER}" if text and row.borrowed else text or NONE


def _unfinished(epoch: int | None) -> str:
    return "" if epoch is None else f" (unfinished: epoch {epoch})"


def _shared(comparison: StudyComparison) -> list[str]:
    """Notes that all rows have in common."""
    first = comparison.rows[0].notes if comparison.rows else ()
    return [note for note in first if len(comparison.rows) > 1 and all(note in row.notes for row in comparison.rows)]
