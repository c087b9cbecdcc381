"""Reads `[command]` and `[commands.NAME]`, and checks what experiments set of their parameters."""

from collections.abc import Callable, Mapping
from typing import Any

from iqa_train.errors import did_you_mean
from iqa_train.study.command import CommandKeys, CommandTable, Parameter, parameter_problem, plain, typed
from iqa_train.study.harness import HARNESS
from iqa_train.study.messages import NAME_WORDS, is_name, shown
from iqa_train.study.placeholders import FROM_RUN, FROM_SETTINGS, used_names
from iqa_train.study.problems import Problems, TomlTable
from iqa_train.study.validate import check_settings

_COMMAND = TomlTable("command")
_FILLED_IN = (*FROM_SETTINGS, *FROM_RUN)
Make = Callable[..., Any]


def parse_commands(
    raw: Mapping[str, Any], defaults: Mapping[str, Any], make: Make, problems: Problems
) -> dict[str, CommandTable]:
    """The commands by name, that of `[command]` under "". `make` is the parser's way to make a model of a table."""
    found: dict[str, CommandTable] = {}
    if "command" in raw:
        keys = make(CommandKeys, raw["command"], _COMMAND, problems)
        parameters = {name: value for name, value in defaults.items() if name not in HARNESS}
        known = _declared(parameters, TomlTable("defaults"), "", problems)
        if keys is not None:
            found[""] = CommandTable(**keys.model_dump(), defaults=known)
            _check_placeholders(found[""], parameters, _COMMAND, problems)
    tables = raw.get("commands", {})
    if not isinstance(tables, dict):
        problems.add(None, f"commands = {shown(tables)} is not a table; write [commands.NAME] for each")
        return found
    for name, table in tables.items():
        place = TomlTable(f"commands.{name}")
        if not is_name(name):
            problems.add(place, f"{shown(name)} is not a command's name; allowed: {NAME_WORDS}")
        given = table.get("defaults", {}) if isinstance(table, dict) else {}
        known = _declared(given, place, "defaults", problems) if isinstance(given, dict) else {}
        made = make(
            CommandTable, {**table, "defaults": known} if isinstance(given, dict) and known else table, place, problems
        )
        if made is not None:
            found[name] = made
            _check_placeholders(made, given, place, problems)
    return found


def _declared(values: Mapping[str, Any], place: TomlTable, within: str, problems: Problems) -> dict[str, Parameter]:
    """The valid ones of the parameters that a table declares."""
    valid = {}
    for name, value in values.items():
        if says := parameter_problem(name, value, None, (*HARNESS, *_FILLED_IN)):
            problems.add(place, f"{within}: {says}" if within else says, name)
        else:
            valid[name] = plain(value)
    return valid


def _check_placeholders(table: CommandTable, declared: Mapping[str, Any], place: TomlTable, problems: Problems) -> None:
    known = (*declared, *_FILLED_IN)
    for key, words in (("run", table.run), ("resume", table.resume), ("predictions", table.predictions.values())):
        for name in sorted(used_names(words).difference(known)):
            problems.add(place, f"{key}: {{{name}}} is no parameter; {did_you_mean(name, known)}", key)


def settings_and_parameters(
    values: Mapping[str, Any], table: CommandTable | None, place: TomlTable, problems: Problems, within: str = ""
) -> dict[str, Any]:
    """The valid settings and parameters of `values`, which belong to runs of a command; None: its table is invalid."""
    valid, wrong = check_settings({name: value for name, value in values.items() if name in HARNESS})
    problems.extend(place, wrong, within)
    for name, value in values.items():
        if name in HARNESS or table is None:
            continue
        if says := parameter_problem(name, value, table.defaults, ()):
            problems.add(place, f"{within}: {says}" if within else says, name)
        else:
            valid[name] = typed(value, table.defaults[name])
    return valid
