"""What `iqa-train compare` prints: tables as text, and the same as JSON."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from iqa_train.cli.text import plain, text_table
from iqa_train.report.columns import DAGGER
from iqa_train.report.comparison_text import (
    REPORTED_NOTE,
    comparison_cells,
    comparison_notes,
    comparison_title,
    sources_words,
    value_words,
)
from iqa_train.report.numbers import NONE, measured
from iqa_train.results.study_comparison import StudyComparison
from iqa_train.results.sweep import Sweep, SweepPoint
from iqa_train.stats.registry import METRICS

_WIDEST_TEXT = 110


def across_lines(across: StudyComparison, width: int | None = None) -> list[str]:
    """The table of a comparison, and notes on different settings and missing values."""
    return [
        plain(comparison_title(across)), "", *text_table(*comparison_cells(across), width), "",
        *_wrapped(comparison_notes(across), width),
    ]  # fmt: skip


def across_document(across: StudyComparison) -> dict[str, Any]:
    """The same as a JSON object."""
    return {
        "first": across.first,
        "second": across.second,
        "metric": across.metric,
        "differs": _listed(across.differs),
        "notes": list(across.notes),
        "rows": [asdict(row) | {"differs": _listed(row.differs)} for row in across.rows],
    }


def sweep_lines(sweep: Sweep, width: int | None = None) -> list[str]:
    """The table of a sweep."""
    name = METRICS[sweep.metric].label
    lines = [plain(f"{name} on the test images over {sweep.setting}"), ""]
    rows = [[value_words(p.setting), measured(p.value, p.interval) + _mark(p), p.name, _seeds(p)] for p in sweep.points]
    lines += [*text_table([sweep.setting, name, "Of", "Seeds"], rows, width), ""]
    notes = list(sweep.notes)
    if any(point.reported for point in sweep.points):
        notes.append(REPORTED_NOTE + "; its interval is from the number of test images alone")
        notes += sources_words(point.source for point in sweep.points)
    return lines + _wrapped(notes, width)


def sweep_document(sweep: Sweep) -> dict[str, Any]:
    """The same as a JSON object."""
    points = [asdict(point) | {"also": dict(point.also)} for point in sweep.points]
    return {"setting": sweep.setting, "metric": sweep.metric, "notes": list(sweep.notes), "points": points}


def _wrapped(notes: Sequence[str], width: int | None) -> list[str]:
    room = max(40, min(width or _WIDEST_TEXT, _WIDEST_TEXT))
    return [line for note in notes for line in textwrap.wrap(plain(note), room, subsequent_indent="    ")]


def _listed(differs: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    return {name: list(pair) for name, pair in differs.items()}


def _mark(point: SweepPoint) -> str:
    return f" {DAGGER}" if point.reported else ""


def _seeds(point: SweepPoint) -> str:
    return str(len(point.seeds)) if point.seeds else NONE
