"""Writes a report: the page, tables in every format, figures in both widths. Each file is written atomically."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from iqa_train.errors import RunError
from iqa_train.files import write_atomic
from iqa_train.report.csv_file import results_csv
from iqa_train.report.figures import style
from iqa_train.report.figures.make_figures import planned_figures
from iqa_train.report.html.page import PageFigure, page
from iqa_train.report.latex import cross_latex, metrics_latex, results_latex
from iqa_train.report.markdown import results_markdown
from iqa_train.report.report_data import Progress, ReportData
from iqa_train.results.table import StudyResults

INDEX = "index.html"
_LIST = ".files"
_OURS = re.compile(r"(figures|tables)/[A-Za-z0-9_-]+\.(pdf|svg|png|tex|csv|md)")
WIDTHS = {"column": style.ONE_COLUMN, "page": style.TWO_COLUMNS}
"""Suffixes of the figures' names, and their widths in inches."""


@dataclass(frozen=True)
class TableFormat:
    """A file format of a results table."""

    suffix: str
    render: Callable[[StudyResults], str]


FORMATS = {
    "csv": TableFormat(".csv", lambda results: results_csv([results])),
    "markdown": TableFormat(".md", results_markdown),
    "latex": TableFormat(".tex", results_latex),
}
"""By the name that `--format` takes."""


@dataclass(frozen=True)
class Layout:
    """How figures are to look: their face, and their widths in inches by the suffix of their names."""

    face: str = "sans"
    widths: Mapping[str, float] = field(default_factory=lambda: dict(WIDTHS))


def write_report(
    data: ReportData, out: Path, layout: Layout | None = None, progress: Progress | None = None
) -> list[Path]:
    """Write index.html, tables/ and figures/ into the folder `out`, created if missing; returns the files, in order.

    The same data give the same bytes. Files of an earlier report that this one does not have are removed; other files
    are left alone. Raises RunError if the folder cannot be written to.
    """
    written: list[Path] = []
    try:
        earlier = _listed(out)
        for name, contents in report_files(data, layout, progress):
            path = out / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, contents)
            written.append(path)
        for path in earlier - set(written):
            path.unlink(missing_ok=True)
        names = sorted(str(path.relative_to(out)) for path in written)
        write_atomic(out / _LIST, "".join(f"{name}\n" for name in names).encode())
    except OSError as error:
        raise RunError(f"the report cannot be written to {out}: {error.strerror}") from None
    return written


def _listed(out: Path) -> set[Path]:
    """The files of an earlier report, restricted to names that a report can have."""
    try:
        names = (out / _LIST).read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, ValueError):
        return set()
    return {out / name for name in names if _OURS.fullmatch(name)}


def report_files(
    data: ReportData, layout: Layout | None = None, progress: Progress | None = None
) -> Iterator[tuple[str, bytes]]:
    """Every file's name and bytes. The page comes last, after the files it refers to."""
    layout = layout or Layout()
    tables = list(_tables(data))
    for name, text in tables:
        yield f"tables/{name}", text.encode(errors="replace")  # file names may hold bytes that are not text
    shown: list[PageFigure] = []
    figures, widths = planned_figures(data), layout.widths
    with style.styled(layout.face):
        for at, figure in enumerate(figures):
            for number, (suffix, width) in enumerate(widths.items()):
                if progress is not None:
                    progress("figures", at * len(widths) + number, len(figures) * len(widths))
                drawn = figure.draw(width)
                for form in style.FORMATS:
                    image = style.rendered(drawn, form, figure.name)
                    yield f"figures/{figure.name}-{suffix}.{form}", image
                    if form == "svg" and number == len(widths) - 1:
                        shown.append(PageFigure(figure.name, figure.caption, image, tuple(widths)))
    yield INDEX, page(data, shown, [name for name, _ in tables]).encode(errors="replace")


def _tables(data: ReportData) -> Iterator[tuple[str, str]]:
    everything = (*data.results, *data.cross)
    yield "results.csv", results_csv(everything)
    yield "results.md", "\n\n".join(results_markdown(results) for results in everything) + "\n"
    for results in data.results:
        yield f"{results.metric}.tex", results_latex(results)
    yield "metrics.tex", metrics_latex(data.results)
    if data.cross:
        yield "cross.tex", cross_latex(data.cross)
