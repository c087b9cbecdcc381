"""Figures have exact sizes, embedded fonts and reproducible bytes, and survive any input."""

import io
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from PIL import Image

from iqa_train.report.figures import (
    ablation,
    agreement,
    epochs,
    labels,
    seeds,
    sensitivity,
    size,
    style,
    training,
    verdicts,
    waterfall,
)
from iqa_train.report.figures.make_figures import planned_figures
from iqa_train.report.learning import Learning
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
    "no training": lambda w: training.draw([Learning("A")], "A", w),
    "a loss alone": lambda w: training.draw([Learning("A", ((1, 0.0),)), Learning("B", rates=((1, 1e-3),))], "B", w),
    "twelve losses": lambda w: training.draw([Learning(f"E{k}", ((1, 2.0), (2, 1.0))) for k in range(12)], "E0", w),
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
            for planned in planned_figures(EVERYTHING):
                drawn = planned.draw(width)
                for form in style.FORMATS:
                    made[f"{planned.name} {width} {form}"] = style.rendered(drawn, form, planned.name)
    return made


@pytest.mark.slow
def test_all_nine_kinds_are_there(files: dict[str, bytes]) -> None:
    names = {name.split()[0] for name in files}
    with_epochs = {"epochs", "training"}
    assert names == {"ablation", "waterfall", "seeds", "verdicts", "sensitivity-lr", "size", "agreement", *with_epochs}


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
        for planned in planned_figures(EVERYTHING):
            drawn = planned.draw(style.ONE_COLUMN)
            for form in ("pdf", "svg"):
                again = style.rendered(drawn, form, planned.name)
                assert again == files[f"{planned.name} {style.ONE_COLUMN} {form}"]
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


def words_of(figure: Any) -> str:
    return " ".join(" ".join(text.get_text().split()) for text in figure.findobj(Text))


@pytest.mark.parametrize("width", [style.ONE_COLUMN, style.TWO_COLUMNS])
def test_experiments_are_named_by_their_titles_and_by_what_they_change(width: float) -> None:
    titles = {row.experiment: row.title for row in SEVERAL_SEEDS.rows}
    with style.styled():
        drawn = {planned.name: planned.draw(width) for planned in planned_figures(EVERYTHING)}
        for name in ("ablation", "seeds", "verdicts", "epochs", "training"):
            drawn[name].draw_without_rendering()
            assert f"A2: {titles['A2']}" in words_of(drawn[name]), name
        assert "A2: multi_scale + attention_fusion" in words_of(drawn["waterfall"])
    size_caption = next(planned.caption for planned in planned_figures(EVERYTHING) if planned.name == "size")
    assert "A2: Remove multi-scale fusion" in size_caption


def test_the_end_of_curves_that_start_low_can_be_read() -> None:
    low = [Curve("Baseline", tuple((e, None, v) for e, v in enumerate((0.05, 0.4, 0.82, 0.83, 0.84), 1)))]
    with style.styled():
        assert epochs.draw(low, "Baseline", None, 3.43).axes[0].get_ylim()[0] > 0.75
        assert epochs.draw(CURVES, "Baseline", None, 3.43).axes[0].get_ylim()[0] < 0.93
    assert "cut off" in epochs.caption(low, None)
    assert "cut off" not in epochs.caption([Curve("A", ((1, None, 0.8), (2, None, 0.81)))], None)


def test_five_panels_have_their_tick_labels_and_no_blank_on_one_side() -> None:
    with style.styled():
        figure = agreement.draw({f"E{k}": predictions(60, seed=k) for k in range(5)}, style.TWO_COLUMNS)
        style.rendered(figure, "svg", "x")
        assert len(figure.axes) == 5
        assert all(any(label.get_text() for label in axes.get_xticklabels()) for axes in figure.axes)
        boxes = [axes.get_position() for axes in figure.axes]
    above, below = boxes[:3], boxes[3:]
    assert below[0].x0 - above[0].x0 == pytest.approx(above[-1].x1 - below[-1].x1, abs=0.005)


def test_a_serif_face_on_request() -> None:
    with style.styled("serif"):
        data = style.rendered(ablation.draw(SEVERAL_SEEDS, style.ONE_COLUMN), "pdf", "ablation")
    assert b"STIXGeneral" in data
    assert b"DejaVu" not in data


@pytest.mark.filterwarnings("error")
def test_a_character_that_the_small_font_lacks_is_drawn_and_a_title_that_no_font_has_is_left_out() -> None:
    with style.styled():
        for title, drawn in ("\u0414", True), ("\u2a7d", True), ("\u6df1\u3044", False):
            figure = ablation.draw(replace(SEED_STUDY, rows=(replace(BASELINE, title=title),)), style.ONE_COLUMN)
            style.rendered(figure, "pdf", "x")
            assert (title in words_of(figure)) is drawn


def test_a_label_is_cut_where_it_has_no_more_room() -> None:
    assert labels.label("A1: a title of many words", 12, 2) == "A1: a title\nof many…"
    assert labels.label("$x_1$", 12) == r"\$x_1\$"


def test_a_large_scatter_stays_small() -> None:
    with style.styled():
        figure = agreement.draw({f"E{k}": predictions(2015) for k in range(6)}, style.TWO_COLUMNS)
        assert len(style.rendered(figure, "svg", "x")) < 700_000
