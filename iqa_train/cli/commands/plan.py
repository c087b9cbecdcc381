"""`iqa-train plan`: what the study can show with the hours there are, and the [design] to declare."""

import argparse
import json
from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from iqa_train.cli.parser import Parser, add_study_options, profile_of
from iqa_train.cli.text import output_width, say, text_table
from iqa_train.errors import RunError, UsageError
from iqa_train.stats.registry import METRICS

if TYPE_CHECKING:
    from iqa_train.results.plan import Plan
    from iqa_train.results.selection import RunSelection

_DESCRIPTION = """\
Print what the study can show: the smallest difference that so many seeds find, what no number of seeds finds, what
more test images would do, and how to spend a number of hours. Computed from the variances and times of the study's
finished runs; where they have one seed each, a pilot is proposed. Nothing runs."""
_EPILOG = """\
A difference is "shown" if it is found with 80 % power after Holm's correction over the experiments. Differences to be
found are the middles of the study file's expect.delta, or --delta. exit status: 0 done, 1 runs that cannot be compared,
2 usage or an invalid file"""


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status. Raises UserError."""
    options = _parser().read(argv)
    if options.json and (options.toml or options.write):
        raise UsageError("--json cannot be combined with --toml or --write")

    from iqa_train.results.plan import make_plan
    from iqa_train.results.plan_inputs import plan_inputs

    chosen = _chosen(options)
    metric = options.metric or chosen.declared.metric
    if options.delta is None and METRICS[metric].bounds[1] > 1:
        raise UsageError(f"--delta D is needed with {metric}: no difference to be found is known in its unit")
    design = chosen.declared.design
    plan = make_plan(plan_inputs(chosen, metric, options.delta), options.hours, design.alpha if design else 0.05)
    if options.json:
        print(json.dumps(plan.as_json(), indent=2, ensure_ascii=False, allow_nan=False))
        return 0
    if options.toml or options.write:
        _declare(plan, chosen, options)
        return 0
    _print(plan, chosen)
    return 0


def _chosen(options: argparse.Namespace) -> "RunSelection":
    """The runs of a study that the study file declares. Raises UserError."""
    from iqa_train.results.selection import chosen_runs

    chosen = chosen_runs(Path(options.runs_dir), options.study, options.experiments, profile_of(options))
    if chosen.study is None or chosen.baseline is None or not chosen.runs:
        raise UsageError(f"{chosen.name} is not a study of the study file; a plan needs its experiments and baseline")
    if len(chosen.study.experiments) < 2:
        raise RunError(f"{chosen.name} has only its baseline: there is nothing to compare, and nothing to plan")
    return chosen


def _print(plan: "Plan", chosen: "RunSelection") -> None:
    from iqa_train.report.plan_text import plan_blocks, wrapped

    width = output_width()
    texts = []
    for block in plan_blocks(plan, chosen.name, _first_seed(chosen)):
        texts.append("\n".join(text_table(*block, width) if isinstance(block, tuple) else wrapped(block, width)))
    print("\n\n".join(texts))
    say("\niqa-train plan --toml prints the [design] to declare; --write appends it to the study file")


def _declare(plan: "Plan", chosen: "RunSelection", options: argparse.Namespace) -> None:
    """Print the [design], or append it to the study file."""
    from iqa_train.results.plan_design import proposed_design
    from iqa_train.study.design_table import append_design, design_toml
    from iqa_train.study.profiles import seeds_of

    assert chosen.study is not None
    seeds = seeds_of(chosen.study, chosen.profile)
    design = proposed_design(plan, chosen.declared.margins, seeds, options.hours)
    text = design_toml(design, chosen.profile)
    if options.toml:
        print(text, end="")
    if options.write:
        append_design(chosen.study.path, text, chosen.profile)
        say(f"appended to {chosen.study.path}")
    if plan.inputs.used:
        say(
            f"{chosen.name} has results, so verdicts under a design declared now are exploratory; give the study "
            "another name (with these new seeds) for verdicts that hold their promise"
        )


def _first_seed(chosen: "RunSelection") -> int:
    from iqa_train.study.profiles import seeds_of

    assert chosen.study is not None
    return seeds_of(chosen.study, chosen.profile)[0]


def _positive(text: str) -> float:
    """An option's type: a number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not isfinite(number) or number <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return number


def _parser() -> Parser:
    parser = Parser("iqa-train plan", _DESCRIPTION, _EPILOG)
    parser.add_argument("--hours", type=_positive, metavar="H", help="hours of one device that are there to spend")
    parser.add_argument("--delta", type=_positive, metavar="D", help="difference to be found, for all experiments")
    parser.add_argument("--metric", choices=tuple(METRICS), help="metric to plan for [the study's primary one]")
    parser.add_argument("--toml", action="store_true", help="print the [design] table alone, ready to paste")
    parser.add_argument("--write", action="store_true", help="append that table to the study file, which has none yet")
    parser.add_argument("--json", action="store_true", help="print one JSON object, for programs")
    add_study_options(parser)
    return parser
