"""What runs took, how their training went, and where the baseline errs most, from the files that runs leave."""

import base64
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from iqa_train.datasets.table import ImageTable
from iqa_train.files import append_line, write_json
from iqa_train.report import worst_images as module
from iqa_train.report.cost import Cost, costs
from iqa_train.report.html.page import page
from iqa_train.report.learning import learning
from iqa_train.report.worst_images import MOST, worst_images
from iqa_train.results.run_record import record
from iqa_train.runs.predictions import Predictions
from tests.report.finished import epoch_event, finish, specs, write_study
from tests.report.samples import MATERIAL, predictions


@pytest.fixture
def study(tmp_path: Path) -> Path:
    write_study(tmp_path)
    return tmp_path


def test_failed_attempts_cost_too(study: Path) -> None:
    spec = specs(study)["A1"]
    finish(study, spec, state="failed")
    run = finish(study, spec)
    assert costs([record(spec, run)]) == (Cost("A1", 1, 2, 2, 2.0, 2.0, 0.0),)


def test_hours_on_a_gpu_are_told_apart(study: Path) -> None:
    run = finish(study, specs(study)["A1"])
    write_json(run.attempts()[0].runner, {"device": {"kind": "gpu", "key": "gpu-x"}})
    assert costs([record(specs(study)["A1"], run)])[0].on_gpu == 1.0


def test_loss_and_learning_rate_by_epoch(study: Path) -> None:
    run = finish(study, specs(study)["A1"])
    append_line(run.attempts()[0].metrics, {**epoch_event(3, 0.9), "train_loss": 1.5, "lr": 1e-3})
    assert learning([record(specs(study)["A1"], run)])[0].losses == ((3, 1.5),)
    assert learning([record(specs(study)["A1"], run)])[0].rates == ((3, 1e-3),)
    assert learning([record(specs(study)["Hot"], finish(study, specs(study)["Hot"]))]) == ()


def errs_at(table: Predictions, image: int, error: float) -> Predictions:
    guessed = table.scores.copy()
    guessed[image] += error
    return replace(table, predictions=guessed)


def test_the_largest_errors_come_first_with_pictures(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = record(specs(study)["Baseline"], finish(study, specs(study)["Baseline"]))
    table = predictions(20)  # too few for the logistic fit
    tables = {"Baseline": errs_at(table, 7, 30.0), "A1": errs_at(table, 7, 10.0)}
    assert [one.picture for one in worst_images(run, tables).images] == [b""] * MOST  # type: ignore[union-attr]
    folder = study / "data" / "koniq-10k"
    folder.mkdir(parents=True)
    Image.fromarray(np.zeros((300, 400, 3), np.uint8)).save(folder / "7.jpg")
    known = ImageTable("koniq-10k", folder, table.images, table.scores, (0.0, 100.0))
    monkeypatch.setattr(module, "read_table", lambda *_: known)
    monkeypatch.setattr(module, "folder_of", lambda *_: folder)
    found = worst_images(run, tables)
    assert found is not None
    assert not found.fitted
    first = found.images[0]
    assert (first.name, first.error, first.others) == ("7.jpg", pytest.approx(30.0), pytest.approx(10.0))
    assert first.picture.startswith(b"\xff\xd8")
    assert base64.b64encode(first.picture).decode() in page(replace(MATERIAL, worst=found), [])
    assert not any(one.picture for one in worst_images(run, tables, pictures=False).images)  # type: ignore[union-attr]


def test_without_predictions_there_are_no_largest_errors(study: Path) -> None:
    run = record(specs(study)["Baseline"], finish(study, specs(study)["Baseline"]))
    assert worst_images(run, {"A1": predictions(40)}) is None
    assert worst_images(None, {}) is None
