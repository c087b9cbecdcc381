"""The look that all figures share, and the bytes they become.

Colours are Okabe and Ito's (2008), distinguishable with every common colour blindness; what a colour says, a marker, a
hatch or a dash says too, so that a grey print loses nothing. Fonts are embedded (TrueType in PDF, outlines in SVG), and
come with matplotlib: a machine's own do not matter.
"""

import io
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ONE_COLUMN = 3.5
TWO_COLUMNS = 7.16
"""Widths of an IEEE column and page, inches."""

FORMATS = ("pdf", "svg", "png")

INK = "#1a1a1b"
GROUND = "#fefefe"
"""Not quite black and white, so that the page can find them and turn them with its own colours."""

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
    "font.family": "DejaVu Sans", "font.size": 7.5, "axes.labelsize": 7.5, "axes.titlesize": 8, "legend.fontsize": 6.5,
    "xtick.labelsize": 7, "ytick.labelsize": 7, "mathtext.fontset": "dejavusans", "axes.unicode_minus": True,
    "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.6, "xtick.major.width": 0.6,
    "ytick.major.width": 0.6, "xtick.major.size": 2.5, "ytick.major.size": 2.5, "lines.linewidth": 1.1,
    "lines.markersize": 4, "hatch.linewidth": 0.5, "legend.frameon": False, "legend.handlelength": 2.2,
    "axes.edgecolor": INK, "axes.labelcolor": INK, "text.color": INK, "xtick.color": INK, "ytick.color": INK,
    "figure.facecolor": "none", "axes.facecolor": "none", "savefig.facecolor": "auto", "axes.axisbelow": True,
    "pdf.fonttype": 42, "ps.fonttype": 42, "svg.fonttype": "path", "path.simplify": True, "figure.dpi": 100,
    "axes.grid": False, "grid.color": "#DDDDDD", "grid.linewidth": 0.5, "axes.formatter.useoffset": False,
}  # fmt: skip


@dataclass(frozen=True)
class Drawing:
    """A figure by name, in one width."""

    name: str
    caption: str
    figure: "Figure"


@contextmanager
def styled() -> Iterator[None]:
    """matplotlib as all figures want it, whatever a user's matplotlibrc says."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # where it keeps its fonts is no user's concern
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_RC)
        yield


def sheet(width: float, height: float, columns: int = 1, rows: int = 1, **options: Any) -> "tuple[Figure, list[Axes]]":  # noqa: ANN401
    """A figure of this size in inches, exactly, and its axes in reading order. No window, no global state."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0.02, hspace=0.02)  # type: ignore[call-arg,union-attr]
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, list(axes.flat)


def empty(width: float, says: str) -> "Figure":
    """A figure for what there is nothing to draw of, which says so."""
    figure, (axes,) = sheet(width, 0.9)
    axes.axis("off")
    axes.text(0.5, 0.5, says, ha="center", va="center", transform=axes.transAxes, wrap=True)
    return figure


def rendered(figure: "Figure", form: str, name: str) -> bytes:
    """The figure as a file; the same drawing gives the same bytes, today and tomorrow."""
    import matplotlib as mpl

    _settle(figure)
    target = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(target, format=form, dpi=_DPI, metadata=_METADATA[form], facecolor=_ground(form))
    return target.getvalue()


def _settle(figure: "Figure") -> None:
    """Find the layout once: it is the slowest part, and so it is the same in every form."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    if isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine):
        figure.draw_without_rendering()
        figure.set_layout_engine("none")


def _ground(form: str) -> str:
    """A picture of pixels is white; the others have no ground."""
    return "white" if form == "png" else "none"


_METADATA: dict[str, dict[str, str | None]] = {
    "pdf": {"CreationDate": None, "ModDate": None, "Producer": None, "Creator": None},
    "svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
    "png": {"Software": None},
}


def cycle(position: int) -> dict[str, Any]:
    """Colour, marker and dash of the `position`th series."""
    return {
        "color": COLOURS[position % len(COLOURS)],
        "marker": MARKERS[position % len(MARKERS)],
        "linestyle": DASHES[position % len(DASHES)],
    }


def shortened(names: Sequence[str], most: int = 18) -> list[str]:
    """Names for the ticks of an axis; where one is too long, its end gives way. A dollar is no formula."""
    return [(name if len(name) <= most else name[: most - 1] + "…").replace("$", r"\$") for name in names]


def thinned(axes: "Axes", horizontal: int | None = None, vertical: int | None = None) -> None:
    """At most so many intervals between ticks."""
    from matplotlib.ticker import MaxNLocator

    if horizontal is not None:
        axes.xaxis.set_major_locator(MaxNLocator(horizontal, min_n_ticks=2))
    if vertical is not None:
        axes.yaxis.set_major_locator(MaxNLocator(vertical, min_n_ticks=2))
