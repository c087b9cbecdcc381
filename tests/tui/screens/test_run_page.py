"""The page about a run is made of files that may be missing, damaged, or something else altogether."""

import json
import shutil
from pathlib import Path

import pytest

from iqa_train.report.run_page.page import StudyContext, about_run
from iqa_train.runs.layout import RunFolder
from iqa_train.study.load import load_study


def page_of(study: Path, experiment: str) -> str:
    (path,) = (study / "runs" / "small" / experiment).iterdir()
    within = StudyContext(load_study(study / "experiments.toml"), baseline="Baseline")
    return "\n".join(
        " | ".join((section.title, *line.cells))
        for section in about_run(RunFolder(path), within)
        for line in section.lines
    )


WHOLE = ("Results", "Differs from Baseline", "Audit", "Attempt", "Files | folder", "Provenance", "Settings: Network")


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("spec.json", "{"), ("spec.json", "[]"), ("spec.json", '{"settings": 7, "differs": [], "config_hash": 3}'),
        ("spec.json", '{"settings": {"lr": "much", "zeal": 3}}'),
        ("spec.json", '{"settings": {}, "differs": {"lr": 5}}'),
        ("result.json", "\x00\x1b]0;owned\x07"), ("result.json", '{"rounds": [{"test": 3, "cross": [1]}, 4]}'),
        ("result.json", '{"rounds": {}, "srcc": "high"}'),
        ("provenance.json", "nonsense"), ("provenance.json", '{"code": [], "packages": "x", "data": {"images": 1}}'),
        ("provenance.json", '{"imported": {"log": 3}}'),
        ("attempt-01/runner.json", "{"), ("attempt-01/runner.json", '{"command": 4, "device": "x", "started": "ever"}'),
        ("attempt-01/exit.json", "null"), ("attempt-01/exit.json", '{"state": "odd", "seconds": "long"}'),
        ("attempt-01/metrics.jsonl", "\x00\n{}\n[]"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_reported_and_hides_no_other(study: Path, file: str, content: str) -> None:
    (path,) = (study / "runs" / "small" / "A1").iterdir()
    (path / file).write_text(content)
    page = page_of(study, "A1")
    settings = "other versions" if "zeal" in content else "Settings: Network"
    for words in (*WHOLE[2:-1], settings):
        assert words in page, words
    if content[0] not in "{" or content == "{":
        assert "is damaged" in page or file.endswith("jsonl")


@pytest.mark.parametrize(
    "file", ["spec.json", "result.json", "provenance.json", "attempt-01", "attempt-01/runner.json"]
)
def test_a_file_that_cannot_be_read_is_reported(study: Path, file: str) -> None:
    (folder,) = (study / "runs" / "small" / "A1").iterdir()
    path = folder / file
    if path.is_dir():
        shutil.rmtree(path)
        path.write_text("no folder")
    else:
        path.unlink(missing_ok=True)
        path.mkdir()
    page = page_of(study, "A1")
    assert "is damaged (it is a folder, not a file; remove it)" in page or "cannot be read" in page
    for words in WHOLE[2:]:
        assert words in page, words


def test_attempts_are_listed_with_their_ends_the_latest_first(study: Path) -> None:
    (folder,) = (study / "runs" / "small" / "A1").iterdir()
    shutil.copytree(folder / "attempt-01", folder / "attempt-02")
    first = folder / "attempt-01" / "exit.json"
    ended = {"state": "failed", "reason": "out of memory", "exit_code": 4, "seconds": 125.0}
    first.write_text(json.dumps(json.loads(first.read_text()) | ended))
    page = page_of(study, "A1")
    assert page.index("Attempt 2: completed") < page.index("Attempt 1: failed | reason | out of memory")
    assert "after 2:05, exit code 4" in page


def test_a_setting_that_the_study_file_means_otherwise_now(study: Path) -> None:
    file = study / "experiments.toml"
    file.write_text(
        file.read_text().replace("dropout_rate = 0.1", "dropout_rate = 0.2").replace("lr = 3e-3", "lr = 1e-3")
    )
    assert "lr | 0.003 |  | given at start; the study file now says 0.001" in page_of(study, "A1")
