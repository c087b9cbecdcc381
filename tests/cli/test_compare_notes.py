"""`iqa-train compare` of numbers with runs says what belongs to that comparison, and nothing of the study's own."""

from pathlib import Path

import pytest

from iqa_train.cli.commands.compare import main
from tests.report.finished import STUDY, finish, specs, write_study

REFERENCES = STUDY.replace('id = "paper"\n', 'id = "paper"\nstudy = "old"\nexperiment = "A1"\n')


def test_what_a_run_is_to_its_baseline_is_not_said_of_it_and_a_reference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_study(tmp_path, REFERENCES)
    for number, spec in enumerate(specs(tmp_path, profile="demo").values()):
        finish(tmp_path, spec, 8.0 + 0.1 * number)
    assert main(["old", "tiny-demo"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "on other data sets: koniq-10k and demo" in told
    assert "seeds are needed" not in told
