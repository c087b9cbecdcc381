"""index.html: all tables, verdicts, figures, findings and origins on one page, without network access or scripts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iqa_train.errors import visible
from iqa_train.report.columns import BOLD, Column, is_baseline, metric_name, table_of
from iqa_train.report.html.inline import inlined
from iqa_train.report.numbers import best, typeset
from iqa_train.report.report_data import ReportData, shared_packages
from iqa_train.report.verdict_text import (
    SECONDARY,
    VerdictText,
    all_reasons,
    gains,
    headline,
    is_secondary,
    what_is_gained,
)
from iqa_train.results.table import ResultRow, StudyResults

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class PageFigure:
    """A figure for the page."""

    name: str
    caption: str
    svg: bytes


@dataclass(frozen=True)
class _Row:
    kind: str
    cells: tuple[str, ...]
    bold: int | None


@dataclass(frozen=True)
class _Table:
    name: str
    columns: tuple[Column, ...]
    rows: tuple[_Row, ...]
    reasons: tuple[VerdictText, ...]
    legend: str


@dataclass(frozen=True)
class _Setting:
    """One setting over all experiments: its values, and whether each differs from the baseline's."""

    name: str
    values: tuple[tuple[str, bool], ...]


def page(data: ReportData, figures: Sequence[PageFigure]) -> str:
    """The page; the same data give the same text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    def finished(value: Any) -> Any:  # noqa: ANN401 (whatever a template prints)
        return typeset(visible(value)) if isinstance(value, str) and not isinstance(value, Markup) else value

    environment = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, finalize=finished,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    packages, mixed = shared_packages(data.origins)
    return environment.get_template("page.html.j2").render(
        main=data.main,
        headline=headline(data.main),
        css=Markup((_FOLDER / "page.css").read_text(encoding="utf-8")),
        tables=[_table(results) for results in (data.main, *_with_values(data))],
        contributions=gains(data.main),
        what=what_is_gained(data.main),
        cross=[(results.dataset, _table(results, titles=True)) for results in data.cross],
        reported=[(results.study, _table(results, titles=True)) for results in data.reported],
        figures=[
            {"name": f.name, "caption": f.caption, "svg": Markup(inlined(f.svg, f.name, f.caption))} for f in figures
        ],
        findings=data.findings,
        experiments=list(data.settings),
        settings=[_setting(data, name) for name in data.differing],
        origins=data.origins,
        packages=packages,
        mixed=mixed,
    )


def _with_values(data: ReportData) -> list[StudyResults]:
    """The results of other metrics that have values."""
    return [results for results in data.results[1:] if any(row.value is not None for row in results.rows)]


def _table(results: StudyResults, *, titles: bool = False) -> _Table:
    table, bold = table_of(results, [] if titles else ["title"]), best(results)  # titles are shown with the verdicts
    at = table.keys.index("value") if "value" in table.keys else None
    rows = [
        _Row(_kind(row, results), cells, at if row is bold else None)
        for row, cells in zip(results.rows, table.cells, strict=True)
    ]
    name = metric_name(results.metric) + (f" ({SECONDARY})" if is_secondary(results) else "")
    legend = "; ".join(filter(None, [BOLD if bold else "", table.legend()]))
    return _Table(name, table.columns, tuple(rows), tuple(all_reasons(results)), legend)


def _kind(row: ResultRow, results: StudyResults) -> str:
    if row.reported:
        return "reported"
    if row.external:
        return "external"
    if row.provisional:
        return "provisional"
    return "baseline" if is_baseline(row, results) else ""


def _setting(data: ReportData, name: str) -> _Setting:
    base = data.settings.get(data.main.baseline, {})
    values = [
        (_shown(values.get(name)), name in base and values.get(name) != base[name]) for values in data.settings.values()
    ]
    return _Setting(name, tuple(values))


def _shown(value: Any) -> str:  # noqa: ANN401
    """A setting as it is written in the study file."""
    if value is None:  # not a setting of this experiment
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)
