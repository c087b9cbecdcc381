"""Results as CSV: every field of every row at full precision."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from iqa_train.results.table import ResultRow, StudyResults
from iqa_train.spreadsheet import plain_cell

_SPANS = ("interval", "delta_interval", "zou_interval", "expected", "expected_delta")
_PARTS = {"compared": ("value", "baseline"), "standing": ("epoch", "value", "baseline", "seeds")}


def results_csv(results: Sequence[StudyResults]) -> str:
    """A line per experiment and metric; an interval takes two columns, an unknown value is empty."""
    text = io.StringIO()
    about = ("primary", "secondary", "against", "intervals", "exploratory")
    head = ["study", "dataset", "baseline", "metric", *_flat(ResultRow("").as_json()), *about]
    writer = csv.DictWriter(text, head, lineterminator="\n")
    writer.writeheader()
    for of_metric in results:
        shared = {
            "study": plain_cell(of_metric.study), "dataset": plain_cell(of_metric.dataset),
            "baseline": plain_cell(of_metric.baseline), "metric": of_metric.metric,
            **{name: _cell(getattr(of_metric, name)) for name in about},
        }  # fmt: skip
        writer.writerows(shared | _flat(row.as_json()) for row in of_metric.rows)
    return text.getvalue()


def _flat(row: dict[str, Any]) -> dict[str, str]:
    cells: dict[str, str] = {}
    for key, value in row.items():
        if key in _SPANS:
            low, high = value or (None, None)
            cells |= {f"{key}_low": _cell(low), f"{key}_high": _cell(high)}
        elif key in _PARTS:
            parts = value if isinstance(value, dict) else dict(zip(_PARTS[key], value or (), strict=False))
            cells |= {f"{key}_{part}": _cell(parts.get(part)) for part in _PARTS[key]}
        elif key == "runs":  # a line is an experiment's; --json lists its runs
            continue
        else:
            cells[key] = _cell(value)
    return cells


def _cell(value: Any) -> str:  # noqa: ANN401
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, dict):
        return plain_cell("; ".join(f"{key}: {_cell(one)}" for key, one in value.items()))
    if isinstance(value, list):
        return plain_cell("; ".join(map(str, value)))
    return plain_cell(str(value)) if isinstance(value, str) else str(value)
