"""A comparison of two studies in words: the cells of its table, and what stands below it."""

from collections.abc import Iterable, Mapping
from typing import Any

from iqa_train.report.numbers import NONE, measured, p_value
from iqa_train.results.study_comparison import ComparisonRow, StudyComparison
from iqa_train.stats.registry import METRICS

DAGGER = "†"
OF_REPORTED = f"{DAGGER} reported: a number without predictions"


def across_title(across: StudyComparison) -> str:
    """What is subtracted from what."""
    return f"{across.second} less {across.first}, {METRICS[across.metric].label} on the test images"


def across_cells(across: StudyComparison) -> tuple[list[str], list[list[str]]]:
    """The heads of the columns, and the cells of each row."""
    head = ["Experiment", across.first, across.second, "Difference"]
    rows = [_cells(row) for row in across.rows]
    if any(row.p_holm is not None for row in across.rows):
        head += ["p (Holm)", "Verdict"]
        rows = [[*cells, p_value(row.p_holm), _verdict(row)] for cells, row in zip(rows, across.rows, strict=True)]
    return head, rows


def across_notes(across: StudyComparison) -> list[str]:
    """What differs in settings, and why something is not said."""
    notes: list[str] = []
    if across.differs:
        notes.append(f"settings that differ in every experiment: {settings_words(across.differs)}")
    elif any(row.first is not None and row.second is not None for row in across.rows):
        notes.append("no setting that is known of both differs in every experiment")
    shared = _shared(across)
    for row in across.rows:
        own = {k: v for k, v in row.differs.items() if k not in across.differs}
        said = [f"differs in {settings_words(own)}"] if own else []
        said += [note for note in row.notes if note not in shared]
        notes += [f"{row.experiment}: {'; '.join(said)}"] if said else []
    notes += [*shared, *across.notes]
    if any(row.reported for row in across.rows):
        notes += [OF_REPORTED, *sources_words(row.source for row in across.rows)]
    return notes


def settings_words(differs: Mapping[str, tuple[Any, Any]]) -> str:
    """Settings with both values."""
    return ", ".join(f"{name} ({value_words(one)} and {value_words(two)})" for name, (one, two) in differs.items())


def value_words(value: object) -> str:
    """A setting's value."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def sources_words(sources: Iterable[str]) -> list[str]:
    """Where reported numbers are from, each source once."""
    return [f"source: {source}" for source in dict.fromkeys(sources) if source]


def _cells(row: ComparisonRow) -> list[str]:
    mark = DAGGER if row.reported else ""
    return [
        row.experiment + mark,
        measured(row.first, row.first_interval) + _unfinished(row.first_epoch),
        measured(row.second, row.second_interval) + _unfinished(row.second_epoch),
        measured(row.delta, row.delta_interval, signed=True),
    ]


def _unfinished(epoch: int | None) -> str:
    return "" if epoch is None else f" (unfinished: epoch {epoch})"


def _verdict(row: ComparisonRow) -> str:
    if row.distinguishable is None:
        return NONE
    if not row.distinguishable:
        return "not distinguishable"
    return f"distinguishable: {'better' if row.better else 'worse'}"


def _shared(across: StudyComparison) -> list[str]:
    """Notes that every row has: said once."""
    first = across.rows[0].notes if across.rows else ()
    return [note for note in first if len(across.rows) > 1 and all(note in row.notes for row in across.rows)]
