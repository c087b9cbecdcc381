"""`iqa-train` without a command: trains experiments of a study file, or a run given by its settings."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iqa_train.cli.commands import command_lines
from iqa_train.cli.manners import add_manners_options, manners_of
from iqa_train.cli.options import add_setting_options, typed_settings
from iqa_train.cli.other_scripts import refuse_options
from iqa_train.cli.parser import Parser, add_study_options, whole_number
from iqa_train.cli.scope import study_and_profile
from iqa_train.errors import UsageError, visible
from iqa_train.limits import MOST_PLACES, MOST_RETRIES

if TYPE_CHECKING:  # imported where they are used: --help needs none of them
    from iqa_train.study.findings import Finding
    from iqa_train.study.model import Study
    from iqa_train.study.spec import RunSpec

_USAGE = """iqa-train --exp ID... | --batch N... | --all | --demo  [options]     experiments of a study file
       iqa-train --dataset NAME [settings]                              a single run without a study file
       iqa-train COMMAND ...                                            before, during and after runs; see below"""
_DESCRIPTION = f"""\
Train image-quality networks and test them honestly: the best epoch is chosen on validation images, and the value
that choosing on the test images would have claimed is printed beside it.

  iqa-train --demo             the five experiments on built-in data, in minutes, no GPU needed
  iqa-train --exp A2           one experiment of ./experiments.toml
  iqa-train --exp A2 --lr 1e-6 the same with another setting
  iqa-train --exp A2 --dry-run print what it would do
  iqa-train --exp A2 --resume  continue after an interruption
  iqa-train --all --detach     the whole study, batch by batch, without this terminal

Commands (iqa-train COMMAND --help explains each; `iqa-tui` is the console):
{command_lines()}

Without --exp, --batch, --all, --profile or --demo, settings have the program's own defaults, shown in [brackets] below:
those of train_swin.py, not those of the study file or of another script. A run's folder is runs/<study>/<experiment>/,
its log is in logs/. Ctrl-C stops the runs that were started here, with a checkpoint; closing the terminal stops
nothing."""
_EPILOG = """exit status: 0 done, 1 a run failed, 2 usage or an invalid file, 130 interrupted"""


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit code. Raises UserError."""
    refuse_options(argv)
    options = _parser().read(argv)

    from iqa_train.datasets.leaks import audit_with_data
    from iqa_train.runs.layout import run_folder
    from iqa_train.study.audit import findings_about, refuse_errors
    from iqa_train.study.resolve import with_split
    from iqa_train.study.resolve_command import refuse_idle
    from iqa_train.study.slurm_checks import PREFIX

    overrides = typed_settings(options)
    study, profile = study_and_profile(options) if _names_study(options) else (None, None)
    by_hand = not (options.exp or options.all or options.batch or profile)
    _check_combination(options, overrides, by_hand=by_hand)
    if options.until_decided:
        _check_until_decided(options)
    if by_hand or study is None:
        study, specs = _runs_by_hand(options, overrides)
    else:
        specs = _runs_of_study(study, profile, options, overrides)
    manners_of(options, study)  # which refuses what is not valid, also for a dry run
    refuse_idle(specs, overrides)
    _refuse_unknown_backbones(specs)
    if options.repeat > 1 and any(spec.command for spec in specs):
        raise UsageError("--repeat rounds the initial weights of this program's networks otherwise; a command has none")
    if options.split:
        study, specs = with_split(study, specs, options.split)
    settings, on_slurm = None if by_hand else overrides, options.backend == "slurm"
    findings = audit_with_data(study, profile, settings, seeds=options.seeds, for_slurm=on_slurm)
    findings = findings_about(findings, {spec.experiment for spec in specs})
    if not on_slurm:
        findings = [finding for finding in findings if not finding.code.startswith(PREFIX)]
    elif options.runs_per_gpu is not None:
        _refuse_lone_runs(study, specs)
    runs = [(spec, run_folder(Path(options.runs_dir), spec, options.repeat)) for spec in specs]
    if options.dry_run:
        from iqa_train.cli.commands.dryrun import dry_run

        refuse_errors(findings)
        dry_run(runs, study, profile, options, overrides)
        return 0
    from iqa_train.cli.commands.start import start_runs

    _announce(study, findings, by_hand=by_hand)
    refuse_errors(findings)
    return start_runs(runs, study, options, list(argv))


def _names_study(options: argparse.Namespace) -> bool:
    return bool(options.exp or options.all or options.batch or options.profile or options.demo or options.study)


def _check_combination(options: argparse.Namespace, overrides: Mapping[str, Any], *, by_hand: bool) -> None:
    """Raise UsageError for options that do not say what to run, or contradict each other."""
    if options.study is not None and by_hand:
        raise UsageError(f"--study {visible(options.study)} does not say what to run; add --exp ID, --batch N or --all")
    if by_hand and not overrides:
        raise UsageError(
            "nothing to train; give experiments (--exp ID), --batch, --all, --demo, or settings such as --dataset"
        )
    if options.resume and options.again:
        raise UsageError("--resume and --again cannot be combined: one continues a run, the other starts it over")
    if bool(options.exp) + bool(options.batch) + options.all > 1:
        raise UsageError("--exp, --batch and --all cannot be combined: each selects experiments")
    if options.seeds and "seed" in overrides:
        raise UsageError("--seed and --seeds cannot be combined: --seeds lists all of them")
    if options.backend == "slurm":
        _check_slurm(options)


def _check_slurm(options: argparse.Namespace) -> None:
    """Raise UsageError for options that choose a device of this machine."""
    for name, why in (
        ("gpu", "Slurm chooses the GPUs of a job; gpus in [slurm] says how many it has"),
        ("slots", "they are of this machine; cpus in [slurm] says how many cores a job has"),
    ):
        if getattr(options, name) is not None:
            raise UsageError(f"--{name} and --backend slurm cannot be combined: {why}")


def _refuse_lone_runs(study: "Study", specs: "Sequence[RunSpec]") -> None:
    """Raise UsageError if no job has several runs that could share a GPU."""
    from iqa_train.study.resolve_slurm import resolved

    if all(resolved(study, spec).runs_per_job == 1 for spec in specs):
        raise UsageError("--runs_per_gpu has no effect with one run in a job; runs_per_job in [slurm] gives it more")


def _check_until_decided(options: argparse.Namespace) -> None:
    """Raise UsageError for options that a design leaves no room for."""
    if not options.all:
        raise UsageError("--until-decided takes all experiments of the study; add --all")
    for name, why in (
        ("seeds", "the design has the seeds"),
        ("again", "the results that were looked at stay"),
        ("split", "the study file has the split"),
    ):
        if getattr(options, name):
            raise UsageError(f"--until-decided and --{name} cannot be combined: {why}")
    if options.repeat > 1:
        raise UsageError("--until-decided and --repeat cannot be combined: a repeat is no seed, and decides nothing")


def _refuse_unknown_backbones(specs: "Sequence[RunSpec]") -> None:
    """Raise UsageError for a misspelt backbone, which needs no look at the whole study."""
    from iqa_train.study.backbones import unknown_backbone

    for settings in (spec.settings for spec in specs if spec.command is None and not spec.external):
        if problem := unknown_backbone(settings.backbone, settings.model_size):
            raise UsageError(problem)


def _runs_by_hand(options: argparse.Namespace, overrides: Mapping[str, Any]) -> "tuple[Study, list[RunSpec]]":
    """A run of settings alone, with each seed, and the study made for it."""
    from iqa_train.study.resolve import runs_by_hand, study_by_hand

    file = _own_file(options.experiments)
    sources, slurm, local = (file.datasets, file.slurm, file.local) if file else ({}, None, None)
    study = study_by_hand(overrides, sources, slurm, local)
    return study, runs_by_hand(study, options.seeds)


def _own_file(experiments: Path | None) -> "Study | None":
    """The study file, if there is one: its [datasets], [slurm] and [local] are for runs without experiment, too."""
    from iqa_train.study.find import find_study
    from iqa_train.study.load import load_study

    if experiments is None and not Path("experiments.toml").exists():
        return None
    return load_study(find_study(experiments))


def _runs_of_study(
    study: "Study", profile: str | None, options: argparse.Namespace, overrides: Mapping[str, Any]
) -> "list[RunSpec]":
    """The experiments that --exp or --batch name, or all of them, with each seed."""
    from iqa_train.study.resolve import experiments_of_batches, resolve_all

    if options.until_decided:
        from iqa_train.cli.until_decided import first_rounds

        return first_rounds(study, profile, overrides, Path(options.runs_dir))
    ids = options.exp or (experiments_of_batches(study, options.batch) if options.batch else None)
    return resolve_all(study, profile=profile, overrides=overrides, ids=ids, seeds=options.seeds)


def _announce(study: "Study", findings: "Sequence[Finding]", *, by_hand: bool) -> None:
    """Print where the settings come from, and what the audit found."""
    from iqa_train.cli.commands.check import findings_text
    from iqa_train.cli.text import say

    if by_hand:
        say("settings that are not given have the defaults of train_swin.py, which this program replaces (--dry-run)")
    elif study.path != Path("experiments.toml"):
        say(f"study file: {study.path}")
    if findings:
        say(findings_text(findings))


def _parser() -> Parser:
    parser = Parser("iqa-train", _DESCRIPTION, _EPILOG, _USAGE)
    what = parser.add_argument_group("What to run")
    what.add_argument("--exp", nargs="+", metavar="ID", help="experiments of the study file")
    what.add_argument("--batch", nargs="+", metavar="N", help="batches of the study file, by number or name")
    what.add_argument("--all", action="store_true", help="every experiment of the study file, batch by batch")
    what.add_argument(
        "--seeds", nargs="+", type=whole_number(0), metavar="N", help="run everything with each of these seeds"
    )
    what.add_argument(
        "--until-decided", action="store_true",
        help="with --all: more seeds, round by round, until every verdict of [design] is decided",
    )  # fmt: skip
    what.add_argument(
        "--repeat", type=whole_number(2), default=1, metavar="N",
        help="the same seed with other rounding, N-th time (from 2): how much of a value is chance; counts as no seed",
    )  # fmt: skip
    what.add_argument(
        "--set", nargs="+", action="extend", metavar="NAME=VALUE", help="parameters of [command] or [commands.NAME]"
    )
    what.add_argument("--resume", action="store_true", help="continue from the last checkpoint")
    what.add_argument(
        "--again",
        action="store_true",
        help="start over what was run before; a result counts until the new one is complete",
    )
    what.add_argument("--dry-run", action="store_true", help="print settings and commands, and start nothing")
    what.add_argument(
        "--split", metavar="FILE", help="CSV of image,split in place of the data set's split (`data split` writes one)"
    )
    how = parser.add_argument_group("How")
    how.add_argument("--detach", action="store_true", help="queue the runs and return; they need no terminal")
    how.add_argument(
        "--policy", choices=("batches", "greedy"),
        help="batches: one after another, on the GPUs the file names; greedy: a free device takes the next [batches]",
    )  # fmt: skip
    how.add_argument(
        "--retries", type=whole_number(0, MOST_RETRIES), default=3, metavar="N",
        help="attempts in a row without progress before a run that was killed, lost or out of memory is given up [3]",
    )  # fmt: skip
    how.add_argument(
        "--json", action="store_true",
        help="print one JSON object: at the end as `status --json`, with --dry-run what would be run",
    )  # fmt: skip
    add_study_options(parser)
    where = parser.add_argument_group("Where")
    where.add_argument("--gpu", type=whole_number(0), metavar="N", help="on GPU N alone, counted as nvidia-smi does")
    where.add_argument(
        "--slots", type=whole_number(1, MOST_PLACES), metavar="N", help="on N slots of the CPU instead of GPUs"
    )
    where.add_argument(
        "--runs_per_gpu", type=whole_number(1, MOST_PLACES), metavar="N", help="runs that share a GPU [1]"
    )
    where.add_argument(
        "--backend", choices=("local", "slurm"),
        help="local: on this machine; slurm: as jobs of a cluster, given what [slurm] of the study file says [local]",
    )  # fmt: skip
    add_manners_options(parser)
    parser.add_argument("--version", action="store_true", help="print the version")
    add_setting_options(parser)
    return parser
