"""Every key of the console, collected from the classes with bindings, for the help and the configuration.

The bindings are the only place that defines a key, its id and its description.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import iqa_tui

if TYPE_CHECKING:
    from textual.dom import DOMNode

_WITHOUT_KEYS = ("iqa_tui.cli", "iqa_tui.state", "iqa_tui.serve")
GROUPS = {
    "app": "Everywhere", "view": "Study", "runs": "Runs", "queue": "Runs", "results": "Runs", "logs": "Log",
    "log": "Log", "order": "Queue", "detail": "Run view", "compare": "Compare",
    "page": "Pages (run view, compare, help)", "help": "Help", "dialog": "Dialogs", "choice": "Dialogs",
}  # fmt: skip
"""The group of an id, by its part before the point, in the order of the help."""
_STUDY = frozenset({"view", "runs", "queue", "results", "logs", "log"})
_EVERYWHERE = frozenset({"app", "page"})


@dataclass(frozen=True)
class Key:
    """A binding: `keys` in Textual's names, comma-separated; `owners` are the classes that have it."""

    id: str
    keys: str
    words: str  # what it does
    owners: tuple[str, ...]
    on_screen: bool  # a whole screen or the app has it, not just a widget

    @property
    def group(self) -> str:
        """Its group in the help."""
        part = self.id.partition(".")[0]
        return GROUPS.get(part, part.capitalize())


def classes() -> list[type[DOMNode]]:
    """Every class with bindings of its own: the app, then screens and widgets by module."""
    from textual.dom import DOMNode

    owners = []
    for module in pkgutil.walk_packages(iqa_tui.__path__, "iqa_tui."):
        if module.name.startswith(_WITHOUT_KEYS):
            continue
        members = inspect.getmembers(importlib.import_module(module.name), inspect.isclass)
        owners += [
            member
            for _, member in members
            if issubclass(member, DOMNode) and member.__module__ == module.name and member.__dict__.get("BINDINGS")
        ]
    return sorted(owners, key=lambda owner: owner.__module__ != "iqa_tui.app")


def every_key() -> tuple[Key, ...]:
    """All keys with an id, in the order of the help; one shared by several classes is listed once."""
    keys: dict[str, Key] = {}
    for owner in classes():
        for key in _keys_of(owner):
            earlier = keys.get(key.id, key)
            words = max(key.words, earlier.words, key=len)
            owners = tuple(dict.fromkeys((*earlier.owners, *key.owners)))
            on_screen = key.on_screen or earlier.on_screen
            keys[key.id] = replace(earlier, words=words, owners=owners, on_screen=on_screen)
    order = {name: n for n, name in enumerate(GROUPS)}
    return tuple(sorted(keys.values(), key=lambda key: order.get(key.id.partition(".")[0], len(order))))


def _keys_of(owner: type[DOMNode]) -> Iterator[Key]:
    from textual.app import App
    from textual.binding import Binding
    from textual.screen import Screen

    for binding in owner.__dict__["BINDINGS"]:
        if isinstance(binding, Binding) and binding.id:
            words = binding.tooltip or binding.description
            yield Key(binding.id, binding.key, words, (owner.__name__,), issubclass(owner, App | Screen))


def clash(keys: tuple[Key, ...], changed: Mapping[str, str]) -> tuple[Key, Key, str] | None:
    """A changed key and another that is active at the same time and uses the same key, and that key."""
    default = {key.id: set(split_keys(key.keys)) for key in keys}
    by_id = default | {name: set(split_keys(new)) for name, new in changed.items()}
    for first in (key for key in keys if key.id in changed):
        for second in keys:
            shared = (by_id[first.id] & by_id[second.id]) - (default[first.id] & default[second.id])  # not by default
            if first.id != second.id and shared and _are_active_together(first, second):
                return first, second, sorted(shared)[0]
    return None


def _are_active_together(first: Key, second: Key) -> bool:
    """Whether one key press could trigger both."""
    places = {_place(first), _place(second)}
    if len(places) > 1 and not places & {"everywhere"}:
        return False
    return first.on_screen or second.on_screen or not set(first.owners).isdisjoint(second.owners)


def _place(key: Key) -> str:
    part = key.id.partition(".")[0]
    return "study" if part in _STUDY else "everywhere" if part in _EVERYWHERE else part


def split_keys(keys: str) -> list[str]:
    """The keys in Textual's names, such as `slash` for `/`."""
    from textual.keys import _character_to_key

    parts = [part.strip() for part in keys.split(",")]
    return [_character_to_key(part) if len(part) == 1 else part for part in parts if part]


def shown_keys(keys: str) -> str:
    """`keys` as printed on a keyboard: `j ↓`."""
    from textual.keys import format_key

    return " ".join(map(format_key, split_keys(keys)))
