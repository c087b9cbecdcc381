"""`iqa-train compare`: two studies experiment by experiment, or one setting over several values."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iqa_train.cli.parser import Parser, add_study_options
from iqa_train.cli.scope import study_and_profile
from iqa_train.cli.text import output_width
from iqa_train.errors import UsageError
from iqa_train.stats.registry import METRICS

if TYPE_CHECKING:  # SciPy takes its time
    from iqa_train.results.compare_by_name import NameScope

_USAGE = """iqa-train compare FIRST SECOND [options]              two studies, experiment by experiment
       iqa-train compare --sweep SETTING [NAME...] [options] one setting over several values"""
_DESCRIPTION = """\
Compare two studies: the settings that differ, and for each experiment the second value minus the first with its
interval, from the predictions of the runs. A name is that of a study with runs, or of a group of [[references]] in the
study file, whose values are shown as reported and never tested. If both exist, the study is taken; reported:NAME means
the references. With --sweep: one setting over several values, from the runs and references of the names, or all."""
_EPILOG = "exit status: 0 done, 1 nothing can be compared (see --anyway), 2 usage or an invalid file"


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status. Raises UserError."""
    parser = Parser("iqa-train compare", _DESCRIPTION, _EPILOG, _USAGE)
    parser.add_argument("names", nargs="*", metavar="NAME", help="study, or group of [[references]]")
    parser.add_argument("--sweep", metavar="SETTING", help="one setting over several values, such as lr")
    add_study_options(parser)
    parser.add_argument("--metric", choices=tuple(METRICS), default="srcc", help="metric to compare [srcc]")
    parser.add_argument("--anyway", action="store_true", help="also show what cannot be compared, with a note")
    parser.add_argument("--json", action="store_true", help="print one JSON object, for programs")
    options = parser.read(argv)
    if options.sweep is None and len(options.names) != 2:
        raise UsageError(
            f"compare takes two studies, not {len(options.names)}, or --sweep SETTING; see iqa-train compare --help"
        )

    from iqa_train.results.compare_by_name import NameScope

    study, profile = study_and_profile(options)
    where = NameScope(study, Path(options.runs_dir), options.experiments, profile)
    document, lines = _sweep(where, options) if options.sweep is not None else _compare(where, options)
    print(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) if options.json else "\n".join(lines))
    return 0


def _compare(where: "NameScope", options: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    from iqa_train.cli.compare_text import across_document, across_lines

    across = where.compared(options.names, options.metric, anyway=options.anyway)
    return across_document(across), across_lines(across, output_width())


def _sweep(where: "NameScope", options: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    from iqa_train.cli.compare_text import sweep_document, sweep_lines
    from iqa_train.results.compare_by_name import ComparisonSide
    from iqa_train.results.sweep import sweep
    from iqa_train.study.literature import dataset_of, groups_of, references_of

    study, profile = where.study, where.profile
    names = [where.named(name) for name in options.names]
    if not names:
        names = [ComparisonSide(name, *where.runs_of(name)) for name in where.studies]
        names += [ComparisonSide(group, group=group) for group in ("", *groups_of(study))]
    groups = {side.group for side in names if side.group is not None}
    references = [r for r in references_of(study, profile) if r.study in groups]
    runs = [run for side in names for run in side.runs]
    if not options.names:  # runs on other data do not belong here
        runs = [run for run in runs if run.spec["settings"].get("dataset") == dataset_of(study, profile)]
    found = sweep(study, runs, references, options.sweep, options.metric, anyway=options.anyway)
    found = replace(found, notes=(*found.notes, *(note for side in names for note in side.notes)))
    return sweep_document(found), sweep_lines(found, output_width())
