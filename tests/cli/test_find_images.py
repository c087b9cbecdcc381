"""Which files of a folder are pictures, and what is said of a folder without any."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from iqa_train.cli.find_images import find_images
from iqa_train.datasets.image_files import SUFFIXES
from iqa_train.datasets.images.decode import decode, read_header
from iqa_train.errors import UsageError


def found(*words: Path) -> tuple[list[str], list[str]]:
    """The names of the pictures, and the notes; nothing may be complained of."""
    notes: list[str] = []

    def complain(sentence: str) -> None:
        raise AssertionError(sentence)

    return [Path(name).name for name in find_images([str(word) for word in words], complain, notes.append)], notes


def test_every_format_that_is_decoded_is_found_under_each_of_its_endings(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    expected = []
    for form, suffixes in SUFFIXES.items():
        file = io.BytesIO()
        Image.init()
        if form in Image.SAVE:
            Image.fromarray(pixels).save(file, form)
        for suffix in suffixes:
            for name in (f"{form}{suffix}", f"{form}2{suffix.upper()}"):
                (tmp_path / name).write_bytes(file.getvalue())
                expected.append(name)
                if file.getvalue():
                    assert decode(tmp_path / name).size == read_header(tmp_path / name).size
    assert found(tmp_path) == (sorted(expected), [])


def test_what_is_hidden_is_skipped_in_folders_but_not_by_name(tmp_path: Path) -> None:
    (tmp_path / "sub" / ".thumbs").mkdir(parents=True)
    for name in (".a.png", "b.png", "c.txt", "sub/d.PNG", "sub/.thumbs/e.png", "png", "archive.png.zip"):
        (tmp_path / name).touch()
    assert found(tmp_path) == (["b.png", "d.PNG"], [])
    assert found(tmp_path / ".a.png", tmp_path / "c.txt", tmp_path) == ([".a.png", "c.txt", "b.png", "d.PNG"], [])


def test_a_folder_without_a_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty" / "deeper").mkdir(parents=True)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a.jfif").touch()
    names, notes = found(tmp_path / "full", tmp_path / "empty")
    assert names == ["a.jfif"]
    assert notes == [f"no images in {tmp_path / 'empty'}"]
    with pytest.raises(UsageError, match=r"no images in .*empty; .* extensions: \.apng, "):
        found(tmp_path / "empty")
