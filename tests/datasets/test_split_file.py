"""A split that one writes and another reads: what repeats, and what is refused."""

import io
from pathlib import Path

import numpy as np
import pytest

from iqa_train.datasets.catalogue import load_table
from iqa_train.datasets.split_file import write_split
from iqa_train.datasets.splits import fingerprint, split_origin, split_table
from iqa_train.datasets.table import ImageTable, Split
from iqa_train.errors import DataError
from iqa_train.study.spec import DataSource, split_digest
from tests.datasets.miniatures import COUNT, MINIATURES, scene_of


@pytest.fixture
def kadid(tmp_path: Path) -> Path:
    MINIATURES["kadid-10k"].build(tmp_path / "kadid-10k")
    return tmp_path / "kadid-10k"


def table_with(root: Path, split: Path | None = None, name: str = "kadid-10k", digest: str = "") -> ImageTable:
    return load_table(name, DataSource(path=str(root), split=str(split or ""), split_digest=digest))


def exported(table: ImageTable, seed: int, path: Path) -> Split:
    split = split_table(table, seed)
    file = io.StringIO()
    write_split(table, split, file)
    path.write_text(file.getvalue())
    return split


def same(one: Split, other: Split) -> bool:
    return all(
        np.array_equal(a, b) for a, b in ((one.train, other.train), (one.val, other.val), (one.test, other.test))
    )


def test_a_split_that_is_exported_and_imported_is_the_same_whatever_the_seed(kadid: Path, tmp_path: Path) -> None:
    path = tmp_path / "split.csv"
    split = exported(table_with(kadid), 7, path)
    assert path.read_text().startswith("image,split,reference\n")
    table = table_with(kadid, path)
    assert not same(split, split_table(table_with(kadid), 8))
    assert same(split, split_table(table, 8))
    assert fingerprint(table, split) == fingerprint(table_with(kadid), split)
    assert split_origin(table) == f"split of {path}, digest {split_digest(path)}"


def test_a_split_of_images_in_one_folder_holds_for_the_same_in_several(tmp_path: Path) -> None:
    for layout in ("csiq", "csiq in folders"):
        MINIATURES[layout].build(tmp_path / layout)
    path = tmp_path / "split.csv"
    split = exported(table_with(tmp_path / "csiq", name="csiq"), 3, path)
    table = table_with(tmp_path / "csiq in folders", path, name="csiq")
    assert {image.rpartition("/")[0] for image in table.images} == {"awgn", "jpeg", "jpeg2000"}
    assert same(split, split_table(table, 4))


def test_an_official_split_gives_way(tmp_path: Path) -> None:
    MINIATURES["koniq-10k"].build(tmp_path / "koniq")
    path = tmp_path / "split.csv"
    rows = [f"{k}.jpg,{'test' if k < 3 else 'train'}" for k in range(COUNT)]
    path.write_bytes(("\ufeffimage,split\r\n" + "\r\n".join(rows) + "\r\n").encode())
    table = table_with(tmp_path / "koniq", path, name="koniq-10k")
    split = split_table(table, 1)
    assert split.test.tolist() == [0, 1, 2]
    assert len(split.val) == round((COUNT - 3) / 8)
    assert "validation images taken from training by seed, image by image" in split_origin(table)


def test_references_in_the_file_keep_validation_apart_where_the_set_has_none(tmp_path: Path) -> None:
    MINIATURES["spaq"].build(tmp_path / "spaq")
    path = tmp_path / "split.csv"
    rows = [f"{k:05d}.jpg,{'test' if k < 3 else 'train'},scene{scene_of(k)}" for k in range(COUNT)]
    path.write_text("image,split,reference\n" + "\n".join(rows))
    table = table_with(tmp_path / "spaq", path, name="spaq")
    split = split_table(table, 1)
    assert {scene_of(k) for k in split.val.tolist()}.isdisjoint({scene_of(k) for k in split.train.tolist()})


def complaint(root: Path, path: Path, digest: str = "") -> str:
    with pytest.raises(DataError) as caught:
        table_with(root, path, digest=digest)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_not_a_split_of_the_set_is_refused(kadid: Path, tmp_path: Path) -> None:
    path = tmp_path / "split.csv"
    assert "there is no such file" in complaint(kadid, path)
    exported(table_with(kadid), 7, path)
    whole = path.read_text().splitlines()
    for lines, says in [
        ([*whole, "I99_01_01.png,train,I99.png"], 'lists image "I99_01_01.png", not in data set "kadid-10k"'),
        (
            whole[:-2],
            f'has no row for images "{whole[-2].split(",")[0]}" and "{whole[-1].split(",")[0]}" of data set',
        ),
        ([*whole, whole[-1]], "keep one row per image"),
        ([*whole, whole[-1].replace("I0", "i0", 1)], "are the same image"),
        ([line.replace(",train,", ",learn,") for line in whole], '"learn" in the column "split" is not a split'),
        ([line.replace(",test,", ",train,") for line in whole], 'no image is in the split "test"'),
        ([line.replace(",train,", ",val,") for line in whole], 'no image is in the split "train"'),
        ([whole[0].replace("split", "part"), *whole[1:]], 'no column "split"'),
        (whole[:1], "but no image"),
    ]:
        path.write_text("\n".join(lines) + "\n")
        assert says in complaint(kadid, path)


def test_another_split_under_the_same_name_is_noticed(kadid: Path, tmp_path: Path) -> None:
    path = tmp_path / "split.csv"
    exported(table_with(kadid), 7, path)
    before = split_digest(path)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert split_digest(path) == before  # line ends are no difference
    assert len(table_with(kadid, path, digest=before)) == COUNT
    exported(table_with(kadid), 8, path)
    assert "is not the split that this run was queued with" in complaint(kadid, path, digest=before)
