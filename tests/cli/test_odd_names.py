"""Names that are no text, and outputs that cannot hold text: escaped, and never an error."""

import csv
import io
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iqa_train.cli.main import main
from iqa_train.cli.predictions_out import PredictionsOut
from iqa_train.escape import ESCAPED, unescaped
from tests.conftest import PROGRAM, Project, write_small_study
from tests.scheduler.cross_project import Crossed

NAMES = [b"caf\xe9.png", "\u00e9.png".encode(), "\u56fe\u50cf.png".encode("gbk"), "\U0001f4f7.png".encode()]
POOR = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}  # file names are ASCII to Python


@given(st.text(st.characters(), max_size=20), st.sampled_from(["utf-8", "ascii", "gbk", "latin-1", "cp437"]))
def test_any_text_is_encoded_and_json_comes_back(text: str, encoding: str) -> None:
    data = json.dumps({"name": text}, ensure_ascii=False).encode(encoding, ESCAPED)
    back = json.loads(data.decode(encoding))["name"]
    assert back.encode("utf-16-le", "surrogatepass") == text.encode("utf-16-le", "surrogatepass")


@given(st.binary(max_size=20))
def test_bytes_that_are_not_text_come_back_from_a_table(data: bytes) -> None:
    name = data.decode("utf-8", "surrogateescape")
    written = name.encode("utf-8", ESCAPED)
    if b"\\u" not in data:
        assert unescaped(written.decode()) == name


def ran(project: Project, words: list[str], environment: dict[str, str]) -> "subprocess.CompletedProcess[bytes]":
    environment = project.environment() | environment
    done = subprocess.run([*PROGRAM, *words], cwd=project.folder, env=environment, capture_output=True, check=False)
    assert b"Traceback" not in done.stderr, done.stderr.decode(errors="replace")
    return done


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A data set with names that are not UTF-8 on disk, and a file beside it that is not listed."""
    project = write_small_study(tmp_path_factory.mktemp("names") / "project")
    root = project.folder / "data" / "small"
    with (root / "scores.csv").open() as file:
        rows = list(csv.reader(file))
    for row, name, listed in zip(
        rows[1:], [*NAMES[:2], b"\xdcbung.png"], ["caf\u00e9", "\u00e9", "\u00fcbung"], strict=False
    ):
        (root / row[0]).rename(root / os.fsdecode(name))
        row[0] = f"{listed}.png"
    (root / os.fsdecode(b"\xff\xfeodd.png")).write_bytes(b"")
    with (root / "scores.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    yield project
    shutil.rmtree(project.folder)


def verified(named: Project, data: bytes) -> None:
    """What `data verify --json` printed of the set."""
    findings = json.loads(data)["findings"]
    assert [finding["code"] for finding in findings] == ["unlisted"]
    assert os.fsencode(findings[0]["image"]).endswith(b"\xff\xfeodd.png")


@pytest.mark.parametrize("encoding", ["ascii", "gbk", "latin-1", "utf-8"])
def test_an_output_of_any_encoding_takes_every_name(
    named: Project, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict") for _ in range(2))
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setattr("sys.stderr", err)
    monkeypatch.chdir(named.folder)
    assert main(["data", "verify", "small", "--json"]) == 0
    assert isinstance(out.buffer, io.BytesIO)
    verified(named, out.buffer.getvalue().decode(encoding).encode())
    assert main(["data", "split", "small"]) == 0
    assert main(["data", "stats", "\udcff\u56fe"]) == 2
    err.flush()
    assert isinstance(err.buffer, io.BytesIO)
    assert rb"\udcff" in err.buffer.getvalue()


def test_a_data_set_of_such_names_is_read_where_file_names_are_ascii(named: Project) -> None:
    done = ran(named, ["data", "verify", "small", "--json"], POOR)
    assert done.returncode == 0, done.stdout
    verified(named, done.stdout)
    assert ran(named, ["data", "prepare", "small"], POOR).returncode == 0


def test_a_split_of_such_names_is_written_and_read(named: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(named.folder)
    assert main(["data", "split", "small", "--out", "split.csv"]) == 0
    assert r"caf\udce9.png," in Path("split.csv").read_text(encoding="utf-8")
    assert main(["data", "stats", "small", "--split", "split.csv"]) == 0


@pytest.mark.slow
def test_a_run_on_such_names_ends_well(named: Project) -> None:
    done = ran(named, ["--exp", "Baseline", "--epochs", "1"], POOR)
    assert done.returncode == 0, done.stderr.decode(errors="replace")


@pytest.mark.slow
def test_one_bad_picture_among_such_names_ends_nothing(crossed: Crossed, tmp_path: Path) -> None:
    project = crossed.copy(tmp_path / "project")
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in NAMES:
        shutil.copy(project.folder / "data" / "small" / "images" / "00.png", photos / os.fsdecode(name))
    (photos / os.fsdecode(b"bad\xff.png")).write_bytes(b"<html>")
    done = ran(project, ["predict", str(photos), "--run", "Baseline", "--json"], POOR)
    assert done.returncode == 1
    document = json.loads(done.stdout)
    assert document["complete"] is True
    told = {Path(one["image"]).name.encode("utf-8", "surrogateescape") for one in document["predictions"]}
    assert told == set(NAMES)
    assert "not an image, but an HTML page" in document["skipped"][0]["reason"]
    assert rb"bad\udcff.png" in done.stderr


def test_predictions_of_such_names_are_utf8(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    with PredictionsOut(path, "csv") as out:
        out.begin({})
        for name in NAMES:
            out.row(os.fsdecode(name), 0.5)
        out.end(complete=True)
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    assert [os.fsencode(unescaped(row["image"])) for row in rows] == NAMES
