"""`iqa-train`: trains experiments of a study file, or a run typed by hand, in the foreground."""

import argparse
import contextlib
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from iqa_train.cli.options import add_setting_options, as_options, typed_settings
from iqa_train.cli.parser import Parser, add_study_options, profile_of
from iqa_train.errors import RunError, UsageError

if TYPE_CHECKING:  # imported where they are used: `--help` needs none of them
    from iqa_train.datasets.table import ImageTable
    from iqa_train.execution.runner import Order
    from iqa_train.runs.layout import RunFolder
    from iqa_train.study.audit import Finding
    from iqa_train.study.model import Study
    from iqa_train.study.spec import RunSpec

_USAGE = """iqa-train --exp ID... | --all | --demo  [options]     experiments of a study file
       iqa-train --dataset NAME [settings]               a run typed by hand
       iqa-train check | data ...                        see iqa-train check --help, iqa-train data --help"""
_DESCRIPTION = """\
Train image-quality networks and test them honestly: the best epoch is chosen on validation images, and what
choosing on test would have claimed is told beside it.

  iqa-train --demo             the five experiments on built-in data, in minutes, no GPU needed
  iqa-train --exp A2           one experiment of ./experiments.toml
  iqa-train --exp A2 --lr 1e-6 the same with another setting
  iqa-train --exp A2 --dry-run what it would do, and nothing else
  iqa-train --exp A2 --resume  continue after an interruption
  iqa-train check              what in the study file can mislead

Without --exp, --all, --profile or --demo, settings start from the program's own defaults, shown in [brackets] below,
and not from the study file's. A run lives in runs/<study>/<experiment>/, its log in logs/. Ctrl-C stops it with a
checkpoint."""
_EPILOG = """exit status: 0 done, 1 a run failed, 2 usage or an invalid file, 130 interrupted"""


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit code. Raises UserError."""
    options = _parser().read(argv)

    from iqa_train.runs.layout import run_folder
    from iqa_train.study.audit import audit
    from iqa_train.study.load import find_study, load_study
    from iqa_train.study.resolve import resolve_all, resolve_by_hand, study_by_hand

    overrides = typed_settings(options)
    profile = profile_of(options)
    of_study = bool(options.exp or options.all or profile)
    if not of_study and not overrides:
        raise UsageError(
            "nothing to train: name an experiment (--exp ID), --all, --demo, or settings such as --dataset"
        )
    if options.exp and options.all:
        raise UsageError("--exp and --all cannot stand together: --all means every experiment")
    study = load_study(find_study(options.experiments)) if of_study else None
    if study is None:
        sources = _own_sources(options.experiments)
        specs = [resolve_by_hand(overrides, sources)]
        study = study_by_hand(overrides, sources)
        findings = audit(study)
    else:
        specs = resolve_all(study, profile=profile, overrides=overrides, ids=options.exp)
        findings = audit(study, profile, overrides)
    runs = [(spec, run_folder(Path(options.runs_dir), spec)) for spec in specs]
    if options.dry_run:
        _print_plan(runs, study, options, overrides)
        return 0
    if of_study and study.path != Path("experiments.toml"):
        print(f"study file: {study.path}", file=sys.stderr)
    _show_findings(findings, {spec.experiment for spec in specs})
    return _train(runs, options, list(argv))


def _parser() -> Parser:
    parser = Parser("iqa-train", _DESCRIPTION, _EPILOG, _USAGE)
    what = parser.add_argument_group("What to run")
    what.add_argument("--exp", nargs="+", metavar="ID", help="experiments of the study file")
    what.add_argument("--all", action="store_true", help="every experiment of the study file, one after another")
    add_study_options(what)
    what.add_argument("--resume", action="store_true", help="continue from the last checkpoint")
    what.add_argument("--again", action="store_true", help="run anew what was run before; the old results are kept")
    what.add_argument("--dry-run", action="store_true", help="print settings and commands, and do nothing")
    where = parser.add_argument_group("Where")
    where.add_argument("--gpu", type=int, metavar="N", help="train on GPU N, counted as nvidia-smi does")
    where.add_argument("--runs-dir", default="runs", metavar="DIR", help="run directories [runs]")
    where.add_argument("--logs-dir", default="logs", metavar="DIR", help="logs [logs]")
    parser.add_argument("--version", action="store_true", help="print the version")
    add_setting_options(parser)
    return parser


def _own_sources(experiments: Path | None) -> Mapping[str, Any]:
    """The [datasets] of the study file here, which a run typed by hand may name too."""
    from iqa_train.study.load import find_study, load_study

    if experiments is None and not Path("experiments.toml").exists():
        return {}
    return load_study(find_study(experiments)).datasets


def _show_findings(findings: "Sequence[Finding]", experiments: set[str]) -> None:
    """Tell of what can mislead; refuse what cannot mean anything."""
    from iqa_train.cli.check import findings_text

    mine = [f for f in findings if f.experiment is None or f.experiment in experiments]
    if mine:
        print(findings_text(mine), file=sys.stderr)
    errors = [f for f in mine if f.severity == "error"]
    if errors:
        raise RunError(f"not started: {errors[0].code}: {errors[0].message}")


def _print_plan(
    runs: "Sequence[tuple[RunSpec, RunFolder]]",
    study: "Study",
    options: argparse.Namespace,
    overrides: dict[str, Any],
) -> None:
    by_hand = runs[0][0].baseline is None
    places = [] if options.gpu is None else ["--gpu", str(options.gpu)]
    for option, value, usual in (("--runs-dir", options.runs_dir, "runs"), ("--logs-dir", options.logs_dir, "logs")):
        places += [option, value] if value != usual else []
    if by_hand and options.experiments is not None:
        places += ["--experiments", str(options.experiments)]
    profile = profile_of(options)
    for spec, run in runs:
        print(f"{spec.experiment}: {spec.title}" if spec.title != spec.experiment else spec.experiment)
        print(f"  study {spec.study}, seed {spec.seed}, configuration {spec.config_hash}")
        print(f"  run directory {run.path}")
        for name, value in spec.settings.model_dump().items():
            print(f"    {name} = {_toml(value)}")
        if spec.baseline is not None and spec.experiment != spec.baseline:
            pairs = [f"{name} {_toml(ours)} (there {_toml(theirs)})" for name, (theirs, ours) in spec.differs.items()]
            print(f"  differs from {spec.baseline} in: {'; '.join(pairs) or 'nothing'}")
        words = ["iqa-train"]
        if not by_hand:
            words += ["--exp", spec.experiment, "--experiments", str(study.path), "--seed", str(spec.seed)]
            words += ["--profile", profile] if profile else []
        words += places + as_options({k: v for k, v in overrides.items() if k != "seed" or by_hand})
        print(f"  command: {shlex.join(words)}\n")


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def _train(runs: "Sequence[tuple[RunSpec, RunFolder]]", options: argparse.Namespace, argv: list[str]) -> int:
    """Run after run; returns the worst of their codes. A stopped run stops the rest, and so does bad input."""
    from iqa_train.execution.devices import gpu_environment
    from iqa_train.execution.follow import Follower
    from iqa_train.execution.runner import Order, done_before, run_attempt
    from iqa_train.results.summary import summarise, summary_text

    environment = gpu_environment(options.gpu)
    worst = 0
    orders = [
        Order(spec, run, Path(options.logs_dir), ["iqa-train", *argv], options.resume, options.again, environment)
        for spec, run in runs
    ]
    for order in orders:
        done_before(order)  # complain of any before the first starts
    _require_data(orders)
    for order in orders:
        state = done_before(order)
        if state is not None:
            _say(f"{order.spec.experiment} is {state.name} already, in {order.run.path}; --again runs it anew")
            continue
        if options.resume and not order.run.attempts():
            _say(f"{order.spec.experiment} with these settings has not been started before: it starts now")
        outcome = run_attempt(order, Follower())
        code = 130 if outcome.requested else outcome.command_code
        if code != 0:
            _say(f"iqa-train: {order.spec.experiment}: {outcome.state}: {outcome.reason}")
        worst = max(worst, code)
        if code in {2, 130}:
            break
    if len(runs) > 1:
        baseline = runs[0][0].baseline
        _say(summary_text(summarise(runs, baseline), baseline), sys.stdout)
    return worst


def _say(text: str, stream: TextIO | None = None) -> None:
    """Print, to stderr unless told; a reader that has gone, after hours perhaps, changes no exit code."""
    with contextlib.suppress(OSError, ValueError):
        print(text, file=stream or sys.stderr, flush=True)


def _require_data(orders: "Sequence[Order]") -> None:
    """Read every data set's table once, so that a missing image is told before anything is started or written.

    Raises DataError; also for a finished run that saw other data, whose result would pass for this one's.
    """
    from iqa_train.cli.bar import bar
    from iqa_train.datasets.catalogue import load_table
    from iqa_train.datasets.splits import fingerprint, split_table
    from iqa_train.errors import DataError
    from iqa_train.runs.state import read_json, run_state

    tables: dict[object, ImageTable] = {}
    for order in orders:
        settings = order.spec.settings
        key = (settings.dataset, settings.data_dir, order.spec.source)
        if key not in tables:
            with bar(f"making the {settings.dataset} set", "images") as progress:
                tables[key] = load_table(settings.dataset, order.spec.source, settings.data_dir, progress)
        now = fingerprint(tables[key], split_table(tables[key], settings.seed))
        provenance = read_json(order.run.provenance)
        if (
            not order.again
            and run_state(order.run).finished
            and provenance
            and provenance["data"]["fingerprint"] != now
        ):
            raise DataError(
                f"{order.spec.experiment} is complete in {order.run.path}, but with other images, scores or split than "
                f"{tables[key].root} has now; --again runs it anew and keeps the old result"
            )
