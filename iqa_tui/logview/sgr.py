"""Select Graphic Rendition: the only escape sequence of a log that is obeyed, since it can only change colours.

Parameters by ECMA-48, section 8.3.117, with xterm's 256 colours and ITU-T T.416's direct colours. Blinking and
concealed text are ignored.
"""

from collections.abc import Iterator

from rich.color import Color
from rich.style import Style

_MAX_PARAMETERS = 64  # read of one sequence
_ON = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse", 9: "strike", 21: "underline2"}
_OFF = {22: ("bold", "dim"), 23: ("italic",), 24: ("underline", "underline2"), 27: ("reverse",), 29: ("strike",)}


class Colours:
    """The style set by the sequences so far."""

    def __init__(self) -> None:
        self.style = Style()
        self._on: dict[str, bool] = {}
        self._ink: Color | None = None
        self._paper: Color | None = None

    def obey(self, parameters: str) -> None:
        """Apply `parameters`, such as `1;31` or `38:2::255:0:0`; unknown ones change nothing."""
        codes = iter(parameters.split(";")[:_MAX_PARAMETERS])
        for word in codes:
            code, *sub = word.split(":")
            self._apply(_number(code), codes if not sub else iter(_direct(sub)))
        self.style = Style(color=self._ink, bgcolor=self._paper, **self._on)  # type: ignore[arg-type]

    def _apply(self, code: int, more: Iterator[str]) -> None:
        if code == 0:
            self._on, self._ink, self._paper = {}, None, None
        elif code in _ON:
            self._on[_ON[code]] = True
        elif code in _OFF:
            for name in _OFF[code]:
                self._on.pop(name, None)
        elif 30 <= code <= 37 or 90 <= code <= 97:
            self._ink = _named(code, 30, 90)
        elif 40 <= code <= 47 or 100 <= code <= 107:
            self._paper = _named(code, 40, 100)
        elif code in {38, 39}:
            self._ink = None if code == 39 else _extended(more) or self._ink
        elif code in {48, 49}:
            self._paper = None if code == 49 else _extended(more) or self._paper


def _number(word: str) -> int:
    return int(word) if word.isascii() and word.isdigit() and len(word) < 4 else 0 if not word else -1


def _named(code: int, normal: int, bright: int) -> Color:
    return Color.from_ansi(code - bright + 8 if code >= bright else code - normal)


def _direct(sub: list[str]) -> list[str]:
    """Sub-parameters after 38 or 48, without the colour space that T.416 puts after the 2."""
    return [sub[0], *sub[2:]] if sub[0] == "2" and len(sub) >= 5 else sub


def _extended(more: Iterator[str]) -> Color | None:
    kind = _number(next(more, ""))
    count = {5: 1, 2: 3}.get(kind, 0)
    values = [_number(next(more, "")) for _ in range(count)]
    if not count or not all(0 <= value <= 255 for value in values):
        return None
    return Color.from_ansi(values[0]) if kind == 5 else Color.from_rgb(*values)
