"""What is plotted by epoch: SRCC, validation SRCC, loss or learning rate of each experiment."""

import math
from dataclasses import dataclass

from iqa_train.results.table import Curve
from iqa_train.stats.interval import Interval
from iqa_tui.themes import curve_variable

_MARKS = "●■▲◆▼★"  # stand where the epoch that counts is, and at the label: curves differ without colour, too
_MOST_COLOURED = 7

Points = list[tuple[int, float]]


@dataclass(frozen=True)
class Quantity:
    """What can be plotted: its title, and whether its first epochs count for the range of values."""

    title: str
    from_start: bool = False


QUANTITIES = {
    "srcc": Quantity("Test SRCC"),
    "val_srcc": Quantity("Validation SRCC"),
    "loss": Quantity("Training loss"),
    "lr": Quantity("Learning rate", from_start=True),
}


@dataclass(frozen=True)
class Plot:
    """What to draw. `band` is the expected range of the `selected` experiment's SRCC.

    `marked` are further experiments in front.
    """

    curves: tuple[Curve, ...]
    baseline: str = ""
    selected: str = ""
    band: Interval | None = None
    epochs: int = 0  # planned
    quantity: str = "srcc"
    marked: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Drawn:
    """A curve with values, and how it looks."""

    name: str
    curve: Curve
    points: Points
    index: int
    colour: int
    selected: int | None  # the epoch, so far
    front: bool
    grey: bool

    @property
    def style(self) -> str:
        if self.grey:
            return "$text-disabled"
        return f"{'bold ' if self.front else ''}${curve_variable(self.colour)}"

    @property
    def mark(self) -> str:
        return _MARKS[self.colour % len(_MARKS)]

    @property
    def value(self) -> float:
        """At the selected epoch, else the last."""
        return dict(self.points).get(self.selected or 0, self.points[-1][1])


def points_of(curve: Curve, quantity: str) -> Points:
    """Its epochs that have a value of that kind."""
    if quantity in {"srcc", "val_srcc"}:
        pairs = [(epoch, test if quantity == "srcc" else val) for epoch, val, test in curve.points]
    else:
        pairs = list(curve.losses if quantity == "loss" else curve.rates)
    return [(epoch, value) for epoch, value in pairs if value is not None and math.isfinite(value)]


def drawn_curves(plot: Plot) -> list[Drawn]:
    """Those that have values, in the order of the study; of many, all but those in front are grey."""
    found = [(curve, points) for curve in plot.curves if (points := points_of(curve, plot.quantity))]
    in_front = [c.experiment for c, _ in found if c.experiment in {plot.selected, plot.baseline, *plot.marked}]
    coloured = in_front if len(found) > _MOST_COLOURED else [curve.experiment for curve, _ in found]
    return [
        Drawn(
            name := curve.experiment,
            curve,
            points,
            k,
            coloured.index(name) if name in coloured else 0,
            curve.selected,
            front=name in in_front,
            grey=name not in coloured,
        )
        for k, (curve, points) in enumerate(found)
    ]
