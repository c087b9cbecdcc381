"""Tables as spreadsheet programs and people write them: read as what they mean, or answered in one true sentence."""

import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iqa_train.datasets.catalogue import load_table
from iqa_train.datasets.content_kind import content_kind
from iqa_train.datasets.published.koniq import _entries
from iqa_train.datasets.splits import united_references
from iqa_train.datasets.table import ImageTable
from iqa_train.datasets.tables.csv_table import read_csv
from iqa_train.datasets.tables.mat import read_mat
from iqa_train.datasets.tables.records import Records
from iqa_train.datasets.tables.text_table import read_words
from iqa_train.datasets.tables.xlsx import read_xlsx
from iqa_train.errors import DataError
from iqa_train.study.spec import DataSource
from tests.datasets.dataset_files import picture

SOURCE = DataSource(csv="labels.csv", score_range=(0, 100))
PLAIN = "image,score\r\na.png,10\r\nb.png,13.5\r\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.png", "b.png"):
        picture(tmp_path / name)
    return tmp_path


def loaded(folder: Path, data: str | bytes, source: DataSource = SOURCE) -> ImageTable:
    (folder / "labels.csv").write_bytes(data.encode() if isinstance(data, str) else data)
    return load_table("mine", source, str(folder))


def complaint(folder: Path, data: str | bytes, source: DataSource = SOURCE) -> str:
    with pytest.raises(DataError) as caught:
        loaded(folder, data, source)
    assert "\n" not in str(caught.value)
    return str(caught.value)


READ = {
    "sep": "sep=,\n" + PLAIN,
    "sep in quotes": '"sep=,"\n' + PLAIN,
    "sep of semicolons": "SEP=;\r\nimage;score\r\na.png;10\r\nb.png;13,5\r\n",
    "semicolons": "image;score\r\na.png;10\r\nb.png;13,5\r\n",
    "tabs": "image\tscore\na.png\t10\nb.png\t13.5\n",
    "old Mac": PLAIN.replace("\r\n", "\r"),
    "trailing columns": "image,score,,,\na.png,10,,,\nb.png,13.5,,,\n",
    "trailing rows": PLAIN + ",\r\n,\r\n   ,\r\n",
    "trailing columns in the header alone": "image,score,,\na.png,10\nb.png,13.5\n",
    "trailing columns in rows alone": "image,score\na.png,10,,\nb.png,13.5,,\n",
    "an empty column between": "image,,score\na.png,,10\nb.png,,13.5\n",
    "an index without a name": ",image,score\n0,a.png,10\n1,b.png,13.5\n",
    "quoted header": '"image","score"\n"a.png","10"\n"b.png","13.5"\n',
    "zero-width header": "image,score\u200b\na.png,10\nb.png,13.5\n",
    "invisible cells": "\ufeff\u2060image,\u00a0score\n\u202aa.png,10\u200b\nb.png\u00a0,\u00a013.5\n",
    "mark inside quotes": '\ufeff"image",score\na.png,10\nb.png,13.5\n',
    "two marks": "\ufeff\ufeff" + PLAIN,
    "utf-16 with a mark": b"\xff\xfe" + PLAIN.encode("utf-16-le"),
    "utf-16, the other way": b"\xfe\xff" + PLAIN.encode("utf-16-be"),
    "utf-16 without a mark": PLAIN.encode("utf-16-le"),
    "utf-16-be without a mark": PLAIN.encode("utf-16-be"),
    "Unicode text": b"\xff\xfe" + PLAIN.replace(",", "\t").encode("utf-16-le"),
    "utf-32": b"\xff\xfe\0\0" + PLAIN.encode("utf-32-le"),
    "upper case": PLAIN.replace(".png", ".PNG"),
    "Windows separators": PLAIN.replace("a.png", ".\\a.png"),
}


@pytest.mark.parametrize("how", READ)
def test_it_is_read(folder: Path, how: str) -> None:
    table = loaded(folder, READ[how])
    assert table.images == ("a.png", "b.png")
    assert table.scores.tolist() == [10, 13.5]


@pytest.mark.parametrize(("before", "blank"), [("", 0), ("\n", 1), ("\r\n \r\n", 2), ("\ufeff\r\r", 2)])
@pytest.mark.parametrize("declared", ["sep=;", "sep = ;", '"sep=;"', "SEP= ;;", "sep=\t", "sep=\\t", "sep = |"])
def test_a_declared_separator_is_read_and_lines_are_counted_all_the_same(
    folder: Path, before: str, blank: int, declared: str
) -> None:
    separator = "\t" if "t" in declared else declared.strip('"')[-1]
    table = PLAIN.replace(",", separator)
    assert loaded(folder, f"{before}{declared}\r\n{table}").scores.tolist() == [10, 13.5]
    words = complaint(folder, f"{before}{declared}\r\n{table}c.png{separator}x\r\n")
    assert f"row {blank + 5}:" in words


REFUSED = {
    "stray quote": ('image,score\na.png,10\n"b.png,13.5\nc.png,3\nd.png,4\n', 'row 3: a quote (") opens a field'),
    "stray quote in a number": ('image,score\na.png,"10\nb.png,13.5\n', 'row 2: a quote (") opens'),
    "stray quote that another closes": ('image,score\n"a.png,10\nb.png",13.5\n', "row 2: a quote"),
    "an endless field": ("image,score\na.png,1\n" + "b" * 140_000 + ",2\n", "row 3: a field is longer than 131,072"),
    "stray quote in a column not used": ('image,score,text\na.png,1,"x\nb.png,2,y\n', 'row 2: a quote (")'),
    "stray quote behind sep=": ('sep=,\nimage,score\na.png,1\n"b.png,2\nc,3\n', 'row 4: a quote (")'),
    "thousands": (
        'image,score\na.png,"1,234"\nb.png,3\n',
        '"1,234" in the column "score" is not a finite number; write',
    ),
    "perhaps thousands": ("image;score\na.png;1,234\nb.png;3\n", '"1,234" in the column'),
    "thousands and decimals": ("image;score\na.png;1.234,5\nb.png;3\n", '"1.234,5" in the column'),
    "percent": ("image,score\na.png,85%\nb.png,3\n", "is not a finite number; write it without the percent sign"),
    "not available": ("image,score\na.png,n/a\nb.png,3\n", '"n/a" in the column "score" is not a finite number'),
    "no score": ("image,score\na.png,\nb.png,3\n", 'row 2: the column "score" is empty'),
    "an invisible score": ("image,score\na.png,\u200b\nb.png,3\n", 'row 2: the column "score" is empty'),
    "the same header": ("image,score,score \na.png,1,2\nb.png,3,4\n", 'two columns are called "score"'),
    "the same header, invisibly": ("image,score,score\u200b\na.png,1,2\n", 'two columns are called "score"'),
    "HTML": ("\n<!DOCTYPE html>\n<html><body>404</body></html>", "is not a table, but an HTML page"),
    "LFS": (
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        "is not a table, but a Git LFS pointer",
    ),
    "workbook": (b"PK\x03\x04" + bytes(50), "is not a table, but a ZIP archive or an Excel workbook"),
    "old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(50), "is not a table, but an old Excel workbook"),
    "image": (b"\x89PNG\r\n\x1a\n" + bytes(50), "is not a table, but a PNG image"),
    "JSON": ('{"message": "Not Found"}', "is not a table, but a JSON document"),
    "XML": ("<?xml version='1.0'?><Error/>", "is not a table, but an XML document"),
    "gzip": (b"\x1f\x8b\x08" + bytes(50), "is not a table, but a gzip archive"),
    "zeros": (b"image,score\n" + bytes(50), "is not text, but a binary or damaged file"),
    "nothing": ("", "the file is empty"),
    "blanks": ("\n \n,,\n", "the file is empty"),
    "another encoding": (b"image,score\n\x8d\x90.png,3\n", "line 2 has bytes of another encoding"),
    "elsewhere": ("image,score\n/etc/a.png,1\nb.png,3\n", "is outside the image folder"),
    "another drive": ("image,score\nC:\\data\\a.png,1\nb.png,3\n", "is outside the image folder"),
    "twice": ("image,score\na.png,1\nA.PNG,3\n", "there is one file for both"),
}


@pytest.mark.parametrize("how", REFUSED)
def test_a_malformed_table_is_refused_in_one_sentence(folder: Path, how: str) -> None:
    data, says = REFUSED[how]
    assert says in complaint(folder, data)


@pytest.mark.parametrize("order", ["image,note,score", "note,image,score", "image,note,more,score", "score,note,image"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("apart", [1, 2, 7])
@pytest.mark.parametrize("closing", ['"{}', '{}"', '"{}"', '{}"{}'])
def test_two_stray_quotes_swallow_no_row(folder: Path, order: str, separator: str, apart: int, closing: str) -> None:
    for suffix in (".png", ""):
        rows = [{"image": f"{k}{suffix}", "note": f"n{k}", "more": "m", "score": str(k)} for k in range(apart + 4)]
        rows[2]["note"] = '"' + rows[2]["note"]
        rows[2 + apart]["note"] = closing.format(rows[2 + apart]["note"], "in")
        lines = [order, *(",".join(row[column] for column in order.split(",")) for row in rows)]
        words = complaint(folder, "\n".join(lines).replace(",", separator) + "\n")
        assert 'row 4: a quote (") opens a field before "n2' in words


def test_a_comment_of_several_lines_is_read(folder: Path) -> None:
    comments = [
        "one\ntwo",
        "one, two\nthree, four",
        "well, yes, no\nso, so, so\nah, b",
        'he said "no"\r\n\r\nand left, 3',
    ]
    for comment in comments:
        quoted = '"' + comment.replace('"', '""') + '"'
        for data in (
            f"image,note,score\na.png,{quoted},10\nb.png,,13.5\n",
            f"image,score,note\na.png,10,{quoted}\nb.png,13.5,{quoted}\n",
            f"note,image,score\n{quoted},a.png,10\n,b.png,13.5\n",
        ):
            assert loaded(folder, data).scores.tolist() == [10, 13.5]


def test_absolute_paths_inside_the_folder(folder: Path) -> None:
    (folder / "link").symlink_to(folder)
    (folder / "sub").mkdir()
    picture(folder / "sub" / "b.png")
    data = f"image,score\n{folder}/a.png,1\nfile://{folder}/sub/b.png,2\n"
    assert loaded(folder, data).images == ("a.png", "sub/b.png")
    assert loaded(folder / "link", data).images == ("a.png", "sub/b.png")


@pytest.mark.parametrize(("listed", "there"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_names_in_another_unicode_form(tmp_path: Path, listed: str, there: str) -> None:
    for name in ("\u00e9t\u00e9/\u00fc1.jpg", "\u00e9t\u00e9/\u00fc2.jpg"):
        picture(tmp_path / unicodedata.normalize(there, name))
    rows = "\u00e9t\u00e9/\u00fc1.jpg,1\n\u00c9t\u00e9/\u00fc2.JPG,2\n"
    table = loaded(tmp_path, unicodedata.normalize(listed, f"image,score\n{rows}"))
    assert all(table.path(k).is_file() for k in range(2))
    assert "2 images are on disk under a name in another case or Unicode form" in table.notes[0]


def test_names_on_disk_that_are_not_utf8(tmp_path: Path) -> None:
    for number in (b"1", b"2"):
        source = picture(tmp_path / "plain.png")
        source.rename(tmp_path / os.fsdecode(b"caf\xe9" + number + b".png"))
    table = loaded(tmp_path, "image,score\ncaf\u00e91.png,1\ncaf\u00e92.png,2\n")
    assert all(table.path(k).is_file() for k in range(2))


def test_windows_1252_is_read_with_a_note(tmp_path: Path) -> None:
    for number in (1, 2):
        picture(tmp_path / f"caf\u00e9{number}.png")
    table = loaded(tmp_path, "image,score\ncaf\u00e91.png,1\ncaf\u00e92.png,2\n".encode("cp1252"))
    assert table.images == ("caf\u00e91.png", "caf\u00e92.png")
    assert "labels.csv is not UTF-8 (line 2) and is read as Windows-1252" in table.notes[0]


def test_what_was_out_of_the_way_is_noted(folder: Path) -> None:
    assert loaded(folder, PLAIN).notes == ()
    assert "separated by semicolons" in loaded(folder, READ["semicolons"]).notes[0]
    assert "2 images are on disk under a name" in loaded(folder, READ["upper case"]).notes[0]


def test_references_written_in_two_ways_are_one(tmp_path: Path) -> None:
    names = [
        "Sea.png",
        "sea.PNG",
        "sea.bmp",
        "sea",
        "caf\u00e9",
        "cafe\u0301",
        "sea\u200b",
        "wood.v1",
        "wood.v2",
        "SEA.heic",
    ]
    rows = "".join(
        f"{k}.png,{k},{part},{name}\n" for k, (name, part) in enumerate(zip(names, ["train", "test"] * 5, strict=True))
    )
    for k in range(len(names)):
        picture(tmp_path / f"{k}.png")
    source = SOURCE.model_copy(update={"split_column": "part", "reference_column": "scene"})
    table = loaded(tmp_path, f"image,score,part,scene\n{rows}", source)
    assert table.references == ("Sea.png",) * 4 + ("caf\u00e9",) * 2 + ("Sea.png", "wood.v1", "wood.v2", "Sea.png")
    assert "other spellings of a reference" in table.notes[0]
    assert "2 of 4 references are in several splits" in table.notes[1]
    assert united_references(("a", "b")) == (("a", "b"), ())


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(CELLS, st.floats(0, 100)), min_size=1, max_size=5),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.integers(0, 3),
)
def test_what_a_writer_quotes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, float]],
    separator: str,
    encoding: str,
    end: str,
    spare: int,
) -> None:
    path = tmp_path_factory.mktemp("csv") / "labels.csv"
    quoted = ['"' + text.replace('"', '""') + '"' for text, _ in rows]
    blank = separator * spare
    lines = [
        f"image{separator}score{blank}",
        *(f"{q}{separator}{s!r}{blank}" for q, (_, s) in zip(quoted, rows, strict=True)),
    ]
    path.write_bytes("".join(line + end for line in [*lines, blank]).encode(encoding))
    records = read_csv(path, ("image", "score"))
    assert isinstance(records, Records)
    assert records.rows == tuple((text, repr(score)) for text, score in rows)
    assert records.numbers("score").tolist() == [score for _, score in rows]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=20))
def test_any_bytes_are_read_or_refused_in_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, more: bytes
) -> None:
    path = tmp_path_factory.mktemp("csv") / "labels.csv"
    for content in (data, b"image,score\n" + more + b"\na.png,1\n"):
        path.write_bytes(content)
        try:
            records = read_csv(path, ("image", "score"))
            records.names("image", path.parent)
            records.scores("score", (0, 1))
        except DataError as error:
            assert str(path) in str(error)


@pytest.mark.parametrize("name", ["t.csv", "t.txt", "t.xlsx", "t.mat", "t.json"])
@pytest.mark.parametrize("data", [b"<html>sign in</html>", b"version https://git-lfs.github.com/spec/v1\n"])
def test_every_reader_says_what_is_in_place_of_a_table(tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    readers: dict[str, Callable[[Path], object]] = {
        ".csv": read_csv,
        ".txt": lambda path: read_words(path, ("name", "score")),
        ".xlsx": lambda path: read_xlsx(path, ("name",)),
        ".mat": lambda path: read_mat(path, ["dmos"]),
        ".json": _entries,
    }
    with pytest.raises(DataError, match=r"but an HTML page|but a Git LFS pointer"):
        readers[path.suffix](path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer"),
        ("/annex/objects/MD5E-s1--1.png\n", "a git-annex pointer"),
        *(
            (f"\r\n<{tag}>sign in", "an HTML page")
            for tag in ("html", "table border=1", "META charset=x", "head", "body", "script", "!-- page --")
        ),
        ("image,score\n<table>.png,1\n", ""),
        ("<p1>.png,1\n", ""),
    ],
)
def test_documents_are_known_in_every_encoding(text: str, kind: str, encoding: str) -> None:
    found = content_kind(text.encode(encoding))
    assert found.startswith(kind)
    assert bool(found) == bool(kind)
