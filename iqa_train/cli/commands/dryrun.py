"""`--dry-run`: each run's settings, their difference from the baseline, its command; and what prevents a start."""

import argparse
import json
import re
import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from iqa_train.cli.options import as_options
from iqa_train.redaction import public_command
from iqa_train.runs.layout import RunFolder
from iqa_train.study.model import Study
from iqa_train.study.numbers import number_text
from iqa_train.study.placeholders import FROM_RUN, FROM_SETTINGS, filled
from iqa_train.study.shown_settings import shown_settings
from iqa_train.study.spec import RunSpec

if TYPE_CHECKING:
    from iqa_train.cli.batch_scripts import ArrayScript

_PLAIN = re.compile(r"[\w@%+=:,./{}-]+")  # what a shell leaves alone, with placeholders


def dry_run(
    runs: Sequence[tuple[RunSpec, RunFolder]],
    study: Study,
    profile: str | None,
    options: argparse.Namespace,
    overrides: dict[str, Any],
) -> None:
    """Print what a start would do. Raises UserError as a start does, but only mentions missing data.

    With `--backend slurm`, the batch scripts too, whether or not Slurm is installed here.
    """
    from iqa_train.cli.batch_scripts import print_scripts, refusals
    from iqa_train.cli.commands.start import require_startable, say_complete
    from iqa_train.cli.text import say
    from iqa_train.scheduler.data_check import data_problems

    complete = require_startable(runs, options)
    plans = [_plan_of(spec, run, study, profile, options, overrides) for spec, run in runs]
    scripts = _scripts([pair for pair in runs if complete[pair[1]] is None], study, options)
    if options.json:
        arrays = {} if scripts is None else {"arrays": [found.as_json() for found in scripts]}
        print(json.dumps({"runs": plans, **arrays}, indent=2, ensure_ascii=False))
    else:
        for plan, (spec, _) in zip(plans, runs, strict=True):
            _print_plan(plan, spec)
        print_scripts(scripts or ())
    sys.stdout.flush()
    for spec, run in runs:
        state = complete[run]
        if state is not None:
            say_complete(spec, run, state)
    for problem in data_problems(runs):
        say(f"cannot start here now: {problem}")
    for words in refusals(scripts or ()):
        say(f"cannot start on this cluster now: {words}")


def _scripts(
    runs: Sequence[tuple[RunSpec, RunFolder]], study: Study, options: argparse.Namespace
) -> "list[ArrayScript] | None":
    """The job arrays that the runs would be submitted as; None where they are not."""
    if options.backend != "slurm":
        return None
    from iqa_train.cli.batch_scripts import array_scripts

    return array_scripts(runs, study, options)


def _plan_of(
    spec: RunSpec,
    run: RunFolder,
    study: Study,
    profile: str | None,
    options: argparse.Namespace,
    overrides: dict[str, Any],
) -> dict[str, Any]:
    """A run as `--json` prints it."""
    return {
        "experiment": spec.experiment,
        "title": spec.title,
        "study": spec.study,
        "seed": spec.seed,
        "repeat": run.repeat,
        "config_hash": spec.config_hash,
        "run_dir": str(run.path),
        "settings": shown_settings(spec),
        "normalisation": spec.normalisation.model_dump() if spec.command is None else None,
        "baseline": spec.baseline,
        "differs": {name: {"baseline": theirs, "here": ours} for name, (theirs, ours) in spec.differs.items()},
        "command": _command(spec, study, profile, options, overrides),
    }


def _command(
    spec: RunSpec, study: Study, profile: str | None, options: argparse.Namespace, overrides: dict[str, Any]
) -> list[str]:
    """The command that starts this run alone."""
    by_hand = spec.baseline is None
    words = ["iqa-train"]
    if not by_hand:
        words += ["--exp", spec.experiment, "--experiments", str(study.path), "--seed", str(spec.seed)]
        words += ["--profile", profile] if profile else []
    words += [] if options.gpu is None else ["--gpu", str(options.gpu)]
    words += ["--backend", options.backend] if options.backend else []
    for option, value, usual in (("--runs-dir", options.runs_dir, "runs"), ("--logs-dir", options.logs_dir, "logs")):
        words += [option, value] if value != usual else []
    if by_hand and options.experiments is not None:
        words += ["--experiments", str(options.experiments)]
    words += ["--repeat", str(options.repeat)] if options.repeat > 1 else []
    words += ["--split", options.split] if options.split else []
    return words + as_options({k: v for k, v in overrides.items() if k != "seed" or by_hand})


def _program(spec: RunSpec, words: Sequence[str]) -> str:
    """The program's command line: with the values of this run, and placeholders for what only a start knows."""
    values = {name: f"{{{name}}}" for name in FROM_RUN} | {name: getattr(spec.settings, name) for name in FROM_SETTINGS}
    shown = public_command(filled(words, {**values, "experiment": spec.experiment, **spec.parameters}))
    return " ".join(word if _PLAIN.fullmatch(word) else shlex.quote(word) for word in shown)


def _print_plan(plan: dict[str, Any], spec: RunSpec) -> None:
    print(f"{spec.experiment}: {spec.title}" if spec.title not in {"", spec.experiment} else spec.experiment)
    repeat = f", repeat {plan['repeat']}" if plan["repeat"] > 1 else ""
    print(f"  study {spec.study}, seed {spec.seed}{repeat}, configuration {spec.config_hash}")
    print(f"  run directory {plan['run_dir']}")
    for name, value in plan["settings"].items():
        print(f"    {name} = {_toml(value)}")
    if spec.baseline is not None and spec.experiment != spec.baseline:
        pairs = [f"{name} {_toml(ours)} (there {_toml(theirs)})" for name, (theirs, ours) in spec.differs.items()]
        print(f"  differs from {spec.baseline} in: {'; '.join(pairs) or 'nothing'}")
    if spec.command is None:
        print(f"  normalisation: {spec.normalisation}")
    else:
        print(f"  program: {_program(spec, spec.command.run)}, in {spec.command.folder}")
    print(f"  command: {shlex.join(plan['command'])}\n")


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_toml(option)}" for name, option in value.items()) + " }" if value else "{}"
    if isinstance(value, float):
        return number_text(value)
    return f'"{value}"' if isinstance(value, str) else str(value)
