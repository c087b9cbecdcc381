"""How a state looks: a glyph and a word, and a colour that only repeats them."""

GLYPHS = {
    "queued": "·",
    "starting": "▷",
    "running": "▶",
    "completed": "✓",
    "stopped-early": "✓",
    "failed": "✗",
    "killed": "■",
    "lost": "?",
}
COLOURS = {
    "starting": "accent",
    "running": "accent",
    "completed": "success",
    "stopped-early": "success",
    "failed": "error",
    "killed": "warning",
    "lost": "error",
}
"""The theme's colour of a state; the others have none."""

BARS = "▁▂▃▄▅▆▇█"
NONE = "–"


def state_words(state: str) -> str:
    """`▶ running`; a dash for a run that nobody has asked for."""
    return f"{GLYPHS[state]} {state}" if state in GLYPHS else state or NONE


def sparkline(values: "tuple[float | None, ...]", width: int, top: float) -> str:
    """The last `width` values, each a bar of eighths of `top`; a gap where there is no value."""
    shown = values[-width:] if width > 0 else ()
    bars = [" " if v is None else BARS[min(7, max(0, int(8 * v / top)))] for v in shown]
    return "".join(bars).rjust(width)


def meter(share: float, width: int) -> str:
    """A bar of `width` cells, filled to `share` of it."""
    full = round(min(1.0, max(0.0, share)) * width)
    return "█" * full + "░" * (width - full)
