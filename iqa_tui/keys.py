"""Every key of the console, read off the classes that have keys: for the help, and for what a user may change.

The bindings themselves are the only place where a key, its id and its words stand.
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
    "log": "Log", "detail": "Run view", "compare": "Compare", "page": "Pages (run view, compare, help)",
    "help": "Help", "dialog": "Dialogs", "choice": "Dialogs",
}  # fmt: skip
"""What the part of an id before its point stands for, in the order of the help."""
_STUDY = frozenset({"view", "runs", "queue", "results", "logs", "log"})
_EVERYWHERE = frozenset({"app", "page"})


@dataclass(frozen=True)
class Key:
    """A binding: `keys` as Textual names them, several with commas; `owners` the classes that have it."""

    id: str
    keys: str
    words: str  # what it does
    owners: tuple[str, ...]
    on_screen: bool  # all of a screen, and not one widget of it, has it

    @property
    def group(self) -> str:
        """Which part of the help it stands in."""
        part = self.id.partition(".")[0]
        return GROUPS.get(part, part.capitalize())


def classes() -> list[type[DOMNode]]:
    """Every class of the console that has keys of its own, the app first, then screens and widgets by module."""
    from textual.dom import DOMNode

    found = []
    for module in pkgutil.walk_packages(iqa_tui.__path__, "iqa_tui."):
        if module.name.startswith(_WITHOUT_KEYS):
            continue
        members = inspect.getmembers(importlib.import_module(module.name), inspect.isclass)
        found += [
            one
            for _, one in members
            if issubclass(one, DOMNode) and one.__module__ == module.name and one.__dict__.get("BINDINGS")
        ]
    return sorted(found, key=lambda one: one.__module__ != "iqa_tui.app")


def every_key() -> tuple[Key, ...]:
    """All keys that have an id, in the order of the help; one that several classes have is listed once."""
    found: dict[str, Key] = {}
    for one in classes():
        for key in _of(one):
            before = found.get(key.id, key)
            words = max(key.words, before.words, key=len)
            owners = tuple(dict.fromkeys((*before.owners, *key.owners)))
            on_screen = key.on_screen or before.on_screen
            found[key.id] = replace(before, words=words, owners=owners, on_screen=on_screen)
    order = list(GROUPS)
    place = {name: n for n, name in enumerate(order)}
    return tuple(sorted(found.values(), key=lambda key: place.get(key.id.partition(".")[0], len(order))))


def _of(one: type[DOMNode]) -> Iterator[Key]:
    from textual.app import App
    from textual.binding import Binding
    from textual.screen import Screen

    for binding in one.__dict__["BINDINGS"]:
        if isinstance(binding, Binding) and binding.id:
            words = binding.tooltip or binding.description
            yield Key(binding.id, binding.key, words, (one.__name__,), issubclass(one, App | Screen))


def clash(keys: tuple[Key, ...], changed: Mapping[str, str]) -> tuple[Key, Key, str] | None:
    """Two keys of which one is changed, that are at work at the same time and share a key; and the key they share."""
    usual = {key.id: set(split_keys(key.keys)) for key in keys}
    by_id = usual | {name: set(split_keys(own)) for name, own in changed.items()}
    for one in keys:
        for other in keys:
            shared = (by_id[one.id] & by_id[other.id]) - (usual[one.id] & usual[other.id])  # those are meant
            if one.id in changed and one.id != other.id and shared and _together(one, other):
                return one, other, sorted(shared)[0]
    return None


def _together(one: Key, other: Key) -> bool:
    """Whether both can be meant by one press of a key."""
    places = {_place(one), _place(other)}
    if len(places) > 1 and not places & {"everywhere"}:
        return False
    return one.on_screen or other.on_screen or not set(one.owners).isdisjoint(other.owners)


def _place(key: Key) -> str:
    part = key.id.partition(".")[0]
    return "study" if part in _STUDY else "everywhere" if part in _EVERYWHERE else part


def split_keys(keys: str) -> list[str]:
    """As Textual names them: `slash` for `/`."""
    from textual.keys import _character_to_key

    parts = [part.strip() for part in keys.split(",")]
    return [_character_to_key(part) if len(part) == 1 else part for part in parts if part]


def shown_keys(keys: str) -> str:
    """`keys` as they stand on a keyboard: `j ↓`."""
    from textual.keys import format_key

    return " ".join(map(format_key, split_keys(keys)))
