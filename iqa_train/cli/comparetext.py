"""What `iqa-train compare` prints: for people, and for programs."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from iqa_train.cli.text import plain, text_table
from iqa_train.report.numbers import NONE, measured, p_value
from iqa_train.results.across import Across, AcrossRow
from iqa_train.results.curve import CurvePoint, SettingCurve
from iqa_train.results.table import METRICS

_WIDEST_TEXT = 110
_DAGGER = "†"
_OF_REPORTED = f"{_DAGGER} reported: a number without predictions"


def across_lines(across: Across, width: int | None = None) -> list[str]:
    """The table of a comparison, what differs in settings, and why something is not said."""
    name = METRICS[across.metric]
    lines = [plain(f"{across.second} less {across.first}, {name} on the test images"), ""]
    head = ["Experiment", across.first, across.second, "Difference"]
    rows = [_cells(row) for row in across.rows]
    if any(row.p_holm is not None for row in across.rows):
        head += ["p (Holm)", "Verdict"]
        rows = [[*cells, p_value(row.p_holm), _verdict(row)] for cells, row in zip(rows, across.rows, strict=True)]
    lines += [*text_table(head, rows, width), ""]
    notes: list[str] = []
    if across.differs:
        notes.append(f"settings that differ in every experiment: {_settings(across.differs)}")
    elif any(row.first is not None and row.second is not None for row in across.rows):
        notes.append("no setting that is known of both differs in every experiment")
    shared = _shared(across)
    for row in across.rows:
        own = {k: v for k, v in row.differs.items() if k not in across.differs}
        said = [f"differs in {_settings(own)}"] if own else []
        said += [note for note in row.notes if note not in shared]
        notes += [f"{row.experiment}: {'; '.join(said)}"] if said else []
    notes += [*shared, *across.notes]
    if any(row.reported for row in across.rows):
        notes += [_OF_REPORTED, *_sources(row.source for row in across.rows)]
    return lines + _wrapped(notes, width)


def across_document(across: Across) -> dict[str, Any]:
    """The same as one object."""
    return {
        "first": across.first,
        "second": across.second,
        "metric": across.metric,
        "differs": _listed(across.differs),
        "notes": list(across.notes),
        "rows": [asdict(row) | {"differs": _listed(row.differs)} for row in across.rows],
    }


def curve_lines(curve: SettingCurve, width: int | None = None) -> list[str]:
    """The table of a curve."""
    name = METRICS[curve.metric]
    lines = [plain(f"{name} on the test images over {curve.setting}"), ""]
    rows = [[_value(p.setting), measured(p.value, p.interval) + _mark(p), p.name, _seeds(p)] for p in curve.points]
    lines += [*text_table([curve.setting, name, "Of", "Seeds"], rows, width), ""]
    notes = list(curve.notes)
    if any(point.reported for point in curve.points):
        notes.append(_OF_REPORTED + "; its interval is from the number of test images alone")
        notes += _sources(point.source for point in curve.points)
    return lines + _wrapped(notes, width)


def curve_document(curve: SettingCurve) -> dict[str, Any]:
    """The same as one object."""
    points = [asdict(point) | {"also": dict(point.also)} for point in curve.points]
    return {"setting": curve.setting, "metric": curve.metric, "notes": list(curve.notes), "points": points}


def _cells(row: AcrossRow) -> list[str]:
    mark = _DAGGER if row.reported else ""
    return [
        row.experiment + mark,
        measured(row.first, row.first_interval),
        measured(row.second, row.second_interval),
        measured(row.delta, row.delta_interval, signed=True),
    ]


def _verdict(row: AcrossRow) -> str:
    if row.distinguishable is None:
        return NONE
    if not row.distinguishable:
        return "not distinguishable"
    return f"distinguishable: {'better' if row.better else 'worse'}"


def _sources(sources: Iterable[str]) -> list[str]:
    return [f"source: {source}" for source in dict.fromkeys(sources) if source]


def _wrapped(notes: Sequence[str], width: int | None) -> list[str]:
    room = max(40, min(width or _WIDEST_TEXT, _WIDEST_TEXT))
    return [line for note in notes for line in textwrap.wrap(plain(note), room, subsequent_indent="    ")]


def _shared(across: Across) -> list[str]:
    """Notes that every row has: said once."""
    first = across.rows[0].notes if across.rows else ()
    return [note for note in first if len(across.rows) > 1 and all(note in row.notes for row in across.rows)]


def _settings(differs: Mapping[str, tuple[Any, Any]]) -> str:
    return ", ".join(f"{name} ({_value(one)} and {_value(two)})" for name, (one, two) in differs.items())


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _listed(differs: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    return {name: list(pair) for name, pair in differs.items()}


def _mark(point: CurvePoint) -> str:
    return f" {_DAGGER}" if point.reported else ""


def _seeds(point: CurvePoint) -> str:
    return str(len(point.seeds)) if point.seeds else NONE
