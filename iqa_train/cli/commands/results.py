"""`iqa-train results`: prints the results of a study as a table, JSON, CSV, Markdown or LaTeX."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from iqa_train.cli.parser import Parser, add_study_options, profile_of
from iqa_train.cli.text import output_width
from iqa_train.errors import UsageError, did_you_mean, visible
from iqa_train.stats.registry import METRICS

if TYPE_CHECKING:
    from iqa_train.results.selection import RunSelection

_FORMATS = ("table", "json", "csv", "markdown", "latex")
_DESCRIPTION = """\
Print a study's results: each experiment's value and its difference from the baseline with 95 % intervals, whether the
difference is significant, how both compare with what was expected, and why. Everything is computed from the per-image
predictions of the runs at each call; unfinished runs count with their epochs so far, and are marked."""
_EPILOG = "exit status: 0 done, 1 runs that cannot be compared (see --anyway), 2 usage or an invalid file"


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status. Raises UserError."""
    parser = Parser("iqa-train results", _DESCRIPTION, _EPILOG)
    add_choice_of_runs(parser)
    parser.add_argument("--format", choices=_FORMATS, default=None, help="output format [table]")
    parser.add_argument("--json", action="store_true", help="short for --format json")
    parser.add_argument(
        "--logistic", type=int, choices=(4, 5), default=4, metavar="4|5",
        help="parameters of the logistic function fitted for plcc_fit and rmse_fit [4]",
    )  # fmt: skip
    parser.add_argument("--against", metavar="EXPERIMENT", help="differences from this experiment [the baseline]")
    options = parser.read(argv)
    if options.json and options.format not in {None, "json"}:
        raise UsageError(f"--json and --format {options.format} cannot be combined")

    from iqa_train.report.collect import results_of

    chosen = runs_asked_for(options)
    results = results_of(
        chosen, options.metric or chosen.declared.metric, anyway=options.anyway, parameters=options.logistic,
        against=_experiment(options.against, chosen), intervals=options.intervals,
    )  # fmt: skip
    form = "json" if options.json else options.format or "table"
    if form == "json":
        text = json.dumps(results.as_json(), indent=2, ensure_ascii=False, allow_nan=False)
    elif form == "table":
        from iqa_train.report.text import results_text

        text = results_text(results, output_width())
    else:
        from iqa_train.report.write import FORMATS

        text = FORMATS[form].render(results)
    print(text.rstrip("\n").encode(errors="replace").decode())  # a file's name may not be valid text
    return 0


def _experiment(name: str | None, chosen: "RunSelection") -> str:
    """The experiment to compare with; "" for the baseline. Raises UsageError, with the nearest names."""
    known = list(dict.fromkeys(run.experiment for run in chosen.runs))
    if name is not None and name not in known:
        raise UsageError(f'{chosen.name} has no experiment "{visible(name)}"; {did_you_mean(name, known)}')
    return name or ""


def runs_asked_for(options: argparse.Namespace) -> "RunSelection":
    """The runs that the options of `add_choice_of_runs` select. Raises UsageError and StudyError."""
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
    """Add the options that select runs and the metric; `iqa-train report` has them, too."""
    add_study_options(parser)
    parser.add_argument("--on", metavar="SET", help="results on another data set that the runs were tested on")
    parser.add_argument("--metric", choices=tuple(METRICS), help="metric to compare [the study's primary one: srcc]")
    parser.add_argument(
        "--anyway",
        action="store_true",
        help="also compare runs with other test images or fixed settings, with a note",
    )
    parser.add_argument(
        "--intervals", choices=("single", "holm"), default="single",
        help="of differences: 95 %% each, or at the levels of Holm's procedure, as the adjusted p [single]",
    )  # fmt: skip
