"""The tracker changes nothing outside its markers."""

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iqa_train.errors import UsageError
from iqa_train.report.tracker import TrackerError, update_tracker, with_block

BEGIN, END = b"<!-- iqa-train:begin %s -->", b"<!-- iqa-train:end %s -->"
notes = st.one_of(
    st.binary(max_size=60), st.text(max_size=40).map(lambda t: t.encode()), st.just(b"line\r\nline\r\n"), st.just(b"")
).filter(lambda b: b"iqa-train" not in b and not b.startswith((b"\xff\xfe", b"\xfe\xff")) and b"<!--" not in b)
texts = st.text(st.characters(exclude_characters="\r\n<", exclude_categories=["Cs"]), max_size=30)


def block(study: bytes, inner: bytes = b"old") -> bytes:
    return (BEGIN % study) + b"\n" + inner + b"\n" + (END % study)


@given(notes, notes, notes, texts)
def test_a_persons_bytes_are_kept_and_a_second_update_changes_none(
    before: bytes, between: bytes, after: bytes, text: str
) -> None:
    before, between = before + b"\n", between + b"\n"  # a marker stands at the beginning of a line
    old = before + block(b"one") + between + block(b"two") + after
    new = with_block(old, "two", text)
    assert new.startswith(before + block(b"one") + between + (BEGIN % b"two"))
    assert new.endswith((END % b"two") + after)
    assert text.strip("\n").encode() in new
    assert with_block(new, "two", text) == new


@given(notes, texts, texts)
def test_a_new_study_is_added_at_the_end(before: bytes, text: str, later: str) -> None:
    new = with_block(before, "one", text)
    assert new.startswith(before)
    both = with_block(new, "two", later)
    assert both.startswith(new)
    assert with_block(both, "one", text) == both
    assert with_block(with_block(both, "one", "other"), "one", text) == both


def test_bytes_that_are_not_text_become_question_marks() -> None:
    assert b"caf?" in with_block(b"", "one", "caf\udce9")


def test_lines_end_as_the_files_own_do() -> None:
    new = with_block(b"# Notes\r\n\r\nmine\r\n", "one", "a\nb")
    assert new.count(b"\n") == new.count(b"\r\n")
    assert b"\r" not in with_block(b"# Notes\nmine", "one", "a\nb")


def test_a_new_file_has_a_heading(tmp_path: Path) -> None:
    path = tmp_path / "T.md"
    assert update_tracker(path, "one", "text")
    assert path.read_bytes() == b"# Experiments\n\n" + block(b"one", b"text") + b"\n"
    touched = path.stat().st_mtime_ns
    assert not update_tracker(path, "one", "text")
    assert path.stat().st_mtime_ns == touched


DAMAGED = {
    "no end": (BEGIN % b"one") + b"\nmine\n",
    "no end before the next": (BEGIN % b"one") + b"\nmine\n" + block(b"two"),
    "no beginning": b"mine\n" + (END % b"one"),
    "nested": (BEGIN % b"one") + block(b"two") + (END % b"one"),
    "twice": block(b"one") + b"\n" + block(b"one"),
    "another's end": (BEGIN % b"one") + b"\n" + (END % b"two"),
    "a marker cut short": block(b"one") + b"\n<!-- iqa-train:end one",
    "a marker that is half one": block(b"one").replace(b"end one", b"end"),
    "another study's": block(b"one") + b"\n" + (BEGIN % b"two"),
    "UTF-16": "notes".encode("utf-16"),
}


@pytest.mark.parametrize("damaged", DAMAGED.values(), ids=list(DAMAGED))
def test_a_damaged_file_is_refused_in_one_sentence_and_stays_as_it_is(tmp_path: Path, damaged: bytes) -> None:
    path = tmp_path / "T.md"
    path.write_bytes(damaged)
    with pytest.raises(TrackerError) as raised:
        update_tracker(path, "one", "new")
    assert "\n" not in str(raised.value)
    assert str(path) in str(raised.value)
    assert path.read_bytes() == damaged
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "notes",
    [
        b"How it works:\n\n```\n" + block(b"one", b"mine") + b"\n```\n",
        b"~~~~ text\r\n" + block(b"one", b"mine") + b"\r\n~~~~\r\n",
        b"It writes between `<!-- iqa-train:begin one -->` and `<!-- iqa-train:end one -->`.\n",
        b"    <!-- iqa-train:begin one -->\n    mine\n    <!-- iqa-train:end one -->\n",
    ],
)
def test_markers_that_a_person_shows_as_code_are_not_taken_for_ours(notes: bytes) -> None:
    with pytest.raises(TrackerError, match=r"on a line by itself and outside code.*nothing was changed"):
        with_block(notes, "one", "text")


def test_markers_between_blocks_of_code_are_ours() -> None:
    before, after = b"```\nlr = 1\n```\n", b"\n```\nlr = 2\n```\n"
    assert with_block(before + block(b"one") + after, "one", "new") == before + block(b"one", b"new") + after
    assert with_block(b"\xef\xbb\xbf" + block(b"one"), "one", "new") == b"\xef\xbb\xbf" + block(b"one", b"new")


def test_the_sentence_names_the_line() -> None:
    with pytest.raises(TrackerError, match=r'T\.md, line 3: the end marker of "one" is missing'):
        with_block(b"a\nb\n" + (BEGIN % b"one"), "one", "x", "T.md")


def test_a_link_stays_a_link_and_a_mode_a_mode(tmp_path: Path) -> None:
    real, link = tmp_path / "real.md", tmp_path / "link.md"
    real.write_bytes(b"mine\n")
    real.chmod(0o664)
    link.symlink_to(real)
    assert update_tracker(link, "one", "text")
    assert link.is_symlink()
    assert real.read_bytes().startswith(b"mine\n")
    assert real.stat().st_mode & 0o777 == 0o664


@pytest.mark.parametrize("place", ["missing/T.md", "folder"])
def test_an_unwritable_tracker_is_one_sentence(tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(TrackerError, match="cannot be updated"):
        update_tracker(tmp_path / place, "one", "x")


def test_a_name_that_would_break_the_markers_is_refused() -> None:
    with pytest.raises(UsageError):
        with_block(b"", "a --> b", "x")


def test_studies_that_end_together_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "T.md"
    studies = [f"s{k}" for k in range(8)]
    threads = [threading.Thread(target=update_tracker, args=(path, study, study)) for study in studies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(block(s.encode(), s.encode()) in path.read_bytes() for s in studies)
