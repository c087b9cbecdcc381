"""What tests of the whole program share: a study that trains in a second, and a way to run the program."""

import csv
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from tests.once import made_once

if TYPE_CHECKING:
    from tests.scheduler.cross_project import Crossed

PROGRAM = [sys.executable, "-m", "iqa_train.cli.main"]

STUDY = """
[study]
name = "small"
baseline = "Baseline"

[datasets.small]
csv = "scores.csv"
score_range = [-20, 120]
reference_column = "reference"

[defaults]
dataset = "small"
backbone = "demo"
weights = "none"
model_size = "tiny"
hyper_channels = 16
patch_size = 32
train_patch_num = 4
test_patch_num = 2
test_random_crop = true
color_jitter = false
batch_size = 8
lr = 3e-3
lr_ratio = 1
epochs = 3
early_stopping = false
spaq = false
train_test_num = 1
ranking_loss_alpha = 0
attention_fusion = true

[[experiments]]
id = "Baseline"
slug = "baseline"

[[experiments]]
id = "A1"
slug = "A1_no_attention"
set = { attention_fusion = false }

[[experiments]]
id = "A2"
slug = "A2_no_multiscale"
set = { multi_scale = false }

[[batches]]
name = "Batch 1"
gpus = { 0 = "Baseline", 1 = "A1" }
minutes = 1
"""


@dataclass(frozen=True)
class Project:
    """A directory with a study file and its data, where the program is run."""

    folder: Path

    def environment(self) -> dict[str, str]:
        return os.environ | {
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "CUDA_VISIBLE_DEVICES": "",
            "IQA_TRAIN_LEASES": str(self.folder / "leases"),
        }

    def run(self, *words: str, code: int = 0, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run iqa-train to its end and hold it to its exit code."""
        done = subprocess.run(
            [*PROGRAM, *words],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == code, f"exit {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        assert "Traceback" not in done.stderr
        return done

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """Start it as a shell would: hearing Ctrl-C, which tests that run in the background have inherited ignored."""
        return subprocess.Popen(
            ["env", "--default-signal=INT", *PROGRAM, *words],
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run_folder(self, experiment: str, study: str = "small") -> Path:
        (folder,) = (self.folder / "runs" / study / experiment).iterdir()
        return folder


def write_small_study(folder: Path, study: str = STUDY) -> Project:
    """48 noisy pictures of 24 scenes, and the study of three experiments on them."""
    rng = np.random.default_rng(0)
    images = folder / "data" / "small" / "images"
    images.mkdir(parents=True)
    rows = []
    for k in range(48):
        quality = k % 12
        wave = 128 + 40 * np.sin(np.arange(48)[None, :] / 3 + k // 2)[..., None] * np.ones((40, 48, 3))
        pixels = np.clip(wave + rng.normal(0, 1 + 5 * quality, (40, 48, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(images / f"{k:02}.png")
        rows.append((f"images/{k:02}.png", round(100 - 8 * quality + rng.normal(), 3), f"scene{k // 2}"))
    with (folder / "data" / "small" / "scores.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("image", "score", "reference"), *rows])
    (folder / "experiments.toml").write_text(study)
    return Project(folder)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return write_small_study(tmp_path)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The same study with Baseline, A1 and A2 run to their ends: what others are compared with."""
    project = write_small_study(tmp_path_factory.mktemp("undisturbed"))
    project.run("--all")
    return project


@pytest.fixture(scope="session")
def crossed(tmp_path_factory: pytest.TempPathFactory) -> "Crossed":
    """A study whose runs were tested on other sets after training."""
    from tests.scheduler.cross_project import cross_in, crossed_of  # only here: it builds upon this module

    return crossed_of(made_once(tmp_path_factory, "crossed", cross_in))


@pytest.fixture
def empty(tmp_path: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """The program, run in an empty directory."""
    return Project(tmp_path).run
