"""`iqa-train report`: writes tables, figures and a page to a folder, and updates the tracker."""

import argparse
import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from iqa_train.cli.commands.results import add_choice_of_runs, runs_asked_for
from iqa_train.cli.parser import Parser
from iqa_train.cli.progress_bar import StageBar
from iqa_train.cli.text import say
from iqa_train.errors import visible
from iqa_train.report.figures.fonts import FACES
from iqa_train.report.figures.style import ONE_COLUMN, TWO_COLUMNS
from iqa_train.text import plural

if TYPE_CHECKING:
    from iqa_train.report.report_data import ReportData
    from iqa_train.results.selection import RunSelection

_COLUMN, _PAGE = (2.5, 5.0), (5.1, 12.0)  # inches that figures are laid out for

_DESCRIPTION = """\
Write a study's report: DIR/index.html (one page, no network needed), DIR/tables (LaTeX with booktabs, CSV, Markdown),
DIR/figures (PDF, SVG and PNG, for one and two columns of a paper); and update the tracker, created if missing, but only
between its markers: text around them is kept. The same runs give the same bytes."""
_EPILOG = "exit status: 0 done, 1 no runs, or something could not be written or compared, 2 usage or an invalid file"


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status. Raises UserError."""
    parser = Parser("iqa-train report", _DESCRIPTION, _EPILOG)
    add_choice_of_runs(parser)
    parser.add_argument("--out", type=Path, default=Path("report"), metavar="DIR", help="folder of the report [report]")
    parser.add_argument(
        "--tracker", type=Path, default=Path("EXPERIMENTS_LOG_TRACKER.md"), metavar="FILE",
        help="Markdown file to update [EXPERIMENTS_LOG_TRACKER.md]",
    )  # fmt: skip
    parser.add_argument("--no-tracker", action="store_true", help="do not update the tracker; implied by --on")
    parser.add_argument(
        "--no-pictures",
        action="store_true",
        help="no small pictures of test images on the page (of the largest errors)",
    )
    group = parser.add_argument_group("Figures")
    group.add_argument(
        "--face", choices=tuple(FACES), default="sans", help="of their letters; serif is Times-like [sans]"
    )
    for name, width, what, (least, most) in (
        ("column", ONE_COLUMN, "\\columnwidth", _COLUMN), ("page", TWO_COLUMNS, "\\textwidth", _PAGE),
    ):  # fmt: skip
        group.add_argument(
            f"--{name}-width", type=_inches(least, most), default=width, metavar="INCHES",
            help=f"width of the figures NAME-{name}.*: {what} of your document [{width:g}]",
        )  # fmt: skip
    options = parser.read(argv)

    from iqa_train.report.collect import gather, require_runs
    from iqa_train.report.write import INDEX, Layout, write_report

    runs_dir = Path(options.runs_dir)
    chosen = runs_asked_for(options)
    require_runs(chosen, runs_dir)
    bar = StageBar()
    say(f"report of {chosen.name}: {plural(len(chosen.runs), 'run')}; computing metrics, then drawing figures")
    try:
        material = gather(
            chosen, runs_dir, options.metric or chosen.declared.metric, anyway=options.anyway,
            intervals=options.intervals, pictures=not options.no_pictures, progress=partial(_move, bar),
        )  # fmt: skip
        tracked = _tracked(options, chosen, material)
        layout = Layout(options.face, {"column": options.column_width, "page": options.page_width})
        written = write_report(material, options.out, layout, partial(_move, bar))
    finally:
        bar.close()
    if tracked:
        say(tracked)
    say(f"{plural(len(written), 'file')} in {options.out}")
    print(options.out / INDEX)
    return 0


def _move(bar: StageBar, stage: str, done: int, total: int) -> None:
    bar.move(stage, done, total, stage)


def _tracked(options: argparse.Namespace, chosen: "RunSelection", material: "ReportData") -> str:
    """Update the tracker, unless it is not wanted, before anything else is written; what was done, as a line."""
    from iqa_train.report.tracker import tracker_text, update_tracker

    if options.no_tracker or options.on:  # the tracker holds results on the study's own test images
        return ""
    done = update_tracker(options.tracker, chosen.name, tracker_text(material))
    return f"{options.tracker}: {done or 'nothing new'}"


def _inches(least: float, most: float) -> Callable[[str], float]:
    """An option's type: a width within these bounds."""

    def inches(text: str) -> float:
        try:
            width = float(text)
        except ValueError:
            width = math.nan
        if not least <= width <= most:
            raise argparse.ArgumentTypeError(f'"{visible(text)}" is not a width of {least:g} to {most:g} inches')
        return width

    return inches
