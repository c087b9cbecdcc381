"""docs/console.md says what is so."""

import re
from pathlib import Path

import pytest
from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme

from iqa_tui.config import read_config
from iqa_tui.themes import OWN, curve_colours
from tests.tui.screens.key_table import PAGE, kept, table


def test_its_table_of_keys_is_that_of_the_bindings() -> None:
    assert kept() == table(), "run .venv/bin/python tests/tui/screens/key_table.py"


def test_its_example_of_a_configuration_is_a_valid_one(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    path = tmp_path / "config.toml"
    path.write_text(example)
    assert read_config(path).keys["log.search"] == "/,ctrl+f"


@pytest.mark.parametrize("theme", OWN, ids=lambda theme: theme.name)
@pytest.mark.parametrize("ground", ["background", "surface", "panel"])
def test_text_of_each_colour_can_be_read_on_each_ground(theme: Theme, ground: str) -> None:
    colours = theme.to_color_system().generate()
    below = Color.parse(colours[ground])
    for name in (
        "foreground",
        "text-muted",
        "text-primary",
        "text-accent",
        "text-success",
        "text-warning",
        "text-error",
    ):
        assert contrast(below, below + meant(colours[name], below)) >= 4.5, (name, colours[name])


@pytest.mark.parametrize("theme", [*OWN, *BUILTIN_THEMES.values()], ids=lambda theme: theme.name)
def test_curves_stand_out_on_every_theme(theme: Theme) -> None:
    ground = Color.parse(theme.to_color_system().generate()["background"])
    if ground.a < 1:
        pytest.skip("the terminal's own ground, whatever it is")
    for name, colour in curve_colours(dark=theme.dark).items():
        assert contrast(ground, Color.parse(colour)) >= (4.5 if theme in OWN else 3), (name, colour)


def meant(colour: str, below: Color) -> Color:
    """`auto 60%` is black or white, whichever can be read, at 60 %."""
    if colour.startswith("auto"):
        return below.get_contrast_text(int(colour.split()[1].rstrip("%")) / 100)
    return Color.parse(colour)


def contrast(one: Color, other: Color) -> float:
    """WCAG 2.1, relative luminance."""
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: Color) -> float:
    parts = [c / 255 for c in colour.rgb]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
