"""Columns: cropped or wrapped, every strip is as wide as the screen, and no character is lost or cut in two."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style

from iqa_train.tab_stops import TabStops
from iqa_tui import safe
from iqa_tui.logview.ansi import Piece
from iqa_tui.logview.document import Line
from iqa_tui.logview.strips import PaintStyle, cropped, highlighted, paint, wrapped

PIECES = st.lists(
    st.text("ab 試é\u0301", min_size=1, max_size=12).map(lambda t: Piece(safe.plain(t), Style())), max_size=5
)


@given(PIECES, st.integers(2, 9))
def test_wrapped_it_reads_the_same(pieces: list[Piece], width: int) -> None:
    rows = wrapped(pieces, width, Style())
    assert all(sum(cell_len(s.text) for s in row) == row.cell_length == width for row in rows)
    text = "".join(piece.text for piece in pieces)
    assert "".join(row.text for row in rows).replace(" ", "") == text.replace(" ", "")
    assert len(rows) <= 1 + cell_len(text) // (width - 1)


@given(PIECES, st.integers(0, 30), st.integers(1, 30))
def test_a_cropped_line_is_what_is_between(pieces: list[Piece], left: int, width: int) -> None:
    strip = cropped(pieces, left, width, Style())
    assert sum(cell_len(s.text) for s in strip) == strip.cell_length == width
    column, cut = 0, width > 1 and sum(cell_len(piece.text) for piece in pieces) > left + width
    assert not cut or strip.text.endswith("›")  # there is more
    width -= cut
    expected = ""
    for c in "".join(piece.text for piece in pieces):
        size = cell_len(c)
        if size and left <= column and column + size <= left + width:
            expected += c
        elif size == 2 and (column < left < column + 2 or column < left + width < column + 2):
            expected += " "
        column += size
    shown = strip.text[:-1] if cut else strip.text
    assert "".join(c for c in shown if cell_len(c)) == expected.ljust(len(expected) + width - cell_len(expected))


@given(PIECES, st.lists(st.tuples(st.integers(0, 40), st.integers(1, 5)), max_size=4))
def test_highlights_change_no_text(pieces: list[Piece], wanted: list[tuple[int, int]]) -> None:
    spans, end = [], 0
    for start, length in sorted(wanted):
        if start >= end:
            end = start + length
            spans.append((start, end))
    done = highlighted(pieces, spans, Style(bold=True))
    text = "".join(piece.text for piece in pieces)
    assert "".join(piece.text for piece in done) == text
    bold = "".join(piece.text for piece in done if piece.style.bold)
    assert bold == "".join(text[start:stop] for start, stop in spans)


def test_results_warnings_and_errors_differ_and_own_colours_stay() -> None:
    bold, yellow, red = Style(bold=True), Style(color="yellow"), Style(color="red", bold=True)
    look = PaintStyle(80, False, 0, Style(), Style(), Style(), None, result=bold, warning=yellow, error=red)

    def first(line: str) -> Style | None:
        (strip,) = paint(Line(line.encode(), 0), look, TabStops(cell_len), marked=False)
        return next(iter(strip)).style

    assert first("3\t13.742\t0.7202\t0.7796\t0.7816") == bold
    assert first("UserWarning: lr_scheduler.step() was called early") == yellow
    assert first("ValueError: no such file") == red
    assert first("Traceback (most recent call last):") == red
    assert first("data: 1500 training images") == Style()
    assert first("\x1b[32mValueError: in green\x1b[0m") == Style(color="color(2)", bold=True)
