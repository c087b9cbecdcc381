"""Files of predictions made elsewhere: which are read and lined up with a data set, and which are refused, and why."""

from pathlib import Path

import numpy as np
import pytest

from iqa_train.datasets import outside_predictions
from iqa_train.datasets.outside_predictions import OutsideColumns, line_up, read_outside
from iqa_train.datasets.table import ImageTable
from iqa_train.errors import DataError

TABLE = ImageTable("koniq-10k", Path("x"), tuple(f"1024x768/{k:05}.jpg" for k in range(6)), np.arange(6.0), (0, 5))
TEST = [1, 4]


def values(path: Path, text: str, encoding: str = "utf-8", **columns: str) -> list[float]:
    path.write_bytes(text.encode(encoding))
    return line_up(read_outside(path, OutsideColumns(**columns)), TABLE, TEST, "test images").predictions.tolist()


@pytest.mark.parametrize(
    ("text", "encoding", "columns"),
    [
        ("image,prediction\n00001.jpg,3.5\n00004.jpg,4\n", "utf-8", {}),
        ("Image Path, Predicted-Score \n00001.jpg,3.5\n00004.jpg,4\n", "utf-8", {}),
        ("image;prediction\n00004;4\n00001;3,5\n", "utf-8-sig", {}),
        ("Filename\tMOS\tPred\nx/00004.JPG\t1\t4.0\nx/00001.JPG\t2\t3.5\n", "utf-16", {}),
        ("id,mine,prediction\n00001,3.5,0\n00004,4,0\n", "utf-8", {"image": "id", "prediction": "mine"}),
        ("image,prediction\n00004,4 %\n00001,3.5%\n", "utf-8", {}),
        ('image,prediction,answer\n00001,3.5,"Good,\n\nbut ""blurry"".\nScore: 3"\n00004,4,"x"\n', "utf-8", {}),
        ("image,prediction\nother.png,9\n00003,9\n00001,3.5\n00004,4\n00005,9\n", "utf-8", {}),
    ],
    ids=[
        "plain",
        "spaces in headings",
        "semicolons",
        "UTF-16 with tabs",
        "named columns",
        "percent",
        "answers",
        "superset",
    ],
)
def test_files_as_people_have_them(text: str, encoding: str, columns: dict[str, str], tmp_path: Path) -> None:
    assert values(tmp_path / "mine.csv", text, encoding, **columns) == [3.5, 4.0]


@pytest.mark.parametrize("text", ["00001.jpg,3.5\n00004.jpg,4\n", "00001.jpg;3\n00004.jpg;4\n"])
def test_a_file_without_headings_is_called_that(text: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="seems to be an image already; expected: a first row that names the columns"):
        values(tmp_path / "mine.csv", text)


def test_rows_of_other_images_and_unknown_names_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("image,prediction,mos\nother.png,9,1\n00003,9,3\n00001,3.5,1\n00004,4,4\n")
    found = line_up(read_outside(path), TABLE, TEST, "test images")
    assert (found.elsewhere, found.unknown) == (1, ("other.png",))
    assert found.scores is not None
    assert found.scores.tolist() == [1.0, 4.0]


HEAD = "image,prediction\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (HEAD + "00001,1\n", 'has 1 of the 2 test images of "koniq-10k".*missing is "1024x768/00004.jpg"'),
        (HEAD + "00001,1\n00004,2\na/00001.png,3\n", r"00001.jpg\" is in rows 2 and 4 with different predictions"),
        (HEAD + "00001,1\n00004,2\n00001,1\n", "in rows 2 and 4 with the same prediction; keep one"),
        (HEAD + "a,1\nb,2\n", 'none of its 2 names is an image of "koniq-10k": it has "a" and "b"'),
        (HEAD + "00001,-1e308\n00004,2\n", 'row 2: -1e\\+308 in the column "prediction" is too large for a prediction'),
        (HEAD + "00001,nan\n00004,2\n", 'row 2: "nan" in the column "prediction" is not a finite number'),
        (HEAD + "00001,1\n00004,-inf\n", 'row 3: "-inf" in the column'),
        (HEAD + "00001,1\n00004,\n", 'row 3: the column "prediction" is empty'),
        (HEAD + "00001,%\n00004,2%\n", 'row 2: the column "prediction" is empty'),
        (HEAD + "00001,85%\n00004,2\n", "write it without the percent sign"),
        ("00001.jpg,1\n00004.jpg,2\n", 'its first row, "00001.jpg" and "1", seems to be an image already'),
        ("image,score\n00001,1\n00004,2\n", 'no column "prediction".*name it with --prediction-column'),
        ("name,file,pred\na,00001,1\n", 'say which with --image-column'),
        ("image,prediction,seed\n00001,1,0.5\n", 'row 2: 0.5 in the column "seed" is not a seed'),
        ("image,prediction,split\n00001,1,tset\n", 'row 2: "tset" in the column "split" is not a split'),
        ("\x00\x01\x02\x03", "is not text|is not a table|no lines"),
        ("", "the file is empty"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_with_the_row(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=says):
        values(tmp_path / "mine.csv", text)


def test_a_name_that_two_images_have_is_refused(tmp_path: Path) -> None:
    table = ImageTable("live", Path("x"), ("jp2k/img1.bmp", "jpeg/img1.bmp"), np.arange(2.0), (0, 1))
    path = tmp_path / "mine.csv"
    path.write_text("image,prediction\nimg1.bmp,1\n")
    with pytest.raises(DataError, match=r'row 2: "img1.bmp" may be "jp2k/img1.bmp" and "jpeg/img1.bmp".*their folder'):
        line_up(read_outside(path), table, [0, 1], "test images")


def test_one_column_cannot_have_two_meanings(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("image,score,prediction\n00001,1,2\n")
    with pytest.raises(DataError, match='"score" cannot be both the prediction and the score'):
        read_outside(path, OutsideColumns(prediction="score"))


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "video.csv"
    with path.open("wb") as file:
        file.truncate(outside_predictions.MOST_BYTES + 1)
    with pytest.raises(DataError, match=r"0\.1 GiB, too much for a table of predictions"):
        read_outside(path)
