"""`iqa-train note` and `iqa-train tag`: what they keep is shown with the results."""

import json
from pathlib import Path

import pytest

from iqa_train.cli.commands import note, results, tag
from iqa_train.cli.commands.report import main as report_main
from iqa_train.errors import UsageError
from iqa_train.report.write import INDEX
from tests.report.finished import whole_study

Out = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    whole_study(tmp_path)
    return tmp_path


def test_they_are_kept_shown_and_taken_away(folder: Path, capsys: Out) -> None:
    assert note.main(["A1", "loss spikes at epoch 3"]) == 0
    assert tag.main(["A1", "candidate", "v2"]) == 0
    capsys.readouterr()
    assert note.main(["A1"]) == 0
    assert capsys.readouterr().out.endswith(": note: loss spikes at epoch 3; tags: candidate, v2\n")
    assert results.main([]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "note: loss spikes at epoch 3; tags: candidate, v2" in text
    assert results.main(["--json"]) == 0
    rows = {row["experiment"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert [(run["note"], run["tags"]) for run in rows["A1"]["runs"]] == [
        ("loss spikes at epoch 3", ["candidate", "v2"])
    ]
    assert [(run["note"], run["tags"]) for run in rows["Baseline"]["runs"]] == [("", [])]
    assert tag.main(["A1", "--remove", "candidate", "--json"]) == 0
    (only,) = json.loads(capsys.readouterr().out)["runs"]
    assert (only["note"], only["tags"]) == ("loss spikes at epoch 3", ["v2"])
    assert note.main(["A1", ""]) == 0
    assert capsys.readouterr().out.endswith(": tags: v2\n")


def test_a_word_is_missing_or_wrong(folder: Path) -> None:
    with pytest.raises(UsageError, match="name tags to add, or --remove some"):
        tag.main(["A1"])
    with pytest.raises(UsageError, match='there is no run of "A9" here; known: A1'):
        note.main(["A9", "x"])
    with pytest.raises(UsageError, match='"a,b" cannot be a tag'):
        tag.main(["A1", "a,b"])


@pytest.mark.slow
def test_the_report_has_them(folder: Path) -> None:
    note.main(["A1", "loss <spikes> & more"])
    tag.main(["A1", "candidate"])
    assert report_main(["--out", "report"]) == 0
    page = (folder / "report" / INDEX).read_text()
    assert "note: loss &lt;spikes&gt; &amp; more" in page
    assert "tags: candidate" in page
