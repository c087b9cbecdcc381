"""Miniatures of LIVEC and SPAQ in their real containers."""

from pathlib import Path

import numpy as np
import pytest
from openpyxl import Workbook
from scipy.io import savemat

from iqa_train.datasets.catalogue import load_table
from iqa_train.errors import DataError
from iqa_train.study.spec import DataSource
from tests.datasets.dataset_files import picture


@pytest.fixture
def livec(tmp_path: Path) -> Path:
    root = tmp_path / "livec"
    names = [f"t{i}.bmp" for i in range(1, 8)] + [f"{i}.bmp" for i in range(3, 15)]
    cells = np.empty((len(names), 1), dtype=object)
    cells[:, 0] = names
    (root / "Data").mkdir(parents=True)
    savemat(root / "Data" / "AllImages_release.mat", {"AllImages_release": cells})
    savemat(root / "Data" / "AllMOS_release.mat", {"AllMOS_release": np.linspace(5, 90, len(names))[None]})
    savemat(root / "Data" / "AllStdDev_release.mat", {"AllStdDev_release": np.full((1, len(names)), 18.5)})
    for i in range(3, 15):
        picture(root / "Images" / f"{i}.bmp", i)
    return root


@pytest.fixture
def spaq(tmp_path: Path) -> Path:
    root = tmp_path / "spaq"
    book = Workbook()
    sheet = book.active
    sheet.append(["Image name", "MOS", "Brightness", "Colorfulness", "Contrast", "Noisiness", "Sharpness"])
    for i in range(10):
        picture(root / "TestImage" / f"{i:05d}.jpg", i)
        sheet.append([f"{i:05d}.jpg", 10.5 + 8 * i, 1, 2, 3, 4, 5])
    (root / "Annotations").mkdir()
    book.save(root / "Annotations" / "MOS and Image attribute scores.xlsx")
    return root


def test_livec(livec: Path) -> None:
    table = load_table("livec", DataSource(path=str(livec)))
    assert table.images == tuple(f"{i}.bmp" for i in range(3, 15))
    assert table.scores[-1] == pytest.approx(90)
    assert table.sd is not None
    assert table.sd.tolist() == [18.5] * 12
    assert (table.splits, table.references, table.score_range) == (None, None, (0, 100))


def test_livec_damage(livec: Path) -> None:
    path = livec / "Data" / "AllMOS_release.mat"
    whole = path.read_bytes()
    savemat(path, {"mos": np.ones(19)})
    with pytest.raises(DataError, match='no variable "AllMOS_release"; it has mos'):
        load_table("livec", DataSource(path=str(livec)))
    savemat(path, {"AllMOS_release": np.ones(5)})
    with pytest.raises(DataError, match="has 5 values for 19 images"):
        load_table("livec", DataSource(path=str(livec)))
    for content in (b"", b"not a matrix at all, only text" * 20, whole[: len(whole) // 2], b"PK\x03\x04" + b"\0" * 300):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"AllMOS_release.mat: is not a MATLAB file"):
            load_table("livec", DataSource(path=str(livec)))
    path.unlink()
    with pytest.raises(DataError, match=r"AllMOS_release.mat: there is no such file"):
        load_table("livec", DataSource(path=str(livec)))


def test_spaq(spaq: Path) -> None:
    table = load_table("spaq", DataSource(path=str(spaq)))
    assert table.images[1] == "00001.jpg"
    assert table.scores[1] == 18.5
    assert (len(table), table.score_range, table.resize) == (10, (0, 100), (512, 384))


def test_spaq_damage(spaq: Path) -> None:
    path = spaq / "Annotations" / "MOS and Image attribute scores.xlsx"
    whole = path.read_bytes()
    book = Workbook()
    book.active.append(["Image name", "Mean"])
    book.active.append(["1.jpg", 3])
    book.save(path)
    with pytest.raises(DataError, match='no column "MOS"; its columns are Image name, Mean'):
        load_table("spaq", DataSource(path=str(spaq)))
    for content in (b"", b"Image name,MOS\n1.jpg,3\n", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(DataError, match="is not an Excel workbook"):
            load_table("spaq", DataSource(path=str(spaq)))
    path.unlink()
    with pytest.raises(DataError, match="there is no such file"):
        load_table("spaq", DataSource(path=str(spaq)))


@pytest.mark.parametrize("name", ["livec", "spaq", "koniq-10k"])
def test_missing_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="there is no such folder"):
        load_table(name, DataSource(path=str(tmp_path / "nowhere")))
