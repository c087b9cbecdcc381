"""Notes and tags of a run: read as written, never lost to a damaged file, and kept short."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from iqa_train.errors import RunError, UsageError
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.notes import Notes, change_tags, notes_of, set_note


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = tmp_path / "runs" / "small" / "A1" / "s42-0123456789"
    folder.mkdir(parents=True)
    return RunFolder(folder)


def test_they_are_read_as_they_were_written_and_gone_with_the_last_of_them(run: RunFolder) -> None:
    assert notes_of(run) == Notes()
    set_note(run, "  loss spikes\nat epoch 3 ")
    change_tags(run, ["final", "v2", "final"])
    assert notes_of(run) == Notes("loss spikes at epoch 3", ("final", "v2"))
    assert notes_of(run).lines == ["note: loss spikes at epoch 3", "tags: final, v2"]
    change_tags(run, ["x"], ["final", "v2", "never there"])
    assert notes_of(run).tags == ("x",)
    set_note(run, "")
    change_tags(run, remove=["x"])
    assert not run.notes.exists()


@pytest.mark.parametrize("tag", ["", "two words", "a,b", "x" * 41, "\x1b[2J"])
def test_what_is_no_word_is_no_tag(run: RunFolder, tag: str) -> None:
    with pytest.raises(UsageError, match="cannot be a tag: one word"):
        change_tags(run, [tag])
    assert notes_of(run) == Notes()


def test_too_much_is_refused(run: RunFolder) -> None:
    with pytest.raises(UsageError, match="a note has at most 1000 characters; this one has 1001"):
        set_note(run, "x" * 1001)
    with pytest.raises(UsageError, match="a run has at most 20 tags; it would have 21"):
        change_tags(run, [str(n) for n in range(21)])


@pytest.mark.parametrize("content", ["{", "[]", '{"note": 1, "tags": []}', '{"note": "", "tags": [1]}', '{"tags": []}'])
def test_a_damaged_file_is_named_and_not_replaced(run: RunFolder, content: str) -> None:
    run.notes.write_text(content)
    assert str(run.notes) in notes_of(run).problem
    with pytest.raises(RunError, match="repair or remove it"):
        set_note(run, "anew")
    assert run.notes.read_text() == content


def test_of_several_who_tag_at_once_none_is_lost(run: RunFolder) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: change_tags(run, [f"t{n}"]), range(8)))
    assert set(json.loads(run.notes.read_text())["tags"]) == {f"t{n}" for n in range(8)}
