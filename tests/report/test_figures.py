"""Figures have exact sizes, embedded fonts and reproducible bytes, and survive any input."""

import io
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.patches import Rectangle
from PIL import Image

from iqa_train.report.figures import ablation, agreement, epochs, seeds, sensitivity, size, style, verdicts, waterfall
from iqa_train.report.figures.make_figures import figures_of
from iqa_train.results.sweep import Sweep, SweepPoint
from iqa_train.results.table import Curve, ResultRow, StudyResults
from iqa_train.runs.predictions import Predictions
from tests.report.samples import ALL, BASELINE, CURVES, MATERIAL, SEED_STUDY, SEVERAL_SEEDS, SWEEP, predictions

NOTHING_PREDICTED = Predictions((), np.array([]), np.array([]))
CONSTANT = Predictions(("a", "b", "c"), np.array([1.0, 2.0, 3.0]), np.array([5.0, 5.0, 5.0]))
NOT_A_NUMBER = Predictions(("a", "b"), np.array([1.0, 2.0]), np.array([np.nan, np.nan]))
BARE = replace(SEED_STUDY, rows=(BASELINE, ResultRow("A1", value=0.9, delta=-0.03), ResultRow("A2", delta=0.0)))

EVERYTHING = replace(MATERIAL, results=(SEVERAL_SEEDS, *MATERIAL.results[1:]))
"""With several seeds, which the figure of seeds needs."""

THIRTY = [replace(curve, experiment=f"{curve.experiment}{k}") for k in range(6) for curve in CURVES]
WORDS = (SweepPoint("a$b", 0.9, None, "x"), SweepPoint(3, 0.8, None, "y"))
FLOORS = (SweepPoint(0.0, 0.9, None, "x"), SweepPoint(1e-6, 0.91, (0.9, 0.92), "y"))

Draw = Callable[[float], Any]
ODD: dict[str, Draw] = {
    **{f"ablation of {name}": lambda w, r=r: ablation.draw(r, w) for name, r in {**ALL, "bare": BARE}.items()},
    **{f"waterfall of {name}": lambda w, r=r: waterfall.draw(r, w) for name, r in {**ALL, "bare": BARE}.items()},
    **{f"seeds of {name}": lambda w, r=r: seeds.draw(r, w) for name, r in {**ALL, "bare": BARE}.items()},
    **{f"verdicts of {name}": lambda w, r=r: verdicts.draw(r, w) for name, r in {**ALL, "bare": BARE}.items()},
    "size of nothing": lambda w: size.draw(SEED_STUDY, {}, w),
    "size of one": lambda w: size.draw(BARE, {"Baseline": 1}, w),
    "size over decades": lambda w: size.draw(SEED_STUDY, {"Baseline": 10**8, "A1": 10**6}, w),
    "no curves": lambda w: epochs.draw([], "Baseline", None, w),
    "a curve of one epoch": lambda w: epochs.draw([Curve("A", ((1, None, 0.5),))], "B", (0.4, 0.6), w),
    "curves without test": lambda w: epochs.draw([Curve("A", ((1, 0.5, None),))], "A", None, w),
    "thirty curves": lambda w: epochs.draw(THIRTY, "Baseline0", None, w),
    "a setting with no values": lambda w: sensitivity.draw(Sweep("lr", "srcc", ()), w),
    "words and numbers": lambda w: sensitivity.draw(Sweep("weights", "srcc", WORDS), w),
    "zero on a logarithm": lambda w: sensitivity.draw(Sweep("lr_floor", "srcc", FLOORS), w),
    "no predictions": lambda w: agreement.draw({"A": NOTHING_PREDICTED}, w),
    "odd predictions": lambda w: agreement.draw({"A": CONSTANT, "B": NOT_A_NUMBER}, w),
    "eight experiments": lambda w: agreement.draw({f"E{k}": CONSTANT for k in range(8)}, w),
}  # fmt: skip


@pytest.mark.parametrize("draw", ODD.values(), ids=list(ODD))
@pytest.mark.filterwarnings("error")
def test_nothing_that_is_missing_or_odd_breaks_a_figure(draw: Draw) -> None:
    with style.styled():
        assert style.rendered(draw(style.ONE_COLUMN), "svg", "x").startswith(b"<?xml")


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """Every figure of a study in both widths and all forms."""
    made = {}
    with style.styled():
        for width in (style.ONE_COLUMN, style.TWO_COLUMNS):
            for drawing in figures_of(EVERYTHING, width):
                for form in style.FORMATS:
                    made[f"{drawing.name} {width} {form}"] = style.rendered(drawing.figure, form, drawing.name)
    return made


@pytest.mark.slow
def test_all_eight_kinds_are_there(files: dict[str, bytes]) -> None:
    names = {name.split()[0] for name in files}
    assert names == {"ablation", "waterfall", "seeds", "verdicts", "epochs", "sensitivity-lr", "size", "agreement"}


@pytest.mark.slow
def test_each_is_exactly_as_wide_as_its_column(files: dict[str, bytes]) -> None:
    for name, data in files.items():
        _, inches, form = name.split()
        if form == "pdf":
            found = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ", data)
            wide = float(found[1]) / 72 if found else 0
        elif form == "svg":
            found = re.search(rb'width="([\d.]+)pt"', data)
            wide = float(found[1]) / 72 if found else 0
        else:
            wide = Image.open(io.BytesIO(data)).width / 300
        assert wide == pytest.approx(float(inches), abs=0.01), name


@pytest.mark.slow
def test_fonts_are_inside(files: dict[str, bytes]) -> None:
    for name, data in files.items():
        if name.endswith("pdf"):
            assert b"/FontFile2" in data
            assert b"/Type3" not in data  # which journals refuse
        if name.endswith("svg"):
            assert b"<text" not in data


@pytest.mark.slow
def test_the_same_drawing_gives_the_same_bytes_and_no_date(files: dict[str, bytes]) -> None:
    with style.styled():
        for drawing in figures_of(EVERYTHING, style.ONE_COLUMN):
            for form in ("pdf", "svg"):
                again = style.rendered(drawing.figure, form, drawing.name)
                assert again == files[f"{drawing.name} {style.ONE_COLUMN} {form}"]
                assert not re.search(rb"CreationDate|ModDate|<dc:date>|20\d\d-\d\d-\d\d", again)


@pytest.mark.slow
def test_a_users_own_style_changes_nothing(files: dict[str, bytes]) -> None:
    import matplotlib as mpl

    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "pdf.fonttype": 3}):
        with style.styled():
            drawn = ablation.draw(EVERYTHING.main, style.ONE_COLUMN)
            assert style.rendered(drawn, "pdf", "ablation") == files[f"ablation {style.ONE_COLUMN} pdf"]
        assert mpl.rcParams["font.size"] == 30


def hatches(results: StudyResults) -> dict[float, str]:
    with style.styled():
        panel = ablation.draw(results, style.ONE_COLUMN).axes[1]
    return {
        bar.get_y() + bar.get_height() / 2: bar.get_hatch() or ""
        for bar in panel.patches
        if isinstance(bar, Rectangle) and bar.get_hatch() is not None
    }


def test_without_colour_a_bar_still_says_whether_it_is_real() -> None:
    found = [hatches(SEVERAL_SEEDS)[k] for k in sorted(hatches(SEVERAL_SEEDS))]
    assert [bool(h) for h in found] == [True, False, False, False]  # A1; A2, B1, B2
    assert all(hatches(SEED_STUDY).values())  # one seed: runs differ, not components


def test_without_colour_curves_still_differ() -> None:
    looks = [style.cycle(k) for k in range(8)]
    assert len({look["marker"] for look in looks}) == len({repr(look["linestyle"]) for look in looks}) == 8


def test_reported_numbers_are_hollow() -> None:
    with style.styled():
        axes = sensitivity.draw(SWEEP, style.ONE_COLUMN).axes[0]
    lines = [line for line in axes.lines if line.get_marker() == "D"]
    assert lines
    assert all(line.get_markerfacecolor() == style.GROUND for line in lines)


def test_a_large_scatter_stays_small() -> None:
    with style.styled():
        figure = agreement.draw({f"E{k}": predictions(2015) for k in range(6)}, style.TWO_COLUMNS)
        assert len(style.rendered(figure, "svg", "x")) < 700_000
