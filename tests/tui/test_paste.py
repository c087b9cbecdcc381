"""What is pasted reaches the console as one piece of text and presses no key, in whatever pieces it comes."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from textual.events import Key, Paste

from iqa_tui.paste import PasteParser

START, END = "\x1b[200~", "\x1b[201~"
PASTES = st.text(st.sampled_from("\x1b[]201~;mxqé\x9b\x00\n0"), max_size=40).filter(lambda text: END not in text)
KEYS = st.text(st.sampled_from("abq12[~"), max_size=5)


def events_of(*pieces: str) -> list[str]:
    """Each key as it is, each paste as `<text>`."""
    parser = PasteParser()
    found = [event for piece in pieces for event in parser.feed(piece)]
    return [f"<{e.text}>" if isinstance(e, Paste) else str(e.character) for e in found if isinstance(e, Key | Paste)]


@given(KEYS, PASTES, KEYS, st.lists(st.integers(1, 60), max_size=6))
def test_a_paste_is_text_and_what_is_around_it_keys(before: str, paste: str, after: str, cuts: list[int]) -> None:
    stream = f"{before}{START}{paste}{END}{after}"
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[a:b] for a, b in pairwise(edges) if b > a]
    clean = paste.replace("\x1b", "").replace("\x00", "")
    expected = [*before, f"<{clean}>", *after]
    assert [word for word in events_of(*pieces) if word != "<>"] == [word for word in expected if word != "<>"]


def test_an_escape_sequence_that_is_pasted_presses_no_key() -> None:
    assert events_of(f"{START}he\x1b[31mllo\x1b[8;10;10t{END}q") == ["<he[31mllo[8;10;10t>", "q"]


def test_two_pastes_and_an_escape_key_before_one() -> None:
    assert events_of(f"\x1b{START}one{END}{START}two{END}") == ["\x1b", "<one>", "<two>"]
