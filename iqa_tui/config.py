"""Reads the user's configuration, `~/.config/iqa-tui/config.toml`: theme, keys, and what the terminal is told."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from iqa_train.errors import UsageError, did_you_mean, visible
from iqa_train.home import home
from iqa_tui.terminal_signals import Signals

_TABLES = ("theme", "keys", "terminal")


@dataclass(frozen=True)
class Config:
    """`keys` maps binding ids to the keys that replace theirs, separated by commas."""

    theme: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)
    signals: Signals = field(default_factory=Signals)


def config_path() -> Path | None:
    """The path of the configuration; None for a user without a home directory."""
    if folder := os.environ.get("XDG_CONFIG_HOME"):
        return Path(folder) / "iqa-tui" / "config.toml"
    user_home = home()
    return user_home / ".config" / "iqa-tui" / "config.toml" if user_home else None


def read_config(path: Path | None = None) -> Config:
    """The configuration; the default if there is no file. Raises UsageError with the file and what is wrong."""
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
        raise UsageError(f"{path} cannot be read: {error.strerror}; fix or remove it") from None
    import tomllib  # imported late: most users have no such file

    try:
        values = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise UsageError(f"{path}: not valid TOML: {visible(str(error))}") from None
    for name in values:
        if name not in _TABLES:
            raise UsageError(f'{path}: unknown key "{visible(name)}"; {did_you_mean(name, _TABLES)}')
    keys = _keys(values.get("keys", {}), path)
    return Config(_theme(values.get("theme", ""), path), keys, _signals(values.get("terminal", {}), path))


def _signals(table: object, path: Path) -> Signals:
    names = [field.name for field in fields(Signals)]
    if not isinstance(table, dict):
        raise UsageError(f"{path}: terminal is not a table; write [terminal] and, below it, lines such as bell = false")
    for name, value in table.items():
        if name not in names:
            raise UsageError(f'{path}: [terminal]: unknown key "{visible(name)}"; {did_you_mean(name, names)}')
        if not isinstance(value, bool):
            raise UsageError(f"{path}: [terminal]: {name} = {visible(repr(value))} is neither true nor false")
    return Signals(**table)


def _theme(name: object, path: Path) -> str:
    if name == "":
        return ""
    from iqa_tui.themes import theme_names

    names = theme_names()
    if not isinstance(name, str) or name not in names:
        near = did_you_mean(name, names) if isinstance(name, str) else f"allowed: {', '.join(names)}"
        raise UsageError(f'{path}: theme = "{visible(str(name))}" is not a theme; {near}')
    return name


def _keys(table: Any, path: Path) -> dict[str, str]:  # noqa: ANN401
    if not isinstance(table, dict):
        raise UsageError(f'{path}: keys is not a table; write [keys] and, below it, lines such as "view.zoom" = "Z"')
    if not table:
        return {}
    from iqa_tui.keys import clash, every_key

    every = every_key()
    ids = [key.id for key in every]
    changed = {}
    for name, keys in _flat(table):
        if name not in ids:
            hint = f"{_near(name, ids)} (press ? in the console for a list)"
            raise UsageError(f'{path}: [keys]: unknown name "{visible(name)}"; {hint}')
        changed[name] = _checked(name, keys, path)
    conflict = clash(every, changed)
    if conflict is not None:
        first, second, key = conflict
        raise UsageError(f'{path}: [keys]: "{key}" is used for both {first.id} and {second.id}; change one of them')
    return changed


def _flat(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Ids and keys. TOML reads `log.search = "x"` as nested tables, which are joined to ids again."""
    pairs: list[tuple[str, Any]] = []
    for name, value in table.items():
        pairs += _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else [(prefix + name, value)]
    return pairs


def _near(name: str, ids: list[str]) -> str:
    """A suggestion of the nearest ids, or an example."""
    near = did_you_mean(name, ids)
    return near if near.startswith("did") else "an example is view.zoom"


def _checked(name: str, keys: object, path: Path) -> str:
    """The keys of one id, comma-separated. Raises UsageError for a key that no terminal sends."""
    parts: list[str] = []
    for entry in keys if isinstance(keys, list) else [keys]:
        if not isinstance(entry, str) or (not entry.strip(" ,") and entry not in {" ", ","}):
            raise UsageError(
                f'{path}: [keys]: {name} needs a key, such as "z" or "ctrl+t,f2", not {visible(repr(entry))}'
            )
        parts += [entry] if len(entry) == 1 else [part.strip() for part in entry.split(",") if part.strip()]
    for part in parts:
        _require_key(name, part, path)
    return ",".join({",": "comma", " ": "space"}.get(part, part) for part in parts)


def _require_key(name: str, part: str, path: Path) -> None:
    from textual.keys import Keys, _get_unicode_name_from_key

    *modifiers, key = part.split("+") if len(part) > 1 else [part]
    known = {member.value for member in Keys}
    valid = len(key) == 1 or key in known or len(_get_unicode_name_from_key(key)) == 1 or _is_character_name(key)
    if not valid or not set(modifiers) <= {"ctrl", "shift", "alt", "super"}:
        near = did_you_mean(key, sorted(k for k in known if "+" not in k and not k.startswith("<")))
        hint = near if near.startswith("did") else 'use a letter, or a name such as "f2", "pagedown", "ctrl+t"'
        raise UsageError(f'{path}: [keys]: {name}: unknown key "{visible(part)}"; {hint}')


def _is_character_name(key: str) -> bool:
    import unicodedata

    try:
        unicodedata.lookup(key.replace("_", " ").upper())
    except KeyError:
        return key in {"slash", "minus", "plus", "underscore", "hash", "at"}
    return True
