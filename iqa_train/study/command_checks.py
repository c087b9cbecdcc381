"""Audits experiments that a program of the user's own trains: is it there, and what is changed in it."""

import contextlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from iqa_train.errors import visible
from iqa_train.study.command import Command, leaves, outside
from iqa_train.study.findings import Audited, Finding
from iqa_train.study.placeholders import FROM_RUN, FROM_SETTINGS, filled, placeholders, used_names
from iqa_train.study.setting_fields import SETTINGS, is_local
from iqa_train.text import join_names

_SCRIPTS = frozenset({".py", ".sh", ".bash", ".R", ".r", ".jl", ".m", ".lua", ".pl", ".rb", ".js", ".jar"})


def missing_programs(audited: Audited) -> Iterator[Finding]:
    """Programs and scripts that are not where the command says."""
    for run in audited.runs:
        command = run.spec.command
        if command is None:
            continue
        for key in ("run", "resume"):
            for says in _missing(command, key):
                yield Finding("missing-program", "error", run.spec.experiment, (), f"{command.label}: {key}: {says}")


def predictions_outside(audited: Audited) -> Iterator[Finding]:
    """Files of predictions that the value of a parameter puts outside the run's folder."""
    for run in audited.runs:
        spec, command = run.spec, run.spec.command
        if command is None:
            continue
        known = {name: getattr(spec.settings, name) for name in FROM_SETTINGS}
        values = {**dict.fromkeys(FROM_RUN, "/"), **spec.parameters, **known, "run_dir": "/run"}
        values["experiment"] = spec.experiment
        for name in filled([command.file_of(split) for split in ("test", "val")], values):
            if leaves("/run", name):
                says = f"{command.label}: predictions: {outside(name)}"
                yield Finding("predictions-outside", "error", spec.experiment, (), says)


def _missing(command: Command, key: str) -> Iterator[str]:
    words: tuple[str, ...] = getattr(command, key)
    folder = Path.cwd() / command.folder
    if not words:
        return
    program = words[0]
    if not placeholders(program):
        found = shutil.which(program if "/" not in program else str(folder / program))
        if found is None:
            there = "/" in program and (folder / program).is_file()
            where = f"may not be executed: chmod +x {program}" if there else f"is not {_place(program, folder)}"
            yield f'"{visible(program)}" {where}'
    script = next((word for word in words[1:] if not word.startswith("-")), "")
    if Path(script).suffix in _SCRIPTS and not placeholders(script) and not (folder / script).is_file():
        yield f'"{visible(script)}" is not in {visible(str(folder))}'


def _place(program: str, folder: Path) -> str:
    return f"in {visible(str(folder))}" if "/" in program else "on PATH; {python} is the interpreter of iqa-train"


def several_parameters(audited: Audited) -> Iterator[Finding]:
    """Differences in more than one parameter from a baseline that is the same program."""
    base = audited.baseline.spec
    for run in audited.runs:
        spec = run.spec
        if spec.command is None or "command" in spec.differs:
            continue
        names = [name for name in spec.differs if name not in SETTINGS or not is_local(name)]
        if len(names) > 1:
            says = f"{spec.experiment} differs from {base.experiment} in {len(names)} factors, {join_names(names)}, "
            says += "so its difference is not the effect of any one of them"
            yield Finding("several-factors", "warning", spec.experiment, tuple(names), says)


def unused_parameters(audited: Audited) -> Iterator[Finding]:
    """Parameters that an experiment changes and that are not on the program's command line."""
    for run in audited.runs:
        spec = run.spec
        if spec.command is None or "settings" in (used := used_names(spec.command.run)) or _reads_them(spec.command):
            continue
        for name in spec.parameters:
            changed = name in spec.differs or run.origins.get(name) == f"experiment {spec.experiment}"
            if changed and name not in used:
                says = f"{spec.experiment} changes {name}, but {{{name}}} is not in run of {spec.command.label}: the "
                says += "program knows it only if it reads IQA_TRAIN_SETTINGS, as client.settings() does"
                yield Finding("parameter-not-passed", "warning", spec.experiment, (name,), says)


def _reads_them(command: Command) -> bool:
    """Whether a script that the command names mentions the file of all parameters, or the client that reads it."""
    folder = Path.cwd() / command.folder
    scripts = (folder / word for word in command.run if Path(word).suffix in _SCRIPTS and not placeholders(word))
    for script in scripts:
        with contextlib.suppress(OSError):
            if script.is_file() and re.search(rb"IQA_TRAIN_SETTINGS|client\.settings\(", script.read_bytes()):
                return True
    return False
