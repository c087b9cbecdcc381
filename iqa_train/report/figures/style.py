"""The style of all figures, and their export.

Colours are Okabe and Ito's (2008), distinguishable with all common forms of colour blindness. Markers, hatches and
dashes repeat what colours say, for grey prints. Fonts come with matplotlib and are embedded (TrueType in PDF, outlines
in SVG), so that the fonts of a machine do not matter.
"""

import io
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from iqa_train.report.figures.fonts import FACES, families
from iqa_train.stats.interval import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ONE_COLUMN = 3.43
TWO_COLUMNS = 7.0
"""Inches: \\columnwidth and \\textwidth of an article in two columns, with margins of 0.75 inches on letter paper."""

WIDE = 5.0
"""Inches from which a figure is laid out for a page, and not for a column."""

FORMATS = ("pdf", "svg", "png")

INK = "#1a1a1b"
GROUND = "#fefefe"
"""Almost black and white, so that the page can find and replace them with its own colours."""

BASE = "#0072B2"
PLAIN = "#56B4E9"
PALE = "#D8EAF5"
WORSE = "#D55E00"
BAND = "#BBBBBB"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D00", "#666666")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES: tuple[Any, ...] = (
    "-",
    (0, (4, 1.5)),
    (0, (1, 1.2)),
    (0, (5, 1.5, 1, 1.5)),
    (0, (8, 2)),
    (0, (2, 1)),
    "--",
    ":",
)

_DPI = 300
_RC: Any = {
    "axes.unicode_minus": True, "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.6,
    "xtick.major.width": 0.6, "ytick.major.width": 0.6, "xtick.major.size": 2.5, "ytick.major.size": 2.5,
    "lines.linewidth": 1.1, "lines.markersize": 4, "hatch.linewidth": 0.5, "legend.frameon": False,
    "legend.handlelength": 2.2, "axes.edgecolor": INK, "axes.labelcolor": INK, "text.color": INK, "xtick.color": INK,
    "ytick.color": INK, "figure.facecolor": "none", "axes.facecolor": "none", "savefig.facecolor": "auto",
    "axes.axisbelow": True, "pdf.fonttype": 42, "ps.fonttype": 42, "svg.fonttype": "path", "path.simplify": True,
    "figure.dpi": 100, "axes.grid": False, "grid.color": "#DDDDDD", "grid.linewidth": 0.5,
    "axes.formatter.useoffset": False,
}  # fmt: skip

_SIZES = {
    "font.size": 7.5, "axes.labelsize": 7.5, "axes.titlesize": 8.0, "legend.fontsize": 6.5, "xtick.labelsize": 7.0,
    "ytick.labelsize": 7.0,
}  # fmt: skip
_LARGER = {"serif": 1.13}  # its small letters are lower


def _sizes(face: str) -> dict[str, float]:
    """Points."""
    return {name: size * _LARGER.get(face, 1.0) for name, size in _SIZES.items()}


def small() -> float:
    """The size of words inside a figure, in points."""
    import matplotlib as mpl

    return float(mpl.rcParams["legend.fontsize"])


def medium() -> float:
    """The size of the labels of axes, in points."""
    import matplotlib as mpl

    return float(mpl.rcParams["axes.labelsize"])


@contextmanager
def styled(face: str = "sans") -> Iterator[None]:
    """Set up matplotlib for all figures, regardless of the user's matplotlibrc; `face` is one of `fonts.FACES`."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # messages about its font cache
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_RC | _sizes(face) | {"font.family": families(face), "mathtext.fontset": FACES[face][2]})
        yield


def blank(width: float, height: float) -> "Figure":
    """A figure of this size in inches, exactly, without axes. No window, no global state."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0.02, hspace=0.02)  # type: ignore[call-arg,union-attr]
    return figure


def sheet(width: float, height: float, columns: int = 1, rows: int = 1, **options: Any) -> "tuple[Figure, list[Axes]]":  # noqa: ANN401
    """A `blank` figure with its axes in reading order."""
    figure = blank(width, height)
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, list(axes.flat)


def empty(width: float, message: str) -> "Figure":
    """A figure without data, which shows a message."""
    figure, (axes,) = sheet(width, 0.9)
    axes.axis("off")
    axes.text(0.5, 0.5, message, ha="center", va="center", transform=axes.transAxes, wrap=True)
    return figure


def rendered(figure: "Figure", form: str, name: str) -> bytes:
    """The figure as a file; the same drawing always gives the same bytes."""
    import matplotlib as mpl

    _settle(figure)
    if form == "png":
        return _png(figure)
    target = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(target, format=form, dpi=_DPI, metadata=_METADATA[form], facecolor="none")
    return target.getvalue()


def _png(figure: "Figure") -> bytes:
    """On white, without an alpha channel, and compressed less: half the time, and a tenth larger."""
    from PIL import Image

    raw, target = io.BytesIO(), io.BytesIO()
    figure.savefig(raw, format="rgba", dpi=_DPI, facecolor="white")
    width, height = (int(side * _DPI) for side in figure.get_size_inches())
    picture = Image.frombytes("RGBA", (width, height), raw.getvalue()).convert("RGB")
    picture.save(target, "PNG", compress_level=2, dpi=(_DPI, _DPI))
    return target.getvalue()


def _settle(figure: "Figure") -> None:
    """Compute the layout once: it is the slowest part, and must be the same in every format."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine(None)  # "none" would draw once more for every file


_METADATA: dict[str, dict[str, str | None]] = {
    "pdf": {"CreationDate": None, "ModDate": None, "Producer": None, "Creator": None},
    "svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
}


def whiskers(axes: "Axes", points: Sequence[tuple[float, float, Interval | None]], **look: Any) -> None:  # noqa: ANN401
    """Points (x, y) with their intervals in x, all of one look, at once: one by one takes several times as long."""
    for with_interval in (True, False):
        some = [point for point in points if (point[2] is not None) is with_interval]
        if some:
            arms = [(max(0.0, x - span[0]), max(0.0, span[1] - x)) for x, _, span in some if span is not None]
            xerr = list(zip(*arms, strict=True)) if arms else None
            axes.errorbar(
                [x for x, _, _ in some], [y for _, y, _ in some], xerr=xerr, linestyle="none", **look
            )  # fmt: skip


def cycle(position: int) -> dict[str, Any]:
    """Colour, marker and dash of series number `position`."""
    return {
        "color": COLOURS[position % len(COLOURS)],
        "marker": MARKERS[position % len(MARKERS)],
        "linestyle": DASHES[position % len(DASHES)],
    }


def shortened(names: Sequence[str], most: int = 18) -> list[str]:
    """Tick labels: long names are cut, dollar signs are escaped (they would start a formula)."""
    return [(name if len(name) <= most else name[: most - 1] + "…").replace("$", r"\$") for name in names]


def thinned(axes: "Axes", horizontal: int | None = None, vertical: int | None = None) -> None:
    """Limit the number of intervals between ticks."""
    from matplotlib.ticker import MaxNLocator

    if horizontal is not None:
        axes.xaxis.set_major_locator(MaxNLocator(horizontal, min_n_ticks=2))
    if vertical is not None:
        axes.yaxis.set_major_locator(MaxNLocator(vertical, min_n_ticks=2))
