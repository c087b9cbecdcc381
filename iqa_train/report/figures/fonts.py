"""The faces of figures: those that come with matplotlib, cut down once to the characters of Europe's scripts.

A PDF file holds the glyphs that it uses. Matplotlib takes them out of the whole font for each file anew, of which most
is spent on kerning and on thousands of glyphs that no figure has; out of the small one it takes a sixth of that.
"""

from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

FACES = {"sans": ("DejaVu Sans", "DejaVuSans.ttf", "dejavusans"), "serif": ("STIXGeneral", "STIXGeneral.ttf", "stix")}
"""By the name that --face takes: family, file, and the fonts of formulas such as the powers on a logarithmic axis."""

_KEPT = ((0x20, 0x24F), (0x2B0, 0x52F), (0x1E00, 0x1EFF), (0x2000, 0x22FF))
_LINE_GAP = 0.2  # in sizes; that of STIX is meant for formulas
_FAMILY, _TYPOGRAPHIC_FAMILY = 1, 16  # of a font's table of names


def families(face: str) -> list[str]:
    """The family of the small font, and the whole one's for characters that the small one lacks."""
    family, file, _ = FACES[face]
    small = _small_font(family, file)
    return [small, family] if small else [family]


def can_draw(text: str) -> bool:
    """Whether the faces have all characters of `text`: they have none of Chinese, Japanese or Korean."""
    return text.isascii() or all(ord(character) in _characters() for character in text)


@lru_cache
def _characters() -> frozenset[int]:
    from matplotlib import get_data_path
    from matplotlib.font_manager import get_font

    return frozenset(get_font(str(Path(get_data_path()) / "fonts" / "ttf" / FACES["sans"][1])).get_charmap())


@lru_cache
def _small_font(family: str, file: str) -> str:
    """Make it known to matplotlib; returns its family, or "" where no file can be written."""
    from matplotlib import get_data_path
    from matplotlib.font_manager import fontManager

    small = f"{family} of iqa-train"
    try:
        path = Path(_folder().name) / file
        _cut(Path(get_data_path()) / "fonts" / "ttf" / file, path, small)
    except OSError:
        return ""
    fontManager.addfont(path)
    return small


@lru_cache
def _folder() -> TemporaryDirectory[str]:
    """Removed when the program ends."""
    return TemporaryDirectory(prefix="iqa-train-fonts-")


def _cut(whole: Path, path: Path, family: str) -> None:
    from fontTools import subset

    options = subset.Options(glyph_names=True, layout_features=[], recalc_timestamp=False)
    options.drop_tables += ["FFTM", "GDEF", "GPOS", "GSUB"]
    with subset.load_font(str(whole), options) as font:
        cutter = subset.Subsetter(options)
        cutter.populate(unicodes=[code for first, last in _KEPT for code in range(first, last + 1)])
        cutter.subset(font)
        for record in font["name"].names:
            if record.nameID in {_FAMILY, _TYPOGRAPHIC_FAMILY}:
                record.string = family
        lines = font["OS/2"]
        lines.sTypoLineGap = min(lines.sTypoLineGap, round(_LINE_GAP * font["head"].unitsPerEm))
        font.save(path)
