"""The last line of the study screen: keys in the order of use, as many as fit; help and leaving always on the right."""

from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple

from textual import events
from textual.content import Content
from textual.keys import key_to_character
from textual.widget import Widget

from iqa_tui.safe import content

if TYPE_CHECKING:
    from textual.binding import Binding
    from textual.screen import Screen

GAP = 2
PINNED = ("app.help", "app.detach")
IN_ORDER = (
    "log.search", "log.filter", "log.follow", "log.wrap", "log.next_result", "log.next_trouble",
    "runs.start", "runs.stop", "runs.relaunch", "runs.open", "runs.mark", "view.compare", "results.export",
    "queue.pause", "log.earlier", "log.later",
    "runs.filter", "view.plot", "view.zoom", "runs.seeds", "runs.next-failed", "runs.sort", "runs.copy",
    "app.palette",
)  # fmt: skip
"""Ids in the order of use; others that a widget shows come after them."""


class ShownKey(NamedTuple):
    """`display` as on the keyboard, and what the key does."""

    key: str
    display: str
    words: str


class KeyBar(Widget):
    """Shows the active keys, without `idle` ones: those that would do nothing now. A click presses the key."""

    DEFAULT_CSS = """
    KeyBar {
        dock: bottom;
        height: 1;
        background: $footer-background;
        color: $footer-description-foreground;
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._idle: frozenset[str] = frozenset()
        self._words: dict[str, str] = {}
        self._shown: tuple[tuple[ShownKey, ...], tuple[ShownKey, ...]] = ((), ())
        self._at: list[tuple[int, int, str]] = []  # columns of each key

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._update)

    def on_unmount(self) -> None:
        self.screen.bindings_updated_signal.unsubscribe(self)

    def show(self, idle: Collection[str], words: dict[str, str]) -> None:
        """`idle`: ids of keys that do nothing in the present state; `words`: of ids, in place of the usual ones."""
        self._idle, self._words = frozenset(idle), words
        self._update(self.screen)

    def _update(self, screen: "Screen[object]") -> None:
        if self.is_attached and screen is self.screen and (shown := self._active()) != self._shown:
            self._shown = shown
            self.refresh()

    def _active(self) -> tuple[tuple[ShownKey, ...], tuple[ShownKey, ...]]:
        """The keys on the left and on the right."""
        found: dict[str, ShownKey] = {}
        for _, binding, enabled, _ in self.screen.active_bindings.values():
            name = binding.id or binding.key
            if not enabled or name in found or name in self._idle or self._is_typed(binding):
                continue
            if binding.show or (name in IN_ORDER and not name.startswith("log.")):
                words = self._words.get(name, binding.description)
                found[name] = ShownKey(binding.key, self.app.get_key_display(binding), words)
        rank = {name: n for n, name in enumerate(IN_ORDER)}
        left = sorted((name for name in found if name not in PINNED), key=lambda name: rank.get(name, len(rank)))
        return tuple(found[name] for name in left), tuple(found[name] for name in PINNED if name in found)

    def _is_typed(self, binding: "Binding") -> bool:
        """Whether the key is text for the field in focus."""
        focused = self.screen.focused
        return focused is not None and focused.check_consume_key(binding.key, key_to_character(binding.key))

    def render(self) -> Content:
        left, right = self._shown
        width = self.size.width
        at, parts = 0, []
        self._at = []
        start = max(0, width - sum(_shown(key).cell_length + GAP for key in right) + GAP - 1)
        for key in left:
            if at + _shown(key).cell_length + GAP > start:
                break
            parts.append(self._put(key, at))
            at += parts[-1].cell_length
        parts.append(Content(" " * (start - at)))
        at = start
        for key in right:
            parts.append(self._put(key, at))
            at += parts[-1].cell_length
        return Content("").join(parts).truncate(width)

    def _put(self, key: ShownKey, at: int) -> Content:
        shown = _shown(key)
        self._at.append((at, at + shown.cell_length, key.key))
        return Content.assemble(shown, " " * GAP)

    def on_click(self, event: events.Click) -> None:
        """Press the key under the pointer."""
        for start, end, key in self._at:
            if start <= event.x < end:
                self.app.simulate_key(key)


def _shown(key: ShownKey) -> Content:
    return Content.assemble((key.display, "bold $footer-key-foreground"), " ", content(key.words))
