import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from iqa_train.datasets.catalogue import load_table
from iqa_train.datasets.image_files import require_images
from iqa_train.datasets.published import koniq as koniq_10k
from iqa_train.errors import DataError
from iqa_train.study.spec import DataSource
from tests.datasets.dataset_files import picture, write_csv

SETS = "koniq10k_distributions_sets.csv"
SCORES = "koniq10k_scores_and_distributions.csv"


def scores_csv(root: Path, n: int = 20) -> None:
    header = ["image_name", "c1", "c2", "c3", "c4", "c5", "c_total", "MOS", "SD", "MOS_zscore"]
    rows = [(f"{i}.jpg", 0, 1, 2, 1, 0, 4, 3.1, 0.5, 12 + 3 * i) for i in range(n)]
    write_csv(root / SCORES, header, rows)


def test_official_sets(koniq: Path) -> None:
    table = require_images(koniq_10k.read(koniq))
    assert (table.name, table.score_range, table.resize) == ("koniq-10k", (0, 100), (512, 384))
    assert Counter(table.splits) == {"train": 12, "val": 3, "test": 5}
    assert table.images[:2] == ("0.jpg", "1.jpg")
    assert table.path(3) == koniq / "1024x768" / "3.jpg"
    assert table.scores.dtype == np.float64
    assert table.scores[:2].tolist() == [10, 14]
    assert table.sd is not None
    assert table.sd[0] == 12.5  # half a category of 25 points
    assert table.opinions is not None and len(table.opinions.votes) == len(table)
    assert table.distribution is not None
    assert table.distribution.tolist()[0] == [0, 0.25, 0.5, 0.25, 0]
    assert table.notes == ()


def test_a_distribution_that_makes_no_sense_is_not_used(koniq: Path) -> None:
    scores_csv(koniq)
    table = (koniq / SCORES).read_text().replace("\n3.jpg,0,1,2,1,0", "\n3.jpg,0,0,0,0,0")
    (koniq / SCORES).write_text(table)
    (koniq / SETS).unlink()
    read = koniq_10k.read(koniq)
    assert read.distribution is None
    assert "c1, c2, c3, c4, c5 are all 0" in read.notes[0]


def test_scores_without_sets(koniq: Path) -> None:
    (koniq / SETS).unlink()
    scores_csv(koniq)
    table = koniq_10k.read(koniq)
    assert table.splits is None
    assert table.scores[:2].tolist() == [12, 15]
    assert table.distribution is not None and table.distribution.shape == (20, 5)
    assert "MOS_zscore" in table.notes[0]


def test_the_larger_pictures_are_preferred_but_not_an_empty_folder(koniq: Path) -> None:
    shutil.copytree(koniq / "1024x768", koniq / "512x384")
    assert koniq_10k.read(koniq).root.name == "1024x768"
    for path in (koniq / "1024x768").iterdir():
        path.unlink()
    table = koniq_10k.read(koniq)
    assert table.root.name == "512x384"
    assert table.images[0] == "0.jpg"  # the same name in either folder


@pytest.mark.parametrize("named", [".", "..", "1024x768"])
def test_found_from_its_parent_and_from_inside(koniq: Path, named: str) -> None:
    table = require_images(koniq_10k.read(koniq / named if named != ".." else koniq.parent))
    assert table.root.resolve() == koniq / "1024x768"
    assert bool(table.notes) == (named != ".")


def test_ambiguous_place_is_refused(koniq: Path) -> None:
    middle = koniq / "middle"
    shutil.copytree(koniq, middle / "koniq-10k")
    with pytest.raises(DataError, match="is both in"):
        koniq_10k.read(middle)


def test_json_layout(seed_layout) -> None:
    root = seed_layout([float(20 + i) for i in range(12)])
    table = require_images(koniq_10k.read(root))
    assert Counter(table.splits) == {"train": 9, "test": 3}
    assert table.images[0] == "train/1.jpg"
    assert table.scores[0] == 21
    assert table.score_range == (0, 100)


def test_json_layout_on_one_to_five(seed_layout) -> None:
    assert koniq_10k.read(seed_layout([1 + i / 3 for i in range(12)])).score_range == (1, 5)
    with pytest.raises(DataError, match=r"0.2 of .* outside 1 to 5"):
        koniq_10k.read(seed_layout([0.2, *(1 + i / 3 for i in range(1, 12))]))


@pytest.mark.parametrize("up", [False, True])
def test_json_layout_takes_missing_scores_from_a_csv(seed_layout, up: bool) -> None:
    root = seed_layout([None] * 12)
    scores_csv(root.parent if up else root, 12)
    table = koniq_10k.read(root)
    assert table.scores[table.images.index("test/4.jpg")] == 24
    assert SCORES in table.notes[0]


def test_json_layout_without_any_score(seed_layout) -> None:
    with pytest.raises(DataError, match="images without a score, and neither"):
        koniq_10k.read(seed_layout([None] * 12))


def test_json_damage(seed_layout) -> None:
    root = seed_layout([float(20 + i) for i in range(12)])
    path = root / "koniq_test.json"
    whole = path.read_text()
    for text, message in [
        (whole[:-5], "cannot be read as JSON"),
        ("{}", "must be a list"),
        (json.dumps([{"image": "a.jpg", "score": "good"}]), "entry 1: the score 'good'"),
        (json.dumps([{"score": 3}]), 'entry 1: needs an "image"'),
        (json.dumps([{"image": "1.jpg", "score": 30}]), 'image "1.jpg" is listed in koniq_train.json and in'),
    ]:
        path.write_text(text)
        with pytest.raises(DataError, match=message):
            koniq_10k.read(root)


def test_missing_things_are_named(koniq: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: there is no such folder; unpack KonIQ-10k"):
        koniq_10k.read(tmp_path / "nowhere")
    (tmp_path / "empty" / "empty").mkdir(parents=True)
    with pytest.raises(DataError, match="there is no table of KonIQ-10k"):
        koniq_10k.read(tmp_path / "empty" / "empty")
    shutil.rmtree(koniq / "1024x768")
    with pytest.raises(DataError, match="neither 1024x768/ nor 512x384/"):
        koniq_10k.read(koniq)


def test_missing_images_are_counted_and_named(koniq: Path) -> None:
    for i in (3, 5, 7, 9):
        (koniq / "1024x768" / f"{i}.jpg").unlink()
    with pytest.raises(DataError, match=r"4 of the 20 images listed are missing \(3.jpg, 5.jpg, 7.jpg, \.\.\.\)"):
        load_table("koniq-10k", DataSource(path=str(koniq)))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",MOS,", ",Mos,", 'no column "MOS"; did you mean "Mos"'),
        (",14,0.5,", ",good,0.5,", 'row 3: "good" in the column "MOS" is not a finite number'),
        (",14,0.5,", ",nan,0.5,", 'row 3: "nan" in the column "MOS" is not a finite number'),
        (",14,0.5,", ",140,0.5,", "row 3: MOS 140 is outside the score range 0 to 100"),
        (",14,0.5,", ",,0.5,", 'row 3: the column "MOS" is empty'),
        ("\n4.jpg", "\n2.jpg", 'image "2.jpg" is in rows 4 and 6'),
        ("\n4.jpg", "\n../4.jpg", 'row 6: image "../4.jpg" is outside'),
        ("\n4.jpg", "\n/etc/4.jpg", 'row 6: image "/etc/4.jpg" is outside'),
        (",validation", ",dev", 'row 14: "dev" in the column "set" is not a split'),
        ("0.5,training", "0.5", "row 2: 9 fields where the header has 10"),
    ],
)
def test_damaged_tables(koniq: Path, old: str, new: str, message: str) -> None:
    path = koniq / SETS
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(DataError, match=message) as caught:
        koniq_10k.read(koniq)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_constant_scores(koniq: Path) -> None:
    rows = [(f"{i}.jpg", 50, "training" if i < 10 else "test") for i in range(20)]
    write_csv(koniq / SETS, ["image_name", "MOS", "set"], rows)
    with pytest.raises(DataError, match="nothing to rank"):
        load_table("koniq-10k", DataSource(path=str(koniq)))


def test_data_dir_wins_over_the_declared_path(koniq: Path) -> None:
    assert len(load_table("koniq-10k", DataSource(path="/nowhere"), data_dir=str(koniq))) == 20


def test_pictures_with_prefix_folders_in_json_match_by_file_name(seed_layout) -> None:
    root = seed_layout([float(20 + i) for i in range(12)], prefix="C:\\old\\place\\")
    picture(root / "train" / "unlisted.jpg")
    assert require_images(koniq_10k.read(root)).images[0] == "train/1.jpg"
