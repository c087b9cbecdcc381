"""Lines of a file are found where they are, whatever the file is like and in whatever pieces it came."""

from pathlib import Path
from typing import Literal
from unittest.mock import patch

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iqa_tui.logview import document as documents
from iqa_tui.logview import scan as scans
from iqa_tui.logview.document import Document
from iqa_tui.logview.index import BLOCK, LineIndex
from iqa_tui.logview.matcher import Matcher
from iqa_tui.logview.scan import Scan

LENGTHS = st.lists(st.one_of(st.integers(0, 200), st.integers(BLOCK - 2, BLOCK + 2), st.just(3 * BLOCK)), max_size=12)
KEEP = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def made(lengths: list[int], ended: bool) -> bytes:
    lines = [(b"%d." % k + b"x" * length) for k, length in enumerate(lengths)]
    return b"\n".join(lines) + (b"\n" if ended and lines else b"")


@KEEP
@given(LENGTHS, st.booleans(), st.lists(st.integers(BLOCK // 9, 2 * BLOCK), min_size=1, max_size=5))
def test_fed_in_any_pieces_it_counts_the_same(lengths: list[int], ended: bool, pieces: list[int]) -> None:
    data = made(lengths, ended)
    index, at, k = LineIndex(), 0, 0
    while at < len(data):
        index.feed(data[at : at + pieces[k % len(pieces)]])
        at, k = at + pieces[k % len(pieces)], k + 1
    assert index.lines == len(data.split(b"\n")) - data.endswith(b"\n") if data else index.lines == 0
    assert index.line_start == data.rfind(b"\n") + 1
    assert index.end == len(data)


@KEEP
@given(lengths=LENGTHS, ended=st.booleans())
def test_each_line_is_where_it_is(tmp_path: Path, lengths: list[int], ended: bool) -> None:
    data = made(lengths, ended)
    log = tmp_path / "a.log"
    log.write_bytes(data)
    document = Document(log)
    document.poll()
    while document.work(0):
        pass
    lines = data.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    assert document.lines == len(lines)
    for number, line in enumerate(lines):
        start, end = document.span(number)
        assert data[start:end] == line
        assert document.line(number).data == line[: documents.LONGEST]
        assert document.line(number).hidden == max(0, len(line) - documents.LONGEST)
    document.source.close()


def test_the_end_is_there_first_and_what_comes_before_it_later(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    with log.open("wb") as file:
        for n in range(400_000):
            file.write(b"line %d\n" % n)
    document = Document(log)
    document.poll()
    assert document.work(0)
    while not document.exact:
        last = document.lines - 1
        if document.index.end == document.source.size:
            assert document.line(last).data == b"line 399999"
        document.work(0)
    assert document.lines == 400_000
    assert [document.line(n).data for n in (0, 1, 200_000, 399_999)] == [
        b"line 0",
        b"line 1",
        b"line 200000",
        b"line 399999",
    ]
    document.source.close()


ODD = st.lists(
    st.sampled_from(["srcc", "SRCC", "\x1b[1m", "\x1b[0m", "\r", "\t", " ", "é", "loss", "\0", "\u200b"]), max_size=8
)


WANTED = st.sampled_from(
    [
        "srcc",
        "SRCC",
        "s.cc",
        "c l",
        "é",
        "É",
        "loss",
        "1m",
        "^s",
        "s$",
        r"c\s",
        r"c\W*l",
        "[^c]c",
        "x*",
        "(?=s)",
        r"\Al",
    ]
)


@KEEP
@given(
    lines=st.lists(ODD, max_size=20),
    wanted=WANTED,
    start=st.one_of(st.none(), st.integers(0, 25)),
    direction=st.sampled_from([1, -1]),
    at_once=st.integers(1, 60),
)
def test_a_scan_finds_the_lines_that_show_what_is_searched_for(
    tmp_path: Path, lines: list[list[str]], wanted: str, start: int | None, direction: Literal[1, -1], at_once: int
) -> None:
    from iqa_tui.logview.ansi import text_of

    log = tmp_path / "a.log"
    log.write_bytes(b"".join("".join(line).encode() + b"\n" for line in lines))
    document, matcher = Document(log), Matcher(wanted)
    document.poll()
    document.work(1)
    scan = Scan(document, matcher, start, direction)
    with patch.object(scans, "_AT_ONCE", at_once):
        while scan.work(0):
            pass
    shown = [text_of(document.line(n).data) for n in range(document.lines)]
    assert list(scan.hits) == [n for n, text in enumerate(shown) if matcher.matches(text)]
    assert scan.complete
    document.source.close()


def test_a_file_cut_short_between_looking_and_reading_is_not_an_error(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(b"line\n" * 50_000)
    document = Document(log)
    document.poll()
    document.work(1)
    scan = Scan(document, Matcher("line"))
    with log.open("r+b") as file:
        file.truncate(7)
    for number in (0, 1, 2, 30_000, 49_999):
        document.line(number)
    while scan.work(0):
        pass
    assert document.poll()
    document.work(1)
    assert document.lines == 2
    scan.work(1)
    assert list(scan.hits) == [0]
    document.source.close()
