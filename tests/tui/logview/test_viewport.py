"""The visible part of a log with wrapped lines: as if all lines of the screen were written out one below the other."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.style import Style
from textual.geometry import Size

from iqa_tui.logview.document import Document
from iqa_tui.logview.finder import Finder
from iqa_tui.logview.strips import PaintStyle
from iqa_tui.logview.viewport import ScrollPosition, Viewport

WIDTH = 10
KEEP = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def viewport_of(log: Path, lengths: list[int], height: int) -> Viewport:
    log.write_text("".join("x" * length + "\n" for length in lengths))
    document = Document(log)
    document.poll()
    document.work(1)
    plain = Style()
    style = PaintStyle(width=WIDTH, wrap=True, left=0, base=plain, hit=plain, mark=plain, search=None)
    viewport = Viewport(lambda: Size(WIDTH, height), lambda: style)
    viewport.finder = Finder(document)
    return viewport


@KEEP
@given(
    lengths=st.lists(st.integers(0, 35), min_size=1, max_size=12),
    height=st.integers(1, 8),
    start=st.integers(0, 60),
    by=st.integers(-60, 60),
)
def test_scrolling_moves_by_lines_of_the_screen(
    tmp_path: Path, lengths: list[int], height: int, start: int, by: int
) -> None:
    viewport = viewport_of(tmp_path / "a.log", lengths, height)
    positions = [
        ScrollPosition(row, part) for row, length in enumerate(lengths) for part in range(max(1, -(-length // WIDTH)))
    ]
    start %= len(positions)
    assert viewport.moved(positions[start], by) == positions[min(max(0, start + by), len(positions) - 1)]
    assert viewport.end == positions[max(0, len(positions) - height)]
    viewport.top = positions[start]
    assert [row for row, _ in viewport.visible()] == [row for row, _ in positions[start : start + height]]
    assert viewport.finder is not None
    viewport.finder.document.source.close()
