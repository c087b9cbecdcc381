"""Rejects control characters in a study file, which could forge lines of a log or control a terminal."""

from collections.abc import Iterator, Mapping
from typing import Any

from iqa_train.errors import control_complaint
from iqa_train.study.messages import shown
from iqa_train.study.problems import Problems, TomlTable

_NAMED = ("profiles", "datasets", "commands")  # tables of tables


def check_controls(raw: Mapping[str, Any], problems: Problems) -> None:
    """Note every key and every string of the document that contains one."""
    for name, value in raw.items():
        _note(None, (name,), name, problems)
        if isinstance(value, list):
            for number, table in enumerate(value):
                _check(table, TomlTable(name, number, _name_of(table)), problems)
        elif isinstance(value, dict) and name in _NAMED:
            for inner, table in value.items():
                _note(TomlTable(name), (inner,), inner, problems)
                _check(table, TomlTable(f"{name}.{inner}"), problems)
        else:
            _check(value, TomlTable(name), problems)


def _check(value: object, place: TomlTable, problems: Problems) -> None:
    for path, text in _strings(value, ()):
        _note(place, path, text, problems)


def _strings(value: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """(path of keys, text) of every key and every string in `value`."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item, path)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield (*path, key), key
            yield from _strings(item, (*path, key))


def _note(place: TomlTable | None, path: tuple[str, ...], text: str, problems: Problems) -> None:
    is_key = bool(path) and text == path[-1]
    within = ".".join(path[:-1] if is_key else path)
    what = f"{within}{': ' if within else ''}the key {shown(text)}" if is_key else f"{within} = {shown(text)}"
    complaint = control_complaint(text)
    if complaint:
        problems.add(place, f"{what} {complaint}", path[-1] if path else "")


def _name_of(table: object) -> str:
    name = (table.get("id") or table.get("name")) if isinstance(table, dict) else ""
    return name if isinstance(name, str) else ""
