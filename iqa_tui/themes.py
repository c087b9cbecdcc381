"""The console's own themes, dark and light.

States differ in brightness as well as in hue, and by blue against orange rather than green against red: the hues of
Okabe and Ito's palette (Color Universal Design, 2008), which are distinct for people with any colour blindness. Words
and glyphs say the same without colour.
"""

from textual.theme import BUILTIN_THEMES, Theme

DARK = Theme(
    name="iqa-dark",
    primary="#56b4e9",
    secondary="#8fa8c8",
    accent="#9ad1f5",
    success="#4cc9a0",
    warning="#f0b54a",
    error="#f5794e",
    foreground="#e4e8ee",
    background="#10141a",
    surface="#171c24",
    panel="#222a35",
    dark=True,
    variables={
        "footer-key-foreground": "#f0b54a",
        "footer-background": "#222a35",
        "block-cursor-background": "#56b4e9",
        "block-cursor-foreground": "#10141a",
        "block-cursor-text-style": "bold",
    },
)
LIGHT = Theme(
    name="iqa-light",
    primary="#005b96",
    secondary="#44617f",
    accent="#00679e",
    success="#00664a",
    warning="#8a5000",
    error="#b03a00",
    foreground="#14191f",
    background="#fbfcfd",
    surface="#f0f3f6",
    panel="#dde4eb",
    dark=False,
    variables={
        "footer-key-foreground": "#005b96",
        "footer-background": "#dde4eb",
        "block-cursor-background": "#005b96",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-text-style": "bold",
    },
)
OWN = (DARK, LIGHT)

_CURVES_ON_DARK = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#999999")
_CURVES_ON_LIGHT = ("#0072b2", "#9a6a00", "#007a59", "#a8487f", "#b84a00", "#666c74")  # the same hues, darker


def curve_variable(index: int) -> str:
    """The theme variable with the colour of curve `index`; colours repeat."""
    return f"curve-{index % len(_CURVES_ON_DARK)}"


def curve_colours(*, dark: bool) -> dict[str, str]:
    """The colours of curves on a dark or a light theme, by theme variable."""
    colours = _CURVES_ON_DARK if dark else _CURVES_ON_LIGHT
    return {curve_variable(index): colour for index, colour in enumerate(colours)}


def theme_names() -> list[str]:
    """All available themes, our own first."""
    return [theme.name for theme in OWN] + sorted(BUILTIN_THEMES)
