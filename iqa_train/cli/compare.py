"""`iqa-train compare`: two studies experiment by experiment, or one setting over several values."""

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iqa_train.cli.parser import Parser, add_places, add_study_options, profile_of
from iqa_train.errors import UsageError, did_you_mean, visible
from iqa_train.results.table import METRICS

if TYPE_CHECKING:  # SciPy takes its time
    from iqa_train.results.bynumbers import Side
    from iqa_train.results.recorded import Recorded
    from iqa_train.study.model import Study

REPORTED = "reported:"
_USAGE = """iqa-train compare FIRST SECOND [options]              two studies, experiment by experiment
       iqa-train compare --sweep SETTING [NAME...] [options] one setting over several values"""
_DESCRIPTION = """\
Compare two studies: what differs in their settings, and each experiment's value in the second less that in the first,
with its interval, from the predictions of the runs. A name is that of a study with runs, or of a group of the study
file's [[references]], whose numbers are shown as reported and never tested; runs go first, and reported:NAME means
the references. With --sweep: one setting over several values, from the runs and references of those names, or all."""
_EPILOG = "exit status: 0 done, 1 nothing that can be compared (--anyway compares it), 2 usage or an invalid file"


@dataclass(frozen=True)
class Named:
    """What a name means: the runs of a study, or a group of references."""

    name: str
    runs: "Sequence[Recorded]" = ()
    group: str | None = None
    notes: tuple[str, ...] = ()


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status. Raises UserError."""
    parser = Parser("iqa-train compare", _DESCRIPTION, _EPILOG, _USAGE)
    parser.add_argument("names", nargs="*", metavar="NAME", help="studies, or groups of [[references]]")
    parser.add_argument("--sweep", metavar="SETTING", help="one setting over several values, such as lr")
    add_study_options(parser)
    add_places(parser, logs=False)
    parser.add_argument("--metric", choices=tuple(METRICS), default="srcc", help="what is compared [srcc]")
    parser.add_argument("--anyway", action="store_true", help="show what cannot be compared too, with a note")
    parser.add_argument("--json", action="store_true", help="print one JSON object, for programs")
    options = parser.read(argv)
    if options.sweep is None and len(options.names) != 2:
        raise UsageError(f"compare takes two studies, not {len(options.names)}, or --sweep SETTING; see --help")

    from iqa_train.study.load import find_study, load_study

    study = load_study(find_study(options.experiments))
    document, lines = _sweep(study, options) if options.sweep is not None else _compare(study, options)
    print(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) if options.json else "\n".join(lines))
    return 0


def _compare(study: "Study", options: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    from dataclasses import replace

    from iqa_train.cli.comparetext import across_document, across_lines
    from iqa_train.results.across import compare_studies
    from iqa_train.results.bynumbers import compare_numbers, with_numbers

    one, two = (_named(name, study, options) for name in options.names)
    if (one.group, one.name) == (two.group, two.name):
        raise UsageError(f"{one.name} is named twice; compare takes two different studies")
    if one.group is None and two.group is None:
        across = compare_studies(one.runs, two.runs, options.metric, anyway=options.anyway)
        if any(row.first is None or row.second is None for row in across.rows):
            across = with_numbers(across, _side(one, study, options), _side(two, study, options))
    else:
        sides = (_side(one, study, options), _side(two, study, options))
        across = compare_numbers(*sides, (_label(one), _label(two)), options.metric)
    across = replace(across, notes=(*across.notes, *one.notes, *two.notes))
    return across_document(across), across_lines(across, _width())


def _sweep(study: "Study", options: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    from iqa_train.cli.comparetext import curve_document, curve_lines
    from iqa_train.results.curve import setting_curve
    from iqa_train.study.reported import dataset_of, groups_of, references_of

    profile = profile_of(options)
    names = [_named(name, study, options) for name in options.names]
    if not names:
        names = [Named(name, _runs_of(name, study, options)[0]) for name in _studies(options)]
        names += [Named(group, group=group) for group in ("", *groups_of(study))]
    groups = {one.group for one in names if one.group is not None}
    references = [r for r in references_of(study, profile) if r.study in groups]
    runs = [run for one in names for run in one.runs]
    if not options.names:  # of other data there may be any number of runs
        runs = [run for run in runs if run.spec["settings"].get("dataset") == dataset_of(study, profile)]
    curve = setting_curve(study, runs, references, options.sweep, options.metric, anyway=options.anyway)
    return curve_document(curve), curve_lines(curve, _width())


def _named(name: str, study: "Study", options: argparse.Namespace) -> Named:
    """What `name` means. Raises UsageError for a name that means nothing, with the nearest."""
    from iqa_train.study.reported import groups_of

    groups = groups_of(study)
    plain = name.removeprefix(REPORTED)
    if name == plain and name in _studies(options):
        runs, notes = _runs_of(name, study, options)
        if any(run.state.finished for run in runs) or name not in groups:
            if name in groups:
                notes = (*notes, f"{name} is this project's own runs; {REPORTED}{name} are the recorded results")
            return Named(name, runs, notes=notes)
    if plain in groups:
        from iqa_train.study.reported import references_of

        if not references_of(study, profile_of(options), plain):
            raise UsageError(f'the references of "{visible(plain)}" are on other test images than the study\'s')
        unfinished = name == plain and name in _studies(options)
        notes = (f"no run of {name} has a result yet, so its recorded results are shown",) if unfinished else ()
        return Named(plain, group=plain, notes=notes)
    known = dict.fromkeys([*_studies(options), *groups])
    raise UsageError(
        f'there is no study "{visible(name)}" in {options.runs_dir} and no such group in {study.path}; '
        f"{did_you_mean(plain, known)}"
    )


def _runs_of(name: str, study: "Study", options: argparse.Namespace) -> "tuple[Sequence[Recorded], tuple[str, ...]]":
    """The runs of a study: those that the study file means, where it has the study and any of them was tried."""
    from iqa_train.report.which import chosen_runs
    from iqa_train.results.recorded import record_study

    chosen = chosen_runs(Path(options.runs_dir), name, options.experiments, None)
    tried = [run for run in chosen.runs if run.folder.attempts()]
    return (tried, chosen.notes) if tried else (record_study(Path(options.runs_dir), name), ())


def _studies(options: argparse.Namespace) -> list[str]:
    from iqa_train.runs.layout import run_folders

    return sorted({run.path.parent.parent.name for run in run_folders(Path(options.runs_dir)) if run.attempts()})


def _side(one: Named, study: "Study", options: argparse.Namespace) -> "Side":
    from iqa_train.results.bynumbers import numbers_of_group, numbers_of_runs

    if one.group is not None:
        return numbers_of_group(study, one.group, options.metric, profile_of(options))
    return numbers_of_runs(one.runs, options.metric)


def _label(one: Named) -> str:
    return f"{one.name} (reported)" if one.group is not None else one.name


def _width() -> int | None:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
