"""Turns a parsed TOML document into a Study, and notes every problem."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from iqa_train.errors import did_you_mean, visible
from iqa_train.study.code_reference import code_reference
from iqa_train.study.command import CommandTable
from iqa_train.study.cross_checks import DEFAULTS, HEAD, SEEDS_BELONG, check_references, check_seeds, id_of
from iqa_train.study.design import Design, contradiction
from iqa_train.study.harness import HARNESS
from iqa_train.study.literature import check_reported
from iqa_train.study.local_table import LocalTable
from iqa_train.study.messages import NAME_WORDS, complaints, is_name, shown
from iqa_train.study.model import (
    BY_HAND,
    DEFAULT_SEED,
    Batch,
    Experiment,
    Notify,
    Profile,
    ProfileHead,
    Reference,
    Study,
    StudyHead,
)
from iqa_train.study.parse_commands import parse_commands, settings_and_parameters
from iqa_train.study.parse_slurm import check_layers, parse_slurm, slurm_hint
from iqa_train.study.problems import Problems, TomlTable
from iqa_train.study.settings import TrainingConfig
from iqa_train.study.slurm_table import SlurmTable
from iqa_train.study.spec import DataSource, Expectation
from iqa_train.study.validate import check_settings

TABLES = (
    "study", "defaults", "experiments", "batches", "profiles", "datasets", "notify", "references", "design", "command",
    "commands", "slurm", "local",
)  # fmt: skip
_OF_PROFILE = ("study", "expect", "design", "slurm")  # tables in a profile; all else but minutes are settings
Model = TypeVar("Model", bound=BaseModel)


def parse_study(raw: Mapping[str, Any], path: Path, problems: Problems) -> Study | None:
    """The study that `raw` describes, or None with at least one problem noted."""
    for key in raw:
        if key not in TABLES:
            problems.add(TomlTable(key), f"unknown table; {did_you_mean(key, TABLES)}")
    head = _head(raw, problems)
    defaults = _table(raw, "defaults", problems)
    commands = parse_commands(raw, defaults, _made, problems)
    shared = {name: value for name, value in defaults.items() if name in HARNESS or "command" not in raw}
    settings = _settings(shared, DEFAULTS, problems)
    experiments = _experiments(_array(raw, "experiments", problems), commands, raw, problems)
    batches = _batches(_array(raw, "batches", problems), problems)
    design = _design(raw, head, problems)
    profiles = _profiles(_table(raw, "profiles", problems), raw, head, commands.get(""), problems)
    datasets = _datasets(_table(raw, "datasets", problems), problems)
    notify = _notify(raw, problems)
    slurm = parse_slurm(raw, TomlTable("slurm"), _made, problems)
    local = _made(LocalTable, _table(raw, "local", problems), TomlTable("local"), problems) or LocalTable()
    reported = _array(raw, "references", problems)
    references = _references(reported, defaults, problems)
    check_reported(reported, _array(raw, "experiments", Problems("")), problems)
    check_seeds(head, defaults, profiles, problems)
    check_references(raw, profiles, problems)
    if not problems.found:
        check_layers(slurm, profiles, experiments, problems)
    if problems.found or head is None:
        return None
    seed = defaults.get("seed", DEFAULT_SEED)
    return Study(
        path=path,
        name=head.name,
        title=head.title,
        baseline=head.baseline,
        seeds=head.seeds or (seed,),
        defaults=settings,
        experiments=tuple(experiments),
        batches=tuple(batches),
        profiles=profiles,
        datasets=datasets,
        notify=notify,
        local=local,
        references=tuple(references),
        primary=head.primary,
        margins=head.margin,
        design=design,
        commands=commands,
        slurm=slurm,
    )


# Each of these parses one kind of table, and skips invalid ones.


def _head(raw: Mapping[str, Any], problems: Problems) -> StudyHead | None:
    if "study" not in raw:
        problems.add(None, 'no [study] table; it needs at least name = "..." and baseline = "..."')
        return None
    head = _made(StudyHead, _table(raw, "study", problems), HEAD, problems)
    if head and head.name.lower() == BY_HAND:
        problems.add(HEAD, f'name = "{head.name}" is reserved for runs without a study file; choose another', "name")
    return head


def _experiments(
    tables: list[Any], commands: Mapping[str, CommandTable], raw: Mapping[str, Any], problems: Problems
) -> list[Experiment]:
    found = []
    named, own = list(_table(raw, "commands", Problems(""))), "command" in raw
    for number, table in enumerate(tables):
        if not isinstance(table, dict):
            problems.add(None, f"experiments: {shown(table)} is not a table; write an [[experiments]] table for each")
            continue
        place = TomlTable("experiments", number, id_of(table))
        fields = dict(table)
        if "expect" in fields:
            fields["expect"] = _made(Expectation, fields["expect"], place, problems, "expect") or Expectation()
        fields["slurm"] = parse_slurm(fields, place, _made, problems)
        changes, command = fields.get("set", {}), fields.get("command", "")
        if not isinstance(command, str):
            problems.add(place, f"command = {shown(command)} is not text; allowed: NAME of [commands.NAME]", "command")
            continue
        if command and command not in named:
            hint = did_you_mean(command, named) if named else f"write [commands.{visible(command)}], and its run there"
            problems.add(place, f"unknown command {shown(command)}; {hint}", "command")
        elif isinstance(changes, dict) and (command or own):
            fields["set"] = settings_and_parameters(changes, commands.get(command), place, problems)
        elif isinstance(changes, dict):
            fields["set"] = _settings(changes, place, problems)
        if isinstance(changes, dict) and "seed" in changes:
            problems.add(place, f"set cannot hold seed: {SEEDS_BELONG}", "seed")
        experiment = _made(Experiment, fields, place, problems)
        if experiment:
            found.append(experiment)
    return found


def _batches(tables: list[Any], problems: Problems) -> list[Batch]:
    found = []
    for number, table in enumerate(tables):
        name = table.get("name", "") if isinstance(table, dict) else ""
        batch = _made(Batch, table, TomlTable("batches", number, str(name)), problems)
        if batch:
            found.append(batch)
    return found


def _profiles(
    tables: Mapping[str, Any],
    raw: Mapping[str, Any],
    of_file: StudyHead | None,
    own: CommandTable | None,
    problems: Problems,
) -> dict[str, Profile]:
    found = {}
    for name, table in tables.items():
        place = TomlTable(f"profiles.{name}")
        if not is_name(name):
            problems.add(place, f"{shown(name)} is not a profile's name; allowed: {NAME_WORDS}")
        if not isinstance(table, dict):
            problems.add(place, f"{shown(table)} is not a table; allowed: a table of settings")
            continue
        changes = {key: value for key, value in table.items() if key not in (*_OF_PROFILE, "minutes")}
        if "command" in raw:
            settings = settings_and_parameters(changes, own, place, problems)
        else:
            settings = _settings(changes, place, problems)
        head = _made(ProfileHead, table.get("study", {}), place, problems, "study")
        if head and head.name.lower() == BY_HAND:
            problems.add(
                place, f'study: name = "{head.name}" is reserved for runs without a study file; choose another', "name"
            )
        timed = _made(Profile, {key: table[key] for key in ("minutes",) if key in table}, place, problems)
        expect = {}
        spans = table.get("expect", {})
        if not isinstance(spans, dict):
            problems.add(
                place, f"expect = {shown(spans)} is not a table; allowed: experiments, each with srcc or delta"
            )
            spans = {}
        for experiment, span in spans.items():
            made = _made(Expectation, span, place, problems, f"expect.{experiment}")
            if made:
                expect[experiment] = made
        if head and timed:
            found[name] = Profile(
                study=head,
                minutes=timed.minutes,
                expect=expect,
                set=settings,
                design=_profile_design(table, raw, of_file, place, problems),
                slurm=parse_slurm(table, place, _made, problems),
            )
    return found


def _design(raw: Mapping[str, Any], head: StudyHead | None, problems: Problems) -> Design | None:
    place = TomlTable("design")
    design = _made(Design, raw["design"], place, problems) if "design" in raw else None
    if head and (found := contradiction(design, head.primary, head.margin)):
        problems.add(place, found[1], found[0])
    return design


def _profile_design(
    table: Mapping[str, Any], raw: Mapping[str, Any], head: StudyHead | None, place: TomlTable, problems: Problems
) -> Design | None:
    """The design of the file with the profile's changes; None where the profile changes nothing."""
    own, of_file = table.get("design"), raw.get("design")
    if isinstance(own, dict) and isinstance(of_file, dict):
        own = {**of_file, **own}
    design = None if own is None else _made(Design, own, place, problems, "design")
    if head and (found := contradiction(design, head.primary, {})):
        problems.add(place, f"design: {found[1]}", found[0])
    return design


def _datasets(tables: Mapping[str, Any], problems: Problems) -> dict[str, DataSource]:
    found = {}
    for name, table in tables.items():
        place = TomlTable(f"datasets.{name}")
        if not is_name(name):
            problems.add(place, f"{shown(name)} is not a data set's name; allowed: {NAME_WORDS}")
        source = _made(DataSource, table, place, problems)
        if source:
            found[name] = source
    return found


def _notify(raw: Mapping[str, Any], problems: Problems) -> Notify | None:
    table = _table(raw, "notify", problems)
    return _made(Notify, table, TomlTable("notify"), problems) if isinstance(raw.get("notify"), dict) else None


def _references(tables: list[Any], defaults: Mapping[str, Any], problems: Problems) -> list[Reference]:
    usual = str(defaults.get("dataset", TrainingConfig.model_fields["dataset"].default))
    found = []
    for number, table in enumerate(tables):
        place = TomlTable("references", number, id_of(table) if isinstance(table, dict) else "")
        fields = table
        if isinstance(table, dict) and isinstance(table.get("settings"), dict):
            fields = {**table, "settings": _settings(table["settings"], place, problems, "settings")}
        reference = _made(Reference, fields, place, problems)
        if reference:
            found.append(reference.model_copy(update={"dataset": reference.dataset or usual}))
    return found


# Helpers.


def _settings(values: Mapping[str, Any], place: TomlTable, problems: Problems, within: str = "") -> dict[str, Any]:
    """The valid settings of `values`, with their types; problems with others are noted."""
    valid, wrong = check_settings(values)
    problems.extend(place, ((key, _as_option(key, sentence, values)) for key, sentence in wrong), within)
    return valid


def _as_option(key: str, sentence: str, values: Mapping[str, Any]) -> str:
    """The complaint about `key`; a name that is like no setting, beside own code, is perhaps an option of that code."""
    unknown, _, known = sentence.partition("; known: ")
    homes = {"network": "network_options", "loss_type": "loss_options"}
    own = {homes[key]: name for key, name in values.items() if key in homes and code_reference(str(name))}
    if not known or not own:
        return sentence
    places = " or ".join(f"{home} = {{ {key} = ... }}" for home in own)
    return f"{unknown}; an option of {' or '.join(own.values())} stands in {places}"


def _made(model: type[Model], values: object, place: TomlTable, problems: Problems, within: str = "") -> Model | None:
    """`values` as `model`, or None after noting what is wrong."""
    if not isinstance(values, dict):
        problems.add(
            place, f"{within + ' = ' if within else ''}{shown(values)} is not a table; allowed: a table", within
        )
        return None
    try:
        return model.model_validate(values)
    except ValidationError as error:
        for key, sentence in complaints(error, model, values):
            known = not key or key in model.model_fields  # without a key, the table as a whole is wrong
            hint = "" if known or sentence.endswith("?") else _hint(key, place, model)
            problems.add(place, (f"{within}: " if within else "") + sentence + hint, key or within)
    return None


def _hint(key: str, place: TomlTable, model: type[BaseModel]) -> str:
    if model is SlurmTable:
        return slurm_hint(key)
    if place.table.startswith("commands."):
        return f"; a parameter stands in [{place.table}.defaults]"
    if key not in TrainingConfig.model_fields and (place.table, key) != ("command", "defaults"):
        return ""
    homes = {"experiments": f"set = {{ {key} = ... }}", "references": f"settings = {{ {key} = ... }}"}
    what = "parameter" if place.table == "command" else "setting"
    return f"; a {what} stands in {homes.get(place.table, '[defaults]')}"


def _table(raw: Mapping[str, Any], name: str, problems: Problems) -> dict[str, Any]:
    value = raw.get(name, {})
    if isinstance(value, dict):
        return value
    problems.add(None, f"{name} = {shown(value)} is not a table; write [{name}]")
    return {}


def _array(raw: Mapping[str, Any], name: str, problems: Problems) -> list[Any]:
    value = raw.get(name, [])
    if isinstance(value, list):
        return value
    problems.add(None, f"{name} is not a list of tables; write [[{name}]] in double brackets for each")
    return []
