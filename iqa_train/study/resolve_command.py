"""Settings and parameters of a run of a command: what its layers give, and how it differs from the baseline."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from iqa_train.errors import UsageError, did_you_mean, visible
from iqa_train.study.command import Command, CommandTable, Parameter, from_text
from iqa_train.study.harness import FIXED, HARNESS, program_label
from iqa_train.study.messages import shown
from iqa_train.study.model import Study
from iqa_train.study.placeholders import scalar_text
from iqa_train.study.settings import TrainingConfig, pairs_that_differ
from iqa_train.study.spec import RunSpec

PARAMETERS = "parameters"
"""The key of overrides that holds parameters of commands, as text by name."""

Layer = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Laid:
    """What a run trains with; without a command, this program's trainer."""

    settings: TrainingConfig
    command: Command | None = None
    parameters: Mapping[str, Parameter] = field(default_factory=dict)


def laid_command(study: Study, table: CommandTable, name: str, layers: Sequence[Layer], seed: int) -> Laid:
    """The run of a command that `layers` make, the strongest last."""
    values: dict[str, Any] = {}
    for _, layer in layers:
        values.update(layer)
    settings = TrainingConfig(**{k: v for k, v in values.items() if k in HARNESS} | FIXED | {"seed": seed})
    keys = {key: getattr(table, key) for key in Command.model_fields if key not in {"name", "folder"}}
    command = Command(**keys, name=name, folder=_folder(study.path))
    return Laid(settings, command, {k: values[k] for k in table.defaults})


def command_layers(
    table: CommandTable, layers: Sequence[Layer], overrides: Mapping[str, Any], name: str
) -> list[Layer]:
    """`layers` of a study, each with what means something for the command `name`; its own defaults follow the study's.

    These are [defaults], a profile perhaps, the experiment, and the command line. What of them may hold parameters: the
    experiment, and the profile where all experiments run `[command]`. Elsewhere a name is that of a setting.
    """
    known = {*HARNESS, *table.defaults}
    (first, defaults), *profile, (experiment, own), (last, typed) = layers
    given: Mapping[str, str] = overrides.get(PARAMETERS, {})
    parameters = {k: _typed(k, text, table) for k, text in given.items() if k in table.defaults}
    return [
        (first, _only(defaults, HARNESS)),
        (f"command {name}" if name else first, table.defaults),
        *((label, _only(layer, HARNESS if name else known)) for label, layer in profile),
        (experiment, _only(own, known)),
        (last, {**_only(typed, HARNESS), **parameters}),
    ]


def _only(layer: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in layer.items() if name in names}


def refuse_unknown(study: Study, overrides: Mapping[str, Any]) -> None:
    """Raise UsageError for parameters on the command line that no command of the study has, or that are not for one."""
    known = [name for table in study.commands.values() for name in table.defaults]
    for name in overrides.get(PARAMETERS, {}):
        if name in known:
            continue
        if not study.commands:
            raise UsageError(f"--set {visible(name)}: {study.path} has no command, whose parameter that could be")
        if name in HARNESS:
            raise UsageError(f"--set {visible(name)}: that is a setting of this program; write --{name} VALUE")
        raise UsageError(f'--set: unknown parameter "{visible(name)}"; {did_you_mean(name, known)}')
    if "" in study.commands:
        for name in overrides:
            if name not in {*HARNESS, PARAMETERS}:
                hint = f"write --set {name}=VALUE" if name in known else "a run of [command] has no such setting"
                raise UsageError(f"--{name} is a setting of this program's trainer; {hint}")


def refuse_idle(specs: Collection[RunSpec], settings: Iterable[str]) -> None:
    """Raise UsageError for one of `settings` that means nothing for any run, as commands train all of them, or none."""
    programs = [spec for spec in specs if spec.command is not None]
    if specs and not programs and PARAMETERS in settings:
        names = ", ".join(spec.experiment for spec in specs)
        raise UsageError(f"--set gives parameters of a command, and iqa-train trains {names}; write --SETTING VALUE")
    idle = [name for name in settings if name not in {*HARNESS, PARAMETERS}]
    if not idle or not programs or len(programs) < len(specs):
        return
    spec, name = programs[0], idle[0]
    assert spec.command is not None
    hint = f"write --set {name}=VALUE" if name in spec.parameters else did_you_mean(name, spec.parameters)
    raise UsageError(
        f"--{name} is a setting of this program's trainer, and {spec.experiment} is trained by {spec.command.label}, "
        f"whose parameters are given with --set; {hint}"
    )


def changed_parameters(declared: RunSpec, spec: RunSpec) -> dict[str, str]:
    """The parameters of `spec` that are not as the study file has them, as `--set` takes them."""
    pairs = ((name, value, spec.parameters.get(name, value)) for name, value in declared.parameters.items())
    return {name: scalar_text(ours) for name, theirs, ours in pairs if ours != theirs}


def differences(base: Laid, own: Laid) -> dict[str, tuple[Any, Any]]:
    """What differs -> (the baseline's value, this run's), without the seed.

    Of runs of two different programs: the programs, and the settings that mean something for both.
    """
    if base.command is None and own.command is None:
        return {name: pair for name, pair in pairs_that_differ(base.settings, own.settings) if name != "seed"}
    pairs = {name: (getattr(base.settings, name), getattr(own.settings, name)) for name in HARNESS if name != "seed"}
    pairs |= {k: (v, own.parameters[k]) for k, v in base.parameters.items() if k in own.parameters}
    found = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    ours, theirs = (_program(laid.command) for laid in (own, base))
    return found if ours == theirs else {"command": (theirs, ours), **found}


def _program(command: Command | None) -> str:
    return program_label(None if command is None else command.name)


def _typed(name: str, text: str, table: CommandTable) -> Parameter:
    value = from_text(text, table.defaults[name])
    if value is None:
        raise UsageError(
            f'--set {name}={visible(text)}: "{visible(text)}" does not fit its default {shown(table.defaults[name])}'
        )
    return value


def _folder(study: Path) -> str:
    """The folder of the study file as spec.json names it: from the working folder, if it lies in it."""
    folder = study.absolute().parent
    return str(folder.relative_to(Path.cwd())) if folder.is_relative_to(Path.cwd()) else str(folder)
