"""The plot: axes that can be read, labels in the order of the curves, what is in front, what is cut off."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from iqa_train.results.table import Curve
from iqa_tui.widgets.plot import draw
from iqa_tui.widgets.plot_axis import epoch_ticks, later_range, value_axis
from iqa_tui.widgets.plot_data import QUANTITIES, Plot
from iqa_tui.widgets.plot_labels import spread

values = st.floats(-1e9, 1e9, allow_nan=False)


def curve(name: str, *test: float, selected: int | None = None) -> Curve:
    pairs = tuple(enumerate(test, 1))
    points = tuple((n, value, value) for n, value in pairs)
    value = test[selected - 1] if selected else None
    return Curve(name, points, selected, value, unfinished=True, losses=pairs, rates=pairs)


def drawn(plot: Plot, width: int = 80, height: int = 20) -> list[str]:
    return [line.plain for line in draw(plot, width, height)]


@given(
    st.lists(st.lists(values, min_size=1, max_size=30), min_size=1, max_size=12),
    st.integers(1, 150), st.integers(1, 40), st.sampled_from(list(QUANTITIES)),
)  # fmt: skip
def test_it_fits_whatever_the_curves_are(curves: list[list[float]], width: int, height: int, quantity: str) -> None:
    made = tuple(curve(f"E{k}", *points, selected=len(points)) for k, points in enumerate(curves))
    lines = drawn(Plot(made, "E0", "E1", (0.2, 0.3), 30, quantity), width, height)
    assert len(lines) <= max(height, 1)
    if len(lines) > 1:
        assert all(cell_len(text) <= width for text in lines)


@given(values, st.floats(0, 1e9), st.integers(3, 60))
def test_ticks_are_round_increasing_and_where_their_values_are(low: float, span: float, rows: int) -> None:
    axis = value_axis(low, low + span, rows)
    assert axis.low <= low
    assert axis.high >= low + span
    numbers = {row: float(text) for row, text in axis.ticks.items()}
    in_order = [numbers[row] for row in sorted(numbers)]
    assert in_order == sorted(set(in_order), reverse=True)
    for row, value in numbers.items():
        assert abs(axis.position(value) * rows - row - 0.5) <= 0.5 + 1e-3 * rows


@given(st.integers(2, 2000), st.integers(8, 200))
def test_epochs_are_named_without_touching_each_other(last: int, columns: int) -> None:
    ticks = epoch_ticks(last, columns)
    assert str(last) in ticks.values()
    end = -2
    for column in sorted(ticks):
        assert column > end + (1 if ticks[column] != str(last) else 0) or ticks[column] == str(last)
        end = column + len(ticks[column])
    assert end <= columns


@given(st.lists(st.floats(0, 30), max_size=31), st.integers(31, 40))
def test_labels_keep_the_order_and_the_distance_that_they_need(wanted: list[float], rows: int) -> None:
    wanted.sort()
    found = spread(wanted, rows)
    assert all(0 <= row < rows for row in found)
    assert all(b > a for a, b in pairwise(found))
    if all(b - a >= 1.01 for a, b in pairwise(wanted)):
        assert all(abs(a - b) <= 1 for a, b in zip(wanted, found, strict=True))


def test_more_labels_than_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="3 labels in 2 rows"):
        spread([0, 1, 2], 2)


def test_labels_stand_in_the_order_of_the_curves_with_the_value_that_counts() -> None:
    ends = {"Baseline": 0.8606, "A1": 0.8590, "A2": 0.8501, "B1": 0.8555, "B2": 0.8856}
    made = tuple(curve(name, 0.5, 0.8, end + 0.001, end, selected=3) for name, end in ends.items())
    text = "\n".join(drawn(Plot(made, "Baseline", "A2"), 70, 11))
    found = re.findall(r"(\w+) (0\.\d{4})@(\d)", text)
    assert [name for name, _, _ in found] == ["B2", "Baseline", "A1", "B1", "A2"]
    assert all(float(value) == pytest.approx(ends[name] + 0.001) and epoch == "3" for name, value, epoch in found)
    assert "▸▲ A2" in text


def test_the_epoch_that_counts_is_marked_on_the_curve_and_what_is_cut_off_is_shown() -> None:
    lines = drawn(Plot((curve("P", 0.1, 0.5, 0.90, 0.93, 0.92, 0.91, selected=4),), "P", "P", (0.91, 0.92)), 70, 16)
    plotted = [re.split("[│┤]", line)[1][:50] for line in lines[:-1]]
    assert sum(row.count("●") for row in plotted) == 1
    assert "↓" in plotted[-1]
    assert any("0.9100 to 0.9200" in line for line in lines)
    assert lines[-1].split() == ["1", "2", "3", "4", "5", "6", "epoch"]


def test_of_many_curves_those_in_front_are_named_and_the_others_grey() -> None:
    made = tuple(curve(f"E{k}", 0.8, 0.85 + k / 1000) for k in range(40))
    lines = draw(Plot(made, "E0", "E20", marked=frozenset({"E30"})), 80, 12)
    text = "\n".join(line.plain for line in lines)
    assert all(name in text for name in ("E0 ", "E20 ", "E30 ", "+37 more"))
    styles = {str(span.style) for line in lines for span in line.spans}
    assert len({style for style in styles if "curve" in style}) == 3


def test_the_range_is_that_of_later_epochs() -> None:
    low, high = later_range([[(1, 0.10), (2, 0.60), (3, 0.92), (4, 0.931), (5, 0.933), (6, 0.934)]], None)
    assert (low, high) == (0.931, 0.934)


def test_where_two_curves_share_a_cell_it_shows_the_one_in_front() -> None:
    same = [0.8, 0.81, 0.82, 0.83]
    lines = draw(Plot((curve("P", *same), curve("Q", *same)), "Q", "P"), 60, 12)
    colours = {str(span.style) for line in lines for span in line.spans if "curve" in str(span.style)}
    drawn_in = [
        str(s.style) for line in lines for s in line.spans if any("⠀" < c < "⣿" for c in line.plain[s.start : s.end])
    ]
    assert set(drawn_in) == {"bold $curve-0"}
    assert len(colours) == 2  # the labels have both


@pytest.mark.parametrize("value", [0.584229, 5e-07, 0.0, -3.2])
def test_a_single_value_has_an_axis_with_short_numbers(value: float) -> None:
    axis = value_axis(value, value, 9)
    assert axis.low < value < axis.high
    assert len(axis.ticks) > 1
    assert all(len(words) <= 7 for words in axis.ticks.values()), axis.ticks
