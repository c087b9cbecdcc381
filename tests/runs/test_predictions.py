"""The file of predictions, and the references beside it: written whole, read back, and refused where damaged."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from iqa_train.errors import DataError
from iqa_train.runs.predictions import Predictions, read_predictions, write_predictions
from iqa_train.stats.opinions import Opinions

TABLE = Predictions(
    ("a.jpg", 'b, "c".jpg'), np.array([1.5, 2.25]), np.array([0.1 + 0.2, -3e-17]), references=("r1", "r2")
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    written = tmp_path / "predictions-test.csv"
    write_predictions(written, TABLE)
    return written


def test_what_is_written_is_read_back_to_the_last_digit(path: Path) -> None:
    found = read_predictions(path)
    assert (found.images, found.references) == (TABLE.images, TABLE.references)
    assert (found.scores == TABLE.scores).all() and (found.predictions == TABLE.predictions).all()


def test_the_file_that_programs_read_has_its_three_columns_and_references_are_beside_it(path: Path) -> None:
    assert path.read_text().splitlines()[0] == "image,score,prediction"
    assert (path.parent / "references-test.csv").read_text().splitlines()[:2] == ["image,reference", "a.jpg,r1"]


def test_without_references_there_is_no_such_file_nor_an_earlier_one(path: Path) -> None:
    write_predictions(path, Predictions(TABLE.images, TABLE.scores, TABLE.predictions))
    assert read_predictions(path).references is None
    assert [file.name for file in path.parent.iterdir()] == ["predictions-test.csv"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is no predictions file; its first line is image,score,prediction"),
        ("image,score\n", "is no predictions file"),
        ("image,score,prediction\na.jpg,1,2\na.jpg,1,3\n", "a.jpg is listed twice"),
        ("image,score,prediction\na.jpg,1\n", "line 2 has 2 of 3 values"),
        ("image,score,prediction\na.jpg,1,2,3\n", "line 2 has 4 of 3 values"),
        ("image,score,prediction\na.jpg,1,good\n", "could not convert string to float"),
        ('image,score,prediction\n"a.jpg,1,2\n', "is damaged"),
        ("image,score,prediction\na\x00.jpg,1,2\n", "is damaged"),
        ("image,score,prediction\n\xff.jpg,1,2\n", "is damaged"),
    ],
)
def test_a_damaged_file_is_refused(path: Path, text: str, says: str) -> None:
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=says):
        read_predictions(path)


@pytest.mark.parametrize(
    ("text", "says"),
    [("image,reference\na.jpg,r1\n", r"is damaged: b, .* is not in it"), ("nonsense\n", "is no references file")],
)
def test_damaged_references_are_not_taken_for_none(path: Path, text: str, says: str) -> None:
    (path.parent / "references-test.csv").write_text(text)
    with pytest.raises(DataError, match=says):
        read_predictions(path)


def test_opinions_are_beside_the_predictions_and_read_back_in_their_order(path: Path) -> None:
    write_predictions(path, replace(TABLE, opinions=Opinions(np.array([0.1 + 0.2, 12.5]), np.array([16.0, 104.0]))))
    beside = path.parent / "opinions-test.csv"
    assert beside.read_text().splitlines()[:2] == ["image,sd,votes", "a.jpg,0.30000000000000004,16"]
    head, *rows = beside.read_text().splitlines()
    beside.write_text("\n".join([head, *reversed(rows)]) + "\n")
    found = read_predictions(path).opinions
    assert found is not None
    assert (found.sd.tolist(), found.votes.tolist()) == ([0.1 + 0.2, 12.5], [16.0, 104.0])
    write_predictions(path, TABLE)
    assert read_predictions(path).opinions is None and not beside.exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("image,sd,votes\na.jpg,1,2\n", "is damaged: b, .* is not in it"),
        ("image,sd\na.jpg,1\n", "is no opinions file; its first line is image,sd,votes"),
        ('image,sd,votes\na.jpg,1,2\n"b, ""c"".jpg",wide,2\n', "opinions-test.csv is damaged: could not convert"),
    ],
)
def test_damaged_opinions_are_not_taken_for_none(path: Path, text: str, says: str) -> None:
    (path.parent / "opinions-test.csv").write_text(text)
    with pytest.raises(DataError, match=says):
        read_predictions(path)


def test_a_missing_file_says_that_nothing_was_tested(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is missing; the run has not been tested yet"):
        read_predictions(tmp_path / "predictions-test.csv")
