"""Glyphs and colours of states, and small bars; a colour never says more than glyph and word do."""

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
"""Theme colours of states; other states have none."""

BARS = "▁▂▃▄▅▆▇█"
NONE = "–"


def state_words(state: str) -> str:
    """Such as `▶ running`; a dash for a run that was never queued."""
    return f"{GLYPHS[state]} {state}" if state in GLYPHS else state or NONE


def sparkline(values: "tuple[float | None, ...]", width: int, top: float) -> str:
    """The last `width` values as bars, in eighths of `top`; missing values are gaps."""
    shown = values[-width:] if width > 0 else ()
    bars = [" " if v is None else BARS[min(7, max(0, int(8 * v / top)))] for v in shown]
    return "".join(bars).rjust(width)


def meter(share: float, width: int) -> str:
    """A bar of `width` cells, filled by `share`."""
    full = round(min(1.0, max(0.0, share)) * width)
    return "█" * full + "░" * (width - full)
