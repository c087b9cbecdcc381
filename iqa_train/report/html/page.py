"""index.html: all tables, verdicts, figures, findings and origins on one page, without network access or scripts."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iqa_train.errors import visible
from iqa_train.report.columns import BOLD, Column, is_baseline, metric_name, table_of
from iqa_train.report.conclusion import conclusion_of
from iqa_train.report.cost import Cost
from iqa_train.report.figures.style import FORMATS
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
    sentence,
    what_is_gained,
)
from iqa_train.results.table import ResultRow, StudyResults
from iqa_train.text import format_duration

if TYPE_CHECKING:
    from iqa_train.report.worst_images import WorstImages

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class PageFigure:
    """A figure for the page."""

    name: str
    caption: str
    svg: bytes
    widths: tuple[str, ...] = ()
    """Suffixes of its files in figures/."""

    @property
    def files(self) -> tuple[tuple[str, str], ...]:
        """A label and an address relative to the page for each of its files."""
        return tuple(
            (f"{form.upper()}, {suffix}", f"figures/{self.name}-{suffix}.{form}")
            for form in FORMATS
            for suffix in self.widths
        )


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


@dataclass(frozen=True)
class _CostLine:
    """What an experiment took, as text."""

    experiment: str
    cells: tuple[str, ...]


def page(data: ReportData, figures: Sequence[PageFigure], tables: Sequence[str] = ()) -> str:
    """The page; the same data give the same text. `tables` are the names of the files in tables/, for links."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    def finished(value: Any) -> Any:  # noqa: ANN401 (whatever a template prints)
        return typeset(visible(value)) if isinstance(value, str) and not isinstance(value, Markup) else value

    environment = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, finalize=finished,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters["sentence"] = sentence
    packages, mixed = shared_packages(data.origins)
    return environment.get_template("page.html.j2").render(
        main=data.main,
        headline=headline(data.main),
        conclusion=conclusion_of(data.main),
        files=[(name, f"tables/{name}") for name in tables],
        costs=_costs(data.costs),
        on_gpus=any(cost.on_gpu for cost in data.costs),
        worst=data.worst,
        pictures=_pictures(data.worst),
        css=Markup((_FOLDER / "page.css").read_text(encoding="utf-8")),
        tables=[_table(results) for results in (data.main, *_with_values(data))],
        contributions=gains(data.main),
        what=what_is_gained(data.main),
        cross=[(results.dataset, _table(results, titles=True)) for results in data.cross],
        reported=[(results.study, _table(results, titles=True)) for results in data.reported],
        figures=[
            {
                "name": f.name,
                "caption": f.caption,
                "svg": Markup(inlined(f.svg, f.name, f.caption)),
                "files": f.files,
            }
            for f in figures
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


def _costs(costs: Sequence[Cost]) -> list[_CostLine]:
    """A line for each experiment, and one for all of them."""
    lines = [_CostLine(cost.experiment, _cost_cells(cost)) for cost in costs]
    if len(costs) > 1:
        whole = Cost(
            "All",
            sum(cost.runs for cost in costs),
            sum(cost.attempts for cost in costs),
            sum(cost.epochs for cost in costs),
            sum(cost.training for cost in costs),
            sum(cost.held for cost in costs),
            sum(cost.on_gpu for cost in costs),
        )
        lines.append(_CostLine(whole.experiment, _cost_cells(whole)))
    return lines


def _cost_cells(cost: Cost) -> tuple[str, ...]:
    times = (format_duration(cost.training), format_duration(cost.held), f"{cost.on_gpu / 3600:.2f}")
    return (str(cost.runs), str(cost.attempts), str(cost.epochs), *times)


def _pictures(worst: "WorstImages | None") -> list[str]:
    """The pictures of the worst images as data: addresses; "" where there is none."""
    images = () if worst is None else worst.images
    return [f"data:image/jpeg;base64,{b64encode(one.picture).decode()}" if one.picture else "" for one in images]


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
