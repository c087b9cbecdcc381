"""Whatever bytes a log holds, the terminal gets text, colours and nothing else, in the columns it belongs in."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style

from iqa_tui.logview.ansi import pieces, text_of
from tests.tui.logview.log_app import shown

HOSTILE = {
    "title": b"a\x1b]0;owned\x07b",
    "title, ST": b"a\x1b]2;owned\x1b\\b",
    "clipboard": b"a\x1b]52;c;b3duZWQ=\x07b",
    "link": b"a\x1b]8;;http://owned\x1b\\b\x1b]8;;\x1b\\",
    "clear": b"a\x1b[2J\x1b[Hb",
    "alternate screen": b"a\x1b[?1049hb",
    "mouse": b"a\x1b[?1003hb",
    "report": b"a\x1b[6n\x1b[cb",
    "device control": b"a\x1bP$qm\x1b\\b",
    "application command": b"a\x1b_Gowned\x1b\\b",
    "reset": b"a\x1bcb",
    "charset": b"a\x1b(0b",
    "8-bit CSI": b"a\x9b2Jb",
    "8-bit OSC": b"a\x9d0;owned\x9cb",
    "C1 in UTF-8": "a\x9b2Jb".encode(),
    "OSC in UTF-8": "a\x9d0;owned\x9cb".encode(),
    "NEL": "a\x85b".encode(),
    "NUL": b"a\0b",
    "bell, backspace, form feed": b"a\x07\x08\x0c\x0b\x0e\x0fb",
    "DEL": b"a\x7fb",
    "not UTF-8": b"a\xff\xfe\xc0\xaf\xed\xa0\x80b",
    "bidi": "a\u202e\u2066\u202a\u2069\u200fb".encode(),
    "zero width": "a\u200b\u200d\ufeff\u2060b".encode(),
    "lines": "a\u2028\u2029b".encode(),
    "tags": "a\U000e0041\U000e007fb".encode(),
    "zalgo": ("a" + "\u0301" * 99 + "b").encode(),
    "markup": b"a[/][bold][@click=app.quit]b[/]",
    "unterminated": b"a\x1b]0;b",
    "cut short": b"ab\x1b[31",
    "escape alone": b"ab\x1b",
}


def assert_harmless(text: str, but: str = "") -> None:
    bad = {c for c in text if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and c not in but}
    assert not bad, text
    text.encode()


@pytest.mark.parametrize("name", HOSTILE)
def test_only_text_and_colour_are_left(name: str) -> None:
    shown_text = text_of(HOSTILE[name])
    assert_harmless(shown_text)
    assert shown_text[0] == "a"
    assert "b" in shown_text
    if "owned" not in shown_text:
        return
    assert name == "8-bit OSC"  # raw bytes above 0x7f are not UTF-8: shown as such


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    assert_harmless(text_of(data), but="\t\n")
    for piece in pieces(data.replace(b"\n", b"")):
        assert_harmless(piece.text, but="\t")
        assert piece.style.link is None


ESCAPES = st.lists(
    st.sampled_from(
        ["\x1b", "[", "]", "P", "\\", "m", "31", ";", "38:2::1:2:3", "48;5;9", "\x9b", "\x9d", "\x07", "\t", "x", "試"]
    )
)


@given(ESCAPES)
def test_any_sequences(parts: list[str]) -> None:
    data = "".join(parts).encode()
    assert_harmless("".join(piece.text for piece in pieces(data)), but="\t")
    assert text_of(data) == "".join(piece.text for piece in pieces(data))


def test_colours_are_kept() -> None:
    assert [
        (p.text, p.style) for p in pieces(b"a\x1b[1;31mb\x1b[0mc\x1b[38;5;200md\x1b[48;2;1;2;3me\x1b[mf\x1b[92mg")
    ] == [
        ("a", Style()),
        ("b", Style(bold=True, color="color(1)")),
        ("c", Style()),
        ("d", Style(color="color(200)")),
        ("e", Style(color="color(200)", bgcolor="#010203")),
        ("f", Style()),
        ("g", Style(color="color(10)")),
    ]
    assert pieces(b"\x1b[38:2::9:8:7mx")[0].style == Style(color="#090807")
    assert pieces(b"\x1b[8;5mx")[0].style == Style()  # nothing concealed, nothing blinks
    assert pieces(b"\x1b[38;5;999;1mx")[0].text == "x"


async def test_cells_between_tabs_line_up(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    rows = ["試\tx", "\x1b[31ma\x1b[0m\tx", "\tindented", "five5\tx", "e\u0301\t\tx", "a\tb\tc"]
    log.write_text("".join(f"{row}\n" for row in rows))
    async with shown(log) as screen:
        assert screen.lines()[:6] == [
            "試     x",
            "a      x",
            "        indented",
            "five5  x",
            "e\u0301      x",
            "a  b  c",
        ]
        with log.open("a") as file:
            file.write("a longer one\tx\n" + "x" * 50 + "\tx\n")  # columns get wider, but one cell does not make them
        await screen.until(lambda: screen.lines()[0] == "試            x")
        assert screen.lines()[6:8] == ["a longer one  x", "x" * 50 + "  x"]


async def test_all_of_it_on_a_screen(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(b"\n".join(HOSTILE.values()) + b"\n")
    async with shown(log, size=(60, len(HOSTILE) + 2), title="[/]\x1b[2J") as screen:
        strips = screen.app.screen._compositor.render_strips()
        for strip in strips:
            assert_harmless("".join(segment.text for segment in strip))
            assert sum(cell_len(segment.text) for segment in strip) == 60
            assert not any(segment.control for segment in strip)
        assert "a[/][bold][@click=app.quit]b[/]" in screen.lines()
        assert screen.status().startswith("[/]\\u001b[2J")
        await screen.typed("slash", "[/]")
        assert "/[/] " in screen.status()
        await screen.press("slash")  # what holds now is in the prompt


async def test_wide_characters_are_never_cut_in_two(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("x" + "試" * 70 + "\n" + "e\u0301" * 130 + "\n")
    async with shown(log) as screen:
        await screen.press("w")
        lines = screen.lines()
        assert lines[0] == "x" + "試" * 29
        assert [cell_len(line) for line in lines[:6]] == [59, 58, 24, 59, 59, 12]
        assert "".join(lines[:3]) == "x" + "試" * 70
        assert "".join(lines[3:6]) == "e\u0301" * 130


async def test_a_progress_bar_is_one_line_in_its_last_state(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    bar = b"".join(b"\r%3d%%|####| %d/1000" % (n // 10, n) for n in range(1001))
    log.write_bytes(b"before\n" + bar + b"\nafter\r\n" + bar[: len(bar) // 2].rpartition(b"\r")[0])
    async with shown(log) as screen:
        lines = screen.lines()
        assert lines[:3] == ["before", "100%|####| 1000/1000", "after"]
        assert lines[3].startswith(" 50%|####| 5")
        assert screen.view.status.lines == 4
        with log.open("ab") as file:
            file.write(b"\r 77%|#### | 770/1000")
        await screen.until(lambda: screen.lines()[3] == " 77%|#### | 770/1000")
        await screen.typed("slash", "50%")  # a state that is seen no more is not found
        assert "/50% 0/0" in screen.status()


async def test_lines_of_ten_megabytes(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    with log.open("wb") as file:
        for letter in b"abc":
            file.write(bytes([letter]) * 10_000_000 + b"\n")
        file.write(b"\0" * 10_000_000)
    async with shown(log) as screen:
        assert [line[:3] for line in screen.lines()[:4]] == ["aaa", "bbb", "ccc", "␀␀␀"]
        assert screen.view.status.lines == 4
        await screen.typed("slash", "bbb")
        assert "/bbb 1/1" in screen.status()
        await screen.press("w", "end")
        assert screen.lines()[-1].endswith(" … 10.0 MB more")


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(min_size=1000, max_size=20000))
def test_a_binary_file_on_a_screen(tmp_path: Path, data: bytes) -> None:
    import asyncio

    async def look() -> None:
        log = tmp_path / "a.bin"
        log.write_bytes(data)
        async with shown(log) as screen:
            for line in screen.all_lines():
                assert_harmless(line)
                assert cell_len(line) == 60

    asyncio.run(look())
