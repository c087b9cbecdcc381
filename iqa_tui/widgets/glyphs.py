"""Glyphs and colours of states, small bars and units; a colour never says more than glyph and word do."""

from iqa_train.text import GIB

GLYPHS = {
    "queued": "·",
    "starting": "▷",
    "running": "▶",
    "suspended": "‖",
    "retrying": "↻",
    "completed": "✓",
    "stopped-early": "✓",
    "stopped": "■",
    "failed": "✗",
    "killed": "⊘",
    "lost": "?",
}
COLOURS = {
    "starting": "accent",
    "running": "accent",
    "suspended": "warning",
    "retrying": "warning",
    "completed": "success",
    "stopped-early": "success",
    "failed": "error",
    "killed": "warning",
    "lost": "error",
}
"""Theme colours of states; other states have none."""

NOT_TOLD = "n/a"
BARS = "▁▂▃▄▅▆▇█"
NONE = "–"


def state_words(state: str, words: str = "") -> str:
    """Such as `▶ running`; `words` stand in place of the state's name."""
    return f"{GLYPHS[state]} {words or state}" if state in GLYPHS else words or state or NONE


def sparkline(values: "tuple[float | None, ...]", width: int, top: float) -> str:
    """The last `width` values as bars, in eighths of `top`; missing values are gaps."""
    shown = values[-width:] if width > 0 else ()
    bars = [" " if v is None else BARS[min(7, max(0, int(8 * v / top)))] for v in shown]
    return "".join(bars).rjust(width)


def history(values: "tuple[float | None, ...]", width: int, top: float, most: int = 60) -> str:
    """Up to `most` values, the newest last, as `width` bars: each is the mean of its share of them."""
    padded = (None,) * (most - len(values)) + values[-most:]
    shares = [padded[at * most // width : max(at * most // width + 1, (at + 1) * most // width)] for at in range(width)]
    known = [[value for value in share if value is not None] for share in shares]
    return sparkline(tuple(sum(share) / len(share) if share else None for share in known), width, top)


def gib(value: float | None, digits: int = 1) -> str:
    """Bytes in GiB, without the unit."""
    return NOT_TOLD if value is None else f"{value / GIB:.{digits}f}"


def watts(power: float | None, limit: float | None) -> str:
    """`412/700 W`."""
    return f"{NOT_TOLD if power is None else f'{power:.0f}'}{'' if limit is None else f'/{limit:.0f}'} W"


def meter(share: float, width: int) -> str:
    """A bar of `width` cells, filled by `share`."""
    full = round(min(1.0, max(0.0, share)) * width)
    return "█" * full + "░" * (width - full)
