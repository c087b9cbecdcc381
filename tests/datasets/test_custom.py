from pathlib import Path

import pytest
from pydantic import ValidationError

from iqa_train.datasets.catalogue import folder_of, load_table
from iqa_train.datasets.table import ImageTable
from iqa_train.datasets.tables.csv_table import read_csv
from iqa_train.errors import DataError
from iqa_train.study.spec import DataSource
from tests.datasets.dataset_files import picture, write_csv

SOURCE = DataSource(csv="labels.csv", score_range=(0, 10))


def own(root: Path, rows: list[tuple[object, ...]], header: tuple[str, ...] = ("image", "score")) -> Path:
    write_csv(root / "labels.csv", header, rows)
    for i, row in enumerate(rows):
        picture(root / str(row[0]), i)
    return root


def test_every_column(tmp_path: Path) -> None:
    header = ("file", "grade", "spread", "raters", "part", "scene")
    parts = ["Training", "train", "VALID", "validation", "Test", "test"]
    rows = [(f"s{i // 2}/{i}, a.png", i, 0.5, 20 + i, part, f"scene {i // 2}") for i, part in enumerate(parts)]
    write_csv(tmp_path / "labels.csv", header, rows)
    for i, row in enumerate(rows):
        picture(tmp_path / "pics" / str(row[0]), i)
    source = SOURCE.model_copy(
        update={
            "image_dir": "pics",
            "image_column": "file",
            "score_column": "grade",
            "sd_column": "spread",
            "votes_column": "raters",
            "split_column": "part",
            "reference_column": "scene",
        }
    )
    table = load_table("mine", source, str(tmp_path))
    assert table.images[2] == "s1/2, a.png"
    assert table.splits == ("train", "train", "val", "val", "test", "test")
    assert table.references == ("scene 0", "scene 0", "scene 1", "scene 1", "scene 2", "scene 2")
    assert table.opinions is not None
    assert table.opinions.sd.tolist() == [0.5] * 6
    assert table.opinions.votes.tolist() == [20, 21, 22, 23, 24, 25]
    assert table.resize is None


def test_lower_is_better_is_turned_round(tmp_path: Path) -> None:
    own(tmp_path, [("a.png", 1), ("b.png", 9)])
    table = load_table("mine", SOURCE.model_copy(update={"higher_is_better": False}), str(tmp_path))
    assert table.scores.tolist() == [9, 1]
    assert not table.higher_is_better


def counted(tmp_path: Path, *rows: tuple[object, ...], better: bool = True) -> ImageTable:
    own(tmp_path, [(f"{i}.png", i, *row) for i, row in enumerate(rows)], ("image", "score", "bad", "fair", "good"))
    columns = ("bad", "fair", "good") if better else ("good", "fair", "bad")
    source = SOURCE.model_copy(update={"distribution_columns": columns, "higher_is_better": better})
    return load_table("mine", source, str(tmp_path))


def test_distributions_are_shares_from_the_worst_category_to_the_best(tmp_path: Path) -> None:
    rows = [(2, 1, 1), (0.25, 0.75, 0), (0, 0, 7)]
    expected = [[0.5, 0.25, 0.25], [0.25, 0.75, 0], [0, 0, 1]]
    for better in (True, False):  # the lowest score is listed first, and is the best where lower is better
        table = counted(tmp_path, *rows, better=better)
        assert table.distribution is not None
        assert table.distribution.tolist() == expected


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ((1, -2, 3), r"labels.csv, row 3: fair -2 is negative, and is to be the number or the share"),
        ((0, 0, 0), r"labels.csv, row 3: bad, fair, good are all 0; give each image"),
        ((1, "many", 0), r'row 3: "many" in the column "fair" is not a finite number'),
    ],
)
def test_distributions_that_make_no_sense_are_refused(tmp_path: Path, row: tuple[object, ...], says: str) -> None:
    with pytest.raises(DataError, match=says):
        counted(tmp_path, (1, 1, 1), row)


@pytest.mark.parametrize("columns", [("bad",), ("bad", "good", "bad")])
def test_a_distribution_has_two_columns_or_more(columns: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match="two columns or more, each once"):
        DataSource(csv="labels.csv", score_range=(0, 10), distribution_columns=columns)


def test_byte_order_mark_line_ends_and_blank_lines(tmp_path: Path) -> None:
    own(tmp_path, [("a.png", 1), ("b.png", 9)])
    (tmp_path / "labels.csv").write_bytes(b'\xef\xbb\xbfimage , score\r\n"a.png", 1 \r\n\r\nb.png,9\r\n')
    assert load_table("mine", SOURCE, str(tmp_path)).scores.tolist() == [1, 9]


def test_damage(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    with pytest.raises(DataError, match=r"labels.csv: there is no such file"):
        read_csv(path)
    for content, message in [
        (b"", "the file is empty"),
        (b"image,score\n", "but no image"),
        (b"image;mos\na;1\n", 'no column "score"; its columns are image, mos'),
        (b"image,image\na,1\n", 'two columns are called "image"'),
        (b"\xff\xfe\x00image", "cannot be read as a UTF-8 CSV"),
        (b"image,mos\na,1\n", 'no column "score"; its columns are image, mos'),
    ]:
        path.write_bytes(content)
        with pytest.raises(DataError, match=message):
            read_csv(path, ("image", "score"))


def test_missing_folders(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no such folder; set path in \[datasets.mine\]"):
        load_table("mine", SOURCE, str(tmp_path / "nowhere"))
    own(tmp_path, [("a.png", 1), ("b.png", 9)])
    with pytest.raises(DataError, match="correct image_dir"):
        load_table("mine", SOURCE.model_copy(update={"image_dir": "pics"}), str(tmp_path))


def test_score_outside_the_declared_range_names_the_row(tmp_path: Path) -> None:
    own(tmp_path, [("a.png", 1), ("b.png", 11)])
    with pytest.raises(DataError, match="row 3: score 11 is outside the score range 0 to 10"):
        load_table("mine", SOURCE, str(tmp_path))


PARTS = DataSource(csv="labels.csv", score_range=(0, 10), split_column="part", reference_column="scene")


def parted(root: Path, rows: list[tuple[str, str]]) -> tuple[str, ...]:
    """Notes on a set of images in these splits of these scenes."""
    listed = [(f"{k}.png", k, part, scene) for k, (part, scene) in enumerate(rows)]
    return load_table("mine", PARTS, str(own(root, listed, ("image", "score", "part", "scene")))).notes


def test_a_reference_in_two_splits_is_reported(tmp_path: Path) -> None:
    rows = [("train", "sea"), ("train", "wood"), ("test", "wood"), ("val", "hill"), ("test", "hill"), ("val", "town")]
    (note,) = parted(tmp_path, rows)
    assert note.startswith('reference "wood" has images in train and test (2 of 4 references are in several splits)')


def test_references_within_one_split_are_not_reported(tmp_path: Path) -> None:
    rows = [("train", "sea"), ("train", "sea"), ("test", "wood"), ("val", "hill"), ("test", "wood"), ("val", "hill")]
    assert parted(tmp_path, rows) == ()


def test_a_single_image_is_reported_as_such(tmp_path: Path) -> None:
    own(tmp_path, [("a.png", 0)])
    with pytest.raises(DataError, match='"mine" has one image, so there is nothing to rank'):
        load_table("mine", SOURCE, str(tmp_path))


def test_names(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r'unknown data set "konik-10k".*did you mean "koniq-10k"') as caught:
        load_table("konik-10k", DataSource(), str(tmp_path))
    assert "[datasets.konik-10k]" in str(caught.value)


def test_the_folder_of_a_set_is_found() -> None:
    assert folder_of("x", "", DataSource()) == Path("data/x")
    assert folder_of("x", "", DataSource(path="there")) == Path("there")
    assert folder_of("x", "here", DataSource(path="there")) == Path("here")
    assert folder_of("x", "~/here", DataSource()) == Path.home() / "here"
