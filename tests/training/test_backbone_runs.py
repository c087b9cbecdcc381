"""A transformer partly frozen, normalised as it is set to be, trained in parts of a batch, from end to end."""

import csv
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from iqa_train.datasets.images.loose_images import LooseImages, read_picture
from iqa_train.files import read_lines
from iqa_train.runs.layout import RunFolder, run_folder
from iqa_train.runs.specfile import read_spec, write_spec
from iqa_train.study.load import load_study
from iqa_train.study.normalisation import IMAGENET
from iqa_train.study.resolve import resolve
from iqa_train.training.compute_device import choose_device
from iqa_train.training.evaluate import score_images
from iqa_train.training.selected_network import load_selected_network
from tests.conftest import STUDY as SMALL
from tests.conftest import Project, write_small_study
from tests.scheduler.cross_project import with_others

pytestmark = pytest.mark.slow

VIT = """
backbone = "test_vit"
taps = [1, 3, 4, 6]
freeze = "blocks:2"
layer_decay = 0.7
mean = [0.5, 0.4, 0.3]
std = [0.5, 0.25, 0.2]
micro_batch_size = 3
"""
STUDY = (
    SMALL.replace('backbone = "demo"', VIT)
    .replace("epochs = 3", "epochs = 2")
    .replace("train_patch_num = 4", "train_patch_num = 2")
    .replace("test_random_crop = true", "test_random_crop = false")
)


def predictions(path: Path) -> dict[str, str]:
    with path.open(newline="") as file:
        return {Path(row["image"]).name: row["prediction"] for row in csv.DictReader(file)}


def test_predict_and_test_normalise_as_the_run_did(tmp_path: Path) -> None:
    project = with_others(tmp_path, STUDY)
    done = project.run("--exp", "Baseline")
    assert "normalisation: mean 0.5 0.4 0.3, std 0.5 0.25 0.2" in done.stdout
    folder = project.run_folder("Baseline")
    spec = json.loads((folder / "spec.json").read_text())
    assert spec["normalisation"] == {"mean": [0.5, 0.4, 0.3], "std": [0.5, 0.25, 0.2]}
    own = predictions(folder / "predictions-test.csv")
    project.run("test", "--exp", "Baseline", "--on", "other")
    elsewhere = predictions(folder / "predictions-other.csv")
    found = project.run("predict", "data/small", "--run", str(folder)).stdout
    (project.folder / "found.csv").write_text(found)
    predicted = predictions(project.folder / "found.csv")
    assert len(set(own.values())) == len(own)
    images = {name: project.folder / "data" / "small" / "images" / name for name in own}
    run = RunFolder(folder)
    device = choose_device(read_spec(run).settings)
    selected = load_selected_network(run, read_spec(run), 1, device)
    loose = LooseImages([read_picture(path, None, 32) for path in images.values()], list(images))
    otherwise = score_images(
        selected.network, loose, loose.pictures(), selected.settings, device, normalisation=IMAGENET
    )
    for name, as_imagenet in zip(own, otherwise.tolist(), strict=True):
        assert elsewhere[name] == own[name]
        assert predicted[name] == own[name]
        assert abs(as_imagenet - float(own[name])) > 1e-4


def worker(project: Project, run: RunFolder, *words: str) -> tuple["subprocess.Popen[bytes]", Path]:
    attempt = run.next_attempt()
    attempt.folder.mkdir()
    command = [sys.executable, "-m", "iqa_train.training.worker", str(run.path), str(attempt.folder), *words]
    log = (project.folder / "log").open("ab")
    return subprocess.Popen(
        command, cwd=project.folder, env=project.environment() | {"OMP_NUM_THREADS": "1"}, stdout=log, stderr=log
    ), attempt.metrics


def prepared(folder: Path) -> tuple[Project, RunFolder]:
    project = write_small_study(folder, STUDY)
    spec = resolve(load_study(project.folder / "experiments.toml"), "Baseline")
    run = run_folder(project.folder / "runs", spec)
    run.path.mkdir(parents=True)
    write_spec(run, spec)
    return project, run


def test_killed_and_resumed_to_the_same_bits(tmp_path: Path) -> None:
    project, whole = prepared(tmp_path / "whole")
    process, _ = worker(project, whole)
    assert process.wait(120) == 0
    project, parted = prepared(tmp_path / "parted")
    process, metrics = worker(project, parted)
    while process.poll() is None and not [e for e in read_lines(metrics) if e["event"] == "epoch"]:
        time.sleep(0.02)
    process.kill()
    process.wait(60)
    process, _ = worker(project, parted, "--resume")
    assert process.wait(120) == 0
    one, other = (load_file(run.round(1, 1).last) for run in (whole, parted))
    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []
    initial = {name for name in one if ".vit.blocks.0." in name or "patch_embed" in name}
    trained = {name for name in one if ".vit.blocks.2." in name}
    assert initial
    assert trained
    best = load_file(whole.round(1, 1).best)
    assert all(torch.equal(best[name], one[name]) for name in initial)
