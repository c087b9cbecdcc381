"""Each kind of damage to a published data set is answered in one sentence that names what was expected."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from iqa_train.datasets.catalogue import load_table
from iqa_train.datasets.tables import records
from iqa_train.errors import DataError
from iqa_train.study.spec import DataSource
from tests.datasets.miniatures import COUNT, LIVE_FOLDERS, MINIATURES, QUALITY, cells, lines, workbook

Damage = Callable[[Path], object]

TABLES = {
    "koniq-10k": "koniq10k_distributions_sets.csv",
    "spaq": "Annotations/MOS and Image attribute scores.xlsx",
    "livec": "Data/AllMOS_release.mat",
    "kadid-10k": "dmos.csv",
    "agiqa-3k": "data.csv",
    "bid": "DatabaseGrades.xlsx",
    "csiq": "csiq_label.txt",
    "tid2013": "mos_with_names.txt",
    "live": "dmos_realigned.mat",
    "flive": "labels_image.csv",
}


def complaint(name: str, root: Path) -> str:
    """The one sentence."""
    with pytest.raises(DataError) as caught:
        load_table(name, DataSource(path=str(root)))
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert str(root) in sentence
    return sentence


@pytest.fixture
def built(tmp_path: Path) -> Callable[[str], Path]:
    def build(name: str) -> Path:
        MINIATURES[name].build(tmp_path / "set")
        return tmp_path / "set"

    return build


@pytest.mark.parametrize("name", TABLES)
def test_no_folder_says_what_to_unpack_there(tmp_path: Path, name: str) -> None:
    said = complaint(name, tmp_path / "nowhere")
    assert "there is no such folder; unpack" in said
    assert TABLES[name].rpartition("/")[2] in said


@pytest.mark.parametrize("name", TABLES)
def test_no_table_names_the_file(built: Callable[[str], Path], name: str) -> None:
    root = built(name)
    (root / TABLES[name]).unlink()
    assert TABLES[name] in complaint(name, root)


@pytest.mark.parametrize("name", ["koniq-10k", "spaq", "livec", "kadid-10k", "csiq", "tid2013", "live"])
def test_no_image_folder_names_the_folder(built: Callable[[str], Path], name: str) -> None:
    folders = {
        "koniq-10k": "1024x768", "spaq": "TestImage", "livec": "Images", "kadid-10k": "images", "csiq": "dst_imgs",
        "tid2013": "distorted_images", "live": "wn",
    }  # fmt: skip
    root = built(name)
    shutil.rmtree(root / folders[name])
    assert f"{folders[name]}/" in complaint(name, root)


@pytest.mark.parametrize("name", TABLES)
def test_fewer_images_than_listed_are_counted_and_named(built: Callable[[str], Path], name: str) -> None:
    root = built(name)
    table = load_table(name, DataSource(path=str(root)))
    for k in (3, 5):
        table.path(k).unlink()
    said = complaint(name, root)
    assert f"2 of the {COUNT} images listed are missing" in said
    assert all(table.path(k).stem.lower() in said.lower() for k in (3, 5))


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("koniq-10k", "MOS", "Mean"),
        ("kadid-10k", "dmos", "score"),
        ("kadid-10k", "ref_img", "reference"),
        ("agiqa-3k", "mos_quality", "quality"),
        ("flive", "mos", "score"),
    ],
)
def test_a_renamed_column_is_requested_by_name(built: Callable[[str], Path], name: str, old: str, new: str) -> None:
    root = built(name)
    path = root / TABLES[name]
    head, rest = path.read_text().split("\n", 1)
    path.write_text(head.replace(old, new, 1) + "\n" + rest)
    said = complaint(name, root)
    assert f'no column "{old}"' in said
    assert new in said


@pytest.mark.parametrize(("name", "variable"), [("livec", "AllMOS_release"), ("live", "dmos_new"), ("live", "orgs")])
def test_a_mat_file_without_its_variable(built: Callable[[str], Path], name: str, variable: str) -> None:
    root = built(name)
    held = {k: v for k, v in loadmat(root / TABLES[name]).items() if not k.startswith("__")}
    savemat(root / TABLES[name], {("other" if k == variable else k): v for k, v in held.items()})
    said = complaint(name, root)
    assert f'has no variable "{variable}"' in said
    assert "other" in said


@pytest.mark.parametrize("name", ["livec", "live"])
def test_a_file_that_is_not_a_mat(built: Callable[[str], Path], name: str) -> None:
    root = built(name)
    (root / TABLES[name]).write_text("number,score\n1,2\n" * 40)
    assert "is not a MATLAB file (.mat)" in complaint(name, root)


@pytest.mark.parametrize("name", ["spaq", "bid"])
def test_a_file_that_is_not_an_xlsx(built: Callable[[str], Path], name: str) -> None:
    root = built(name)
    (root / TABLES[name]).write_text("Image name,MOS\n1.jpg,3\n")
    assert "is not an Excel workbook (.xlsx)" in complaint(name, root)


@pytest.mark.parametrize("name", ["spaq", "bid", "livec", "live"])
def test_a_file_damaged_within_is_never_a_traceback(built: Callable[[str], Path], name: str) -> None:
    """Cut anywhere, or with bytes of its packed parts changed: as half a download or a bad disk leaves it."""
    root = built(name)
    path = root / TABLES[name]
    if path.suffix == ".mat":
        savemat(path, {k: v for k, v in loadmat(path).items() if not k.startswith("__")}, do_compression=True)
    whole = path.read_bytes()
    middle = len(whole) // 2
    versions = [whole[: k * len(whole) // 12] for k in range(1, 12)]
    versions += [b"PK\5\6" + bytes(18), whole[:middle] + bytes(40) + whole[middle + 40 :]]
    for version in versions:
        path.write_bytes(version)
        assert "damaged" in complaint(name, root)


def rewritten(root: Path, name: str, scores: list[object]) -> None:
    """The set's table with these scores, whatever they are."""
    if name == "bid":
        workbook(root / TABLES[name], [["number", "MOS"], *([k + 1, score] for k, score in enumerate(scores))])
    elif name == "spaq":
        workbook(root / TABLES[name], [["Image name", "MOS"], *([f"{k:05d}.jpg", s] for k, s in enumerate(scores))])
    elif name == "csiq":
        lines(root / TABLES[name], [f"ref0.AWGN.{k}.png {score}" for k, score in enumerate(scores)])
    elif name == "tid2013":
        lines(root / TABLES[name], [f"{score} I01_01_{k}.bmp" for k, score in enumerate(scores)])
    else:
        columns = {
            "kadid-10k": "dist_img,ref_img,dmos,var\n{k}.png,r.png,{s},0.5",
            "agiqa-3k": "name,mos_quality\n{k}.jpg,{s}",
            "flive": "name,mos\n{k}.jpg,{s}",
            "koniq-10k": "image_name,MOS,set\n{k}.jpg,{s},test",
        }[name]
        head, row = columns.split("\n")
        lines(root / TABLES[name], [head, *(row.format(k=k, s=score) for k, score in enumerate(scores))])


IN_ROWS = [name for name in TABLES if name not in {"livec", "live"}]


@pytest.mark.parametrize("name", IN_ROWS)
def test_a_score_that_is_not_a_number_is_shown_with_its_row(built: Callable[[str], Path], name: str) -> None:
    root = built(name)
    rewritten(root, name, [1, "n/a", 1])
    said = complaint(name, root)
    assert "n/a" in said
    assert "not a finite number" in said
    assert f"row {2 if name in {'csiq', 'tid2013'} else 3}" in said


@pytest.mark.parametrize("name", IN_ROWS)
def test_a_score_out_of_range_is_shown_with_the_range(built: Callable[[str], Path], name: str) -> None:
    root = built(name)
    rewritten(root, name, [1, 1, 100.5])
    low, high = MINIATURES[name].score_range
    assert f"100.5 is outside the score range {low:g} to {high:g}" in complaint(name, root)


@pytest.mark.parametrize("name", IN_ROWS)
def test_a_table_without_images(built: Callable[[str], Path], name: str) -> None:
    root = built(name)
    rewritten(root, name, [])
    said = complaint(name, root)
    assert any(words in said for words in ("but no image", "lists no image", "no rows under a header"))


def test_scores_of_mat_files(built: Callable[[str], Path]) -> None:
    root = built("live")
    path = root / "dmos_realigned.mat"
    held = loadmat(path)
    place = int(np.flatnonzero(held["orgs"][0] == 0)[4])
    for value, says in ((np.nan, "not a finite number"), (500.0, "outside the score range")):
        dmos = held["dmos_new"].copy()
        dmos[0, place] = value
        savemat(path, {"dmos_new": dmos, "orgs": held["orgs"]})
        said = complaint("live", root)
        assert says in said
        assert f"row {place + 1}:" in said


def test_a_mat_file_of_another_length_names_the_parts(built: Callable[[str], Path]) -> None:
    root = built("live")
    savemat(root / "refnames_all.mat", {"refnames_all": cells(["a.bmp"] * 800)})
    said = complaint("live", root)
    assert "refnames_all has 800 values; expected: 982" in said
    assert all(f"{folder} {count}" in said for folder, count in LIVE_FOLDERS.items())


def test_every_picture_pristine(built: Callable[[str], Path]) -> None:
    root = built("live")
    savemat(root / "dmos_realigned.mat", {"dmos_new": np.zeros((1, 982)), "orgs": np.ones((1, 982))})
    assert "orgs is 1 for every image" in complaint("live", root)


@pytest.mark.parametrize("name", ["kadid-10k", "agiqa-3k", "flive", "csiq", "tid2013", "koniq-10k"])
def test_an_image_listed_twice(built: Callable[[str], Path], name: str) -> None:
    root = built(name)
    path = root / TABLES[name]
    rows = path.read_text(encoding="utf-8-sig").splitlines()
    lines(path, [*rows, rows[-1]])
    assert "keep one row per image" in complaint(name, root)


def test_a_number_listed_twice_and_an_invalid_one(built: Callable[[str], Path]) -> None:
    root = built("bid")
    workbook(root / "DatabaseGrades.xlsx", [["n", "MOS"], [1, 2.0], [1, 3.0]])
    assert "keep one row per image" in complaint("bid", root)
    workbook(root / "DatabaseGrades.xlsx", [["n", "MOS"], [1, 2.0], ["one", 3.0]])
    assert '"one" is not the number of a picture; expected: a whole number' in complaint("bid", root)
    workbook(root / "DatabaseGrades.xlsx", [["n"], [1], [2]])
    assert "expected: number, MOS" in complaint("bid", root)


def test_names_that_differ_in_case_alone(built: Callable[[str], Path]) -> None:
    root = built("tid2013")
    folder = root / "distorted_images"
    table = load_table("tid2013", DataSource(path=str(root)))
    shutil.copy(table.path(0), folder / "I01_01_5.BmP")
    shutil.copy(table.path(0), folder / "i01_01_5.Bmp")
    table.path(0).unlink()
    assert "differ only in upper and lower case; keep one of them" in complaint("tid2013", root)


def test_two_rows_for_one_file(built: Callable[[str], Path]) -> None:
    root = built("tid2013")
    rows = [f"{9 * QUALITY[k]:.3f} I01_01_5.{suffix}" for k, suffix in enumerate(("bmp", "BMP"))]
    lines(root / "mos_with_names.txt", rows)
    assert "there is one file for both" in complaint("tid2013", root)


def test_a_line_of_too_many_words(built: Callable[[str], Path]) -> None:
    root = built("csiq")
    lines(root / "csiq_label.txt", ["ref0.AWGN.1.png 0.5", "ref0.AWGN.2.png 0.5 0.1"])
    assert "row 2: has 3 words; expected: a line of name and score" in complaint("csiq", root)


@pytest.mark.parametrize(("name", "package"), [("bid", "openpyxl"), ("live", "scipy")])
def test_a_missing_library_is_named_with_the_command_that_installs_it(
    built: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, name: str, package: str
) -> None:
    def absent(module: str) -> object:
        raise ModuleNotFoundError(module)

    root = built(name)
    monkeypatch.setattr(records, "import_module", absent)
    assert f"{package} is needed to read it; install it with: pip install {package}" in complaint(name, root)
