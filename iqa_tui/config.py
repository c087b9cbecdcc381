"""The user's own settings of the console, `~/.config/iqa-tui/config.toml`: a theme, and keys by id. Only read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from iqa_train.errors import UsageError, did_you_mean, visible
from iqa_train.home import home

_TABLES = ("theme", "keys")


@dataclass(frozen=True)
class Config:
    """`keys` are binding ids with the keys that they have instead, several with commas."""

    theme: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)


def config_path() -> Path | None:
    """Where it is looked for; None for a user without a home."""
    if named := os.environ.get("XDG_CONFIG_HOME"):
        return Path(named) / "iqa-tui" / "config.toml"
    folder = home()
    return folder / ".config" / "iqa-tui" / "config.toml" if folder else None


def read_config(path: Path | None = None) -> Config:
    """What the file says; nothing where there is none. Raises UsageError with the file and what is wrong in it."""
    path = path or config_path()
    if path is None:
        return Config()
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return Config()
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8 text; save the file as UTF-8") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}; mend or remove it") from None
    import tomllib  # most have no such file

    try:
        values = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise UsageError(f"{path}: not valid TOML: {visible(str(error))}") from None
    for name in values:
        if name not in _TABLES:
            raise UsageError(f'{path}: unknown key "{visible(name)}"; {did_you_mean(name, _TABLES)}')
    return Config(_theme(values.get("theme", ""), path), _keys(values.get("keys", {}), path))


def _theme(name: object, path: Path) -> str:
    if name == "":
        return ""
    from iqa_tui.themes import theme_names

    names = theme_names()
    if not isinstance(name, str) or name not in names:
        near = did_you_mean(name, names) if isinstance(name, str) else f"allowed: {', '.join(names)}"
        raise UsageError(f'{path}: theme = "{visible(str(name))}" is no theme; {near}')
    return name


def _keys(table: Any, path: Path) -> dict[str, str]:  # noqa: ANN401
    if not isinstance(table, dict):
        raise UsageError(f'{path}: keys is not a table; write [keys] and below it lines such as "view.zoom" = "Z"')
    if not table:
        return {}
    from iqa_tui.keys import clash, every_key

    every = every_key()
    ids = [key.id for key in every]
    found = {}
    for name, keys in _flat(table):
        if name not in ids:
            raise UsageError(f'{path}: [keys]: there is no "{visible(name)}"; {_near(name, ids)} (? lists them)')
        found[name] = _checked(name, keys, path)
    two = clash(every, found)
    if two is not None:
        one, other, key = two
        raise UsageError(f'{path}: [keys]: "{key}" would be both {one.id} and {other.id}; give one of them another key')
    return found


def _flat(table: Mapping[str, Any], above: str = "") -> list[tuple[str, Any]]:
    """`log.search = "x"` is a table in a table for TOML; the id is meant."""
    found: list[tuple[str, Any]] = []
    for name, value in table.items():
        found += _flat(value, f"{above}{name}.") if isinstance(value, dict) else [(above + name, value)]
    return found


def _near(name: str, ids: list[str]) -> str:
    """The nearest ids; never all of them."""
    near = did_you_mean(name, ids)
    return near if near.startswith("did") else "such an id is view.zoom"


def _checked(name: str, keys: object, path: Path) -> str:
    """Keys that a terminal can send. Raises UsageError."""
    listed = keys if isinstance(keys, list) else [keys]
    parts: list[str] = []
    for one in listed:
        if not isinstance(one, str) or (not one.strip(" ,") and one not in {" ", ","}):
            raise UsageError(
                f'{path}: [keys]: {name} needs a key, such as "z" or "ctrl+t,f2", not {visible(repr(one))}'
            )
        parts += [one] if len(one) == 1 else [part.strip() for part in one.split(",") if part.strip()]
    for part in parts:
        _require_key(name, part, path)
    return ",".join({",": "comma", " ": "space"}.get(part, part) for part in parts)


def _require_key(name: str, part: str, path: Path) -> None:
    from textual.keys import Keys, _get_unicode_name_from_key

    *modifiers, key = part.split("+") if len(part) > 1 else [part]
    known = {one.value for one in Keys}
    good = len(key) == 1 or key in known or len(_get_unicode_name_from_key(key)) == 1 or _names_a_character(key)
    if not good or not set(modifiers) <= {"ctrl", "shift", "alt", "super"}:
        near = did_you_mean(key, sorted(k for k in known if "+" not in k and not k.startswith("<")))
        hint = near if near.startswith("did") else 'a letter, or a name such as "f2", "pagedown", "ctrl+t"'
        raise UsageError(f'{path}: [keys]: {name}: there is no key "{visible(part)}"; {hint}')


def _names_a_character(key: str) -> bool:
    """Such as question_mark."""
    import unicodedata

    try:
        unicodedata.lookup(key.replace("_", " ").upper())
    except KeyError:
        return key in {"slash", "minus", "plus", "underscore", "hash", "at"}
    return True
