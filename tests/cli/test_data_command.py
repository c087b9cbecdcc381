"""`iqa-train data list`, `stats` and `split`, and runs with a split that was made elsewhere."""

import csv
import errno
import json
from pathlib import Path

import pytest

from iqa_train.cli.commands.data.dispatch import main
from iqa_train.datasets.catalogue import PUBLISHED
from iqa_train.errors import UserError
from tests.conftest import Project, write_small_study


@pytest.fixture
def here(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(project.folder)
    return project


def answer(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, object]:
    assert main([*words, "--json"]) == code
    document = json.loads(capsys.readouterr().out)
    assert isinstance(document, dict)
    return document


def listed(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, object]]:
    entries = answer(capsys, "list")["datasets"]
    assert isinstance(entries, list)
    return {entry["dataset"]: entry for entry in entries}


def test_the_list_names_every_set_and_what_to_download(here: Project, capsys: pytest.CaptureFixture[str]) -> None:
    entries = listed(capsys)
    assert set(entries) == {*PUBLISHED, "demo", "small"}
    small = entries["small"]
    assert (small["state"], small["images"], small["present"], small["problem"]) == ("complete", 48, 48, "")
    livec = entries["livec"]
    assert (livec["state"], livec["images"], livec["published"]) == ("absent", None, 1162)
    assert "unpack ChallengeDB_release.zip into data/livec" in str(livec["problem"])
    assert all(entries[name]["citation"] for name in PUBLISHED)
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    assert "48 of 48" in out
    assert "0 of 10,073" in out
    assert "0 to 1, lower is better" in out


def test_the_list_says_what_is_missing_or_damaged(here: Project, capsys: pytest.CaptureFixture[str]) -> None:
    (here.folder / "data/small/images/07.png").unlink()
    (here.folder / "data/spaq").mkdir()
    entries = listed(capsys)
    assert (entries["small"]["state"], entries["small"]["present"]) == ("incomplete", 47)
    assert "1 of the 48 images listed" in str(entries["small"]["problem"])
    assert entries["spaq"]["state"] == "unreadable"
    assert "TestImage/" in str(entries["spaq"]["problem"])


def test_stats_count_what_there_is(here: Project, capsys: pytest.CaptureFixture[str]) -> None:
    document = answer(capsys, "stats")
    with (here.folder / "data/small/scores.csv").open() as file:
        scores = [float(row["score"]) for row in csv.DictReader(file)]
    told = document["scores"]
    assert isinstance(told, dict)
    assert told["mean"] == pytest.approx(sum(scores) / 48)
    assert (told["lowest"], told["highest"], sum(told["counts"])) == (min(scores), max(scores), 48)
    for low, high, count in zip(told["edges"], told["edges"][1:], told["counts"], strict=False):
        assert count == sum(low <= score < high for score in scores)
    assert document["sizes"] == [{"width": 48, "height": 40, "images": 48}]
    split = document["split"]
    assert isinstance(split, dict)
    assert split["train"] + split["val"] + split["test"] == 48
    assert document["references"] == 24
    assert main(["stats"]) == 0
    out = capsys.readouterr().out
    assert "48 x 40  48" in out
    assert "##" in out


def test_an_image_without_a_header_is_counted(here: Project, capsys: pytest.CaptureFixture[str]) -> None:
    (here.folder / "data/small/images/07.png").write_bytes(b"no picture")
    assert answer(capsys, "stats", code=1)["unreadable"] == ["images/07.png"]


def test_prepare_prints_the_place_of_the_pixels_as_json(here: Project, capsys: pytest.CaptureFixture[str]) -> None:
    document = answer(capsys, "prepare", "--cache_dir", str(here.folder / "pixels"))
    assert document["images"] == 48
    assert (Path(str(document["folder"])) / "pixels.u8").stat().st_size == 48 * 48 * 40 * 3


@pytest.mark.parametrize(
    ("more", "refused"),
    [
        ("", False),
        ("patch_size = 64\n", True),
        ('patch_size = 64\nresize = "70"\n', False),
        ('patch_size = 64\nresize = "none"\n', True),
        ('patch_size = 64\nresize = "none"\ndataset = "demo"\n', False),
    ],
)
def test_verify_accepts_the_sizes_that_training_accepts(
    here: Project, capsys: pytest.CaptureFixture[str], more: str, refused: bool
) -> None:
    study = here.folder / "experiments.toml"
    given = [line.split(" =")[0] for line in more.splitlines()]
    lines = study.read_text().splitlines()
    head = lines.index("[defaults]")
    kept = [line for line in lines[head + 1 :] if line.split(" =")[0] not in given]
    study.write_text("\n".join([*lines[: head + 1], *more.splitlines(), *kept]))
    findings = answer(capsys, "verify", "small", code=int(refused))["findings"]
    assert isinstance(findings, list)
    assert len(findings) == 48 * refused
    assert {finding["code"] for finding in findings} <= {"small"}
    answer(capsys, "verify", "small", "--patch_size", "40")
    answer(capsys, "verify", "small", "--patch_size", "41", code=1)


def test_preparing_refuses_what_training_refuses(here: Project) -> None:
    study = here.folder / "experiments.toml"
    study.write_text(study.read_text().replace("patch_size = 32", "patch_size = 64"))
    with pytest.raises(UserError, match="is 48x40, smaller than patch_size 64"):
        main(["prepare", "--cache_dir", str(here.folder / "pixels")])


def test_errors_are_sentences(here: Project) -> None:
    for words, says in [
        (["stats", "--dataset", "spaq", "livec"], "--dataset spaq and livec are two data sets; give one"),
        (["stats", "--dataset", "smal"], 'did you mean "small"|unknown data set "smal"'),
        (["stats", "--data_dir", "nowhere"], "nowhere: there is no such folder"),
        (["stats", "--split", "nowhere.csv"], r"nowhere.csv: there is no such file"),
        (["split", "--out", "nowhere/split.csv"], "give a file in a folder that exists"),
        (["split", "--out", "data"], "give a file in a folder that exists"),
        (["split", "--seed", "-1"], "is not a whole number of at least 0"),
        (["list", "--experiments", "nowhere.toml"], "no such study file"),
    ]:
        with pytest.raises(UserError, match=says):
            main(words)


def test_a_full_disk_is_named_with_the_file(here: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("iqa_train.files.write_atomic", full)
    with pytest.raises(UserError, match=r"--out F.csv cannot be written \(No space left on device\); make room"):
        main(["split", "--out", "F.csv"])
    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(UserError, match=r"the pixel store needs 0.3 MB in .* and [0-9.,]+ [GM]B are free"):
        main(["prepare", "--cache_dir", str(here.folder / "pixels")])


@pytest.mark.slow
def test_a_split_goes_from_one_project_to_another(tmp_path: Path) -> None:
    """Exported, imported on the command line and by the study file: the same test images, and the same run."""
    here = write_small_study(tmp_path / "here")
    split = here.folder / "split.csv"
    assert here.run("data", "split", "--seed", "7", "--out", str(split)).stdout == f"{split}\n"
    rows = list(csv.DictReader(split.open()))
    tested = {row["image"] for row in rows if row["split"] == "test"}
    assert {row["reference"] for row in rows if row["split"] != "test"}.isdisjoint(
        row["reference"] for row in rows if row["split"] == "test"
    )
    here.run("--exp", "Baseline", "--epochs", "1", "--split", "split.csv")
    run = here.run_folder("Baseline")
    predicted = {row["image"] for row in csv.DictReader((run / "predictions-test.csv").open())}
    assert predicted == tested
    spec = json.loads((run / "spec.json").read_text())
    assert len(spec["source"]["split_digest"]) == 16
    log = next((here.folder / "logs").glob("*.log")).read_text()
    assert f"split of split.csv, digest {spec['source']['split_digest']}" in log

    study = here.folder / "experiments.toml"
    study.write_text(study.read_text().replace("[datasets.small]", '[datasets.small]\nsplit = "split.csv"'))
    plan = here.run("--exp", "Baseline", "--epochs", "1", "--dry-run").stdout
    assert run.name in plan  # asked for in another way, it is the same run
    assert "leaking-references" not in here.run("check").stdout


@pytest.mark.parametrize(
    "words", [["livec"], ["--dataset", "livec"], ["--seed", "42", "livec", "--dataset", "livec"]], ids=" ".join
)
def test_a_set_is_named_as_a_word_or_as_an_option(here: Project, words: list[str]) -> None:
    with pytest.raises(UserError, match="data/livec: there is no such folder"):
        main(["stats", *words])


def test_one_split_file_is_for_one_set(here: Project) -> None:
    study = here.folder / "experiments.toml"
    study.write_text(study.read_text().replace("multi_scale = false", 'dataset = "koniq-10k"'))
    done = here.run("--all", "--split", "split.csv", "--dry-run", code=2)
    assert "--split split.csv is the split of one data set" in done.stderr
