"""`iqa-train report`: writes tables, figures and a page to a folder, and updates the tracker."""

from collections.abc import Sequence
from pathlib import Path

from iqa_train.cli.commands.results import add_choice_of_runs, runs_asked_for
from iqa_train.cli.parser import Parser
from iqa_train.cli.text import say

_DESCRIPTION = """\
Write a study's report: DIR/index.html (one page, no network needed), DIR/tables (LaTeX with booktabs, CSV, Markdown),
DIR/figures (PDF, SVG and PNG, for one and two columns of a paper); and update the tracker, but only between its
markers: text around them is kept. The same runs give the same bytes."""
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
    options = parser.read(argv)

    from iqa_train.report.collect import gather, require_runs
    from iqa_train.report.tracker import tracker_text, update_tracker
    from iqa_train.report.write import INDEX, write_report

    runs_dir = Path(options.runs_dir)
    chosen = runs_asked_for(options)
    require_runs(chosen, runs_dir)
    material = gather(
        chosen, runs_dir, options.metric or chosen.declared.metric, anyway=options.anyway, intervals=options.intervals
    )
    if not options.no_tracker and not options.on:  # the tracker holds results on the study's own test images
        changed = update_tracker(options.tracker, chosen.name, tracker_text(material))
        say(f"{options.tracker}: {'updated' if changed else 'nothing new'}")
    written = write_report(material, options.out)
    say(f"{len(written)} files in {options.out}")
    print(options.out / INDEX)
    return 0
