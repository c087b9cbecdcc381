"""The audit's finding on references that leak, from study file to command."""

import json
import shutil
from pathlib import Path

import pytest

from iqa_train.cli.commands.check import main
from iqa_train.datasets.catalogue import load_table
from iqa_train.study.load import load_study
from iqa_train.study.resolve import resolve
from iqa_train.study.spec import DataSource
from tests.datasets.miniatures import COUNT, MINIATURES

STUDY = """\
[study]
name = "s"
baseline = "B"
[defaults]
dataset = "kadid-10k"
[datasets.kadid-10k]
path = "data/kadid-10k"
split = "split.csv"
[[experiments]]
id = "B"
[[experiments]]
id = "A"
set = { weight_decay = 1e-3 }
"""


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study on KADID-10k whose split deals out images one by one, so that references part."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "experiments.toml").write_text(STUDY)
    MINIATURES["kadid-10k"].build(tmp_path / "data" / "kadid-10k")
    deal(lambda k: "test" if k % 5 == 0 else "train")
    return tmp_path


def deal(part_of: object) -> None:
    assert callable(part_of)
    images = load_table("kadid-10k", DataSource()).images
    rows = [f"{image},{part_of(k)}" for k, image in enumerate(images)]
    Path("split.csv").write_text("image,split\n" + "\n".join(rows))


def findings(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    assert main(["--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["findings"]
    return [finding for finding in listed if finding["code"] == "leaking-references"]


def test_an_imported_split_that_leaks_is_a_warning(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (finding,) = findings(capsys)
    assert (finding["severity"], finding["experiment"], finding["settings"]) == ("warning", None, ["dataset"])
    assert 'reference "i01.png" has images in train and test' in str(finding["message"])
    main([])
    assert "leaking-references" in capsys.readouterr().out


def test_whole_references_and_data_elsewhere_are_not_reported(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    deal(lambda k: "test" if k < COUNT // 4 else "train")
    assert findings(capsys) == []
    deal(lambda k: "test" if k % 5 == 0 else "train")
    shutil.rmtree(study / "data")
    assert findings(capsys) == []


def test_what_the_split_holds_is_part_of_the_runs_identity(study: Path) -> None:
    def config_hash() -> str:
        return resolve(load_study(study / "experiments.toml"), "B").config_hash

    first = config_hash()
    Path("split.csv").rename("other.csv")
    (study / "experiments.toml").write_text(STUDY.replace("split.csv", "other.csv"))
    assert config_hash() == first  # the same split under another name
    deal(lambda k: "test" if k < COUNT // 4 else "train")
    Path("split.csv").replace("other.csv")
    assert config_hash() != first
    (study / "experiments.toml").write_text(STUDY.replace('split = "split.csv"', ""))
    assert config_hash() not in {first, ""}
