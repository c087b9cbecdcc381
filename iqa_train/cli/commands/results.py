"""`iqa-train results`: what a study has found, in the form that is asked for."""

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from iqa_train.cli.parser import Parser, add_study_options, profile_of
from iqa_train.errors import UsageError
from iqa_train.stats.registry import METRICS

if TYPE_CHECKING:
    from iqa_train.results.selection import RunSelection

_FORMATS = ("table", "json", "csv", "markdown", "latex")
_DESCRIPTION = """\
Print a study's results: each experiment's value and its difference from the baseline, with 95 % intervals, whether the
difference is significant, where both lie in what was expected, and why. All of it is computed from the per-image
predictions of the runs, at every call; unfinished runs count as far as they are, and are marked."""
_EPILOG = "exit status: 0 done, 1 runs that cannot be compared (--anyway compares them), 2 usage or an invalid file"


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status. Raises UserError."""
    parser = Parser("iqa-train results", _DESCRIPTION, _EPILOG)
    add_choice_of_runs(parser)
    parser.add_argument("--format", choices=_FORMATS, default=None, help="form of the output [table]")
    parser.add_argument("--json", action="store_true", help="short for --format json")
    parser.add_argument(
        "--logistic", type=int, choices=(4, 5), default=4, metavar="4|5",
        help="parameters of the logistic that plcc_fit and rmse_fit are taken after [4]",
    )  # fmt: skip
    options = parser.read(argv)
    if options.json and options.format not in {None, "json"}:
        raise UsageError(f"--json and --format {options.format} cannot be combined")

    from iqa_train.report.collect import results_of

    chosen = runs_asked_for(options)
    results = results_of(chosen, options.metric, anyway=options.anyway, parameters=options.logistic)
    form = "json" if options.json else options.format or "table"
    if form == "json":
        text = json.dumps(results.as_json(), indent=2, ensure_ascii=False, allow_nan=False)
    elif form == "table":
        from iqa_train.report.text import results_text

        text = results_text(results, shutil.get_terminal_size().columns if sys.stdout.isatty() else None)
    else:
        from iqa_train.report.write import FORMATS

        text = FORMATS[form].render(results)
    print(text.rstrip("\n").encode(errors="replace").decode())  # a file's name may hold what is no text
    return 0


def runs_asked_for(options: argparse.Namespace) -> "RunSelection":
    """The runs that the options of `add_choice_of_runs` name. Raises UsageError and StudyError."""
    from iqa_train.doctor.queue import waiting_folders
    from iqa_train.results.run_record import with_queued
    from iqa_train.results.selection import chosen_runs

    runs_dir = Path(options.runs_dir)
    chosen = chosen_runs(runs_dir, options.study, options.experiments, profile_of(options))
    chosen = replace(chosen, runs=with_queued(chosen.runs, waiting_folders(runs_dir)))
    if options.on:
        from iqa_train.results.cross_dataset import select_dataset

        return select_dataset(chosen, options.on)
    return chosen


def add_choice_of_runs(parser: Parser) -> None:
    """The options that say which runs, by which metric; `iqa-train report` has them too."""
    add_study_options(parser)
    parser.add_argument("--on", metavar="SET", help="results on another data set that the runs were tested on")
    parser.add_argument("--metric", choices=tuple(METRICS), default="srcc", help="what is compared [srcc]")
    parser.add_argument(
        "--anyway", action="store_true", help="show runs on other test images or with other fixed settings, with a note"
    )
