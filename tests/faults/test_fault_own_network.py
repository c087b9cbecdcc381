"""A network of the study's own: its file is edited while its runs are queued, and their processes are killed."""

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from safetensors import safe_open

from tests.conftest import STUDY
from tests.faults.fault_project import FaultyProject, faulty_project, pause_before_anything_starts

NETWORK = """\
import random

import torch
from torch import nn

from parts.gate import Gate


class Net(nn.Module):
    mean, std = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)

    def __init__(self, backbone, depth):
        super().__init__()
        self.backbone = backbone
        width = backbone.channels[-1]
        self.gates = nn.ModuleList(Gate(width) for _ in range(depth))
        for gate in self.gates[1:]:
            gate.map = self.gates[0].map  # shared
        self.register_buffer("mask", torch.full((3, 3), -torch.inf).triu(1))
        self.score = nn.Linear(width, 1)

    def forward(self, crops):
        x = self.backbone(crops)[-1].mean((2, 3))
        print("scoring", len(x), end="")
        if self.training:
            x = x * random.uniform(0.9, 1.1)
        for gate in self.gates:
            x = gate(x)
        return self.score(x)

    def parameter_groups(self):
        return [{"params": self.score.parameters(), "lr_ratio": 2.0, "weight_decay": 0.0}]


def build(*, depth: int = 1, context):
    return Net(context.backbone(), depth)
"""
GATE = """\
import torch
from torch import nn


class Gate(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.gate = nn.Parameter(torch.zeros(width))
        self.map = nn.Linear(width, width)
        self.drop = nn.Dropout(0.2)

    def forward(self, x):
        return x + self.gate * self.drop(self.map(x))
"""
OWN = (
    STUDY.replace("epochs = 3", "epochs = 4").partition("[[experiments]]")[0]
    + """
[datasets.other]
path = "data/small"
csv = "scores.csv"
score_range = [-20, 120]

[[experiments]]
id = "Baseline"
set = { network = "nets/mine.py:build" }

[[experiments]]
id = "Deep"
set = { network = "nets/mine.py:build", network_options = { depth = 2 } }
"""
)

pytestmark = pytest.mark.slow


def write_network(folder: Path) -> None:
    (folder / "nets" / "parts").mkdir(parents=True)
    (folder / "nets" / "mine.py").write_text(NETWORK)
    (folder / "nets" / "parts" / "gate.py").write_text(GATE)


def own_study(folder: Path) -> Iterator[FaultyProject]:
    with faulty_project(folder, OWN, real=True) as project:
        write_network(project.folder)
        yield project


@pytest.fixture
def calm(tmp_path: Path) -> Iterator[FaultyProject]:
    yield from own_study(tmp_path / "calm")


@pytest.fixture
def disturbed(tmp_path: Path) -> Iterator[FaultyProject]:
    yield from own_study(tmp_path / "disturbed")


def test_runs_that_are_killed_while_their_network_is_edited_end_as_if_neither_had_happened(
    calm: FaultyProject, disturbed: FaultyProject
) -> None:
    calm.run("--all", "--slots", "2", timeout=240)

    pause_before_anything_starts(disturbed)
    (disturbed.folder / "nets" / "mine.py").write_text("raise SystemExit('edited')\n")
    (disturbed.folder / "nets" / "parts" / "gate.py").unlink()
    disturbed.run("queue", "resume")
    for experiment in ("Baseline", "Deep"):
        disturbed.wait_for_worker(experiment).kill()
    told = disturbed.wait_until_settled(180)
    assert {row["state"] for row in told["runs"]} == {"completed"}, disturbed.story()

    for experiment in ("Baseline", "Deep"):
        (one,), (other,) = runs(calm, experiment), runs(disturbed, experiment)
        assert one.name == other.name
        assert len(disturbed.attempts(experiment)) == 2
        for file in ("best", "last"):
            assert tensors(one, file) == tensors(other, file)
        for split in ("val", "test"):
            assert predictions(one, split) == predictions(other, split)
        logs = sorted((disturbed.folder / "logs").glob(f"{experiment}_*.log"))
        assert len(logs) == 2
        for log in logs:
            assert "note: nets/mine.py and nets/parts/gate.py in " in log.read_text()
            assert "changed after this run was queued; the run uses its copy" in log.read_text()
        assert "own code: nets/mine.py and nets/parts/gate.py, from the copy in " in logs[0].read_text()
        assert (other / "code" / "nets" / "mine.py").read_text() == NETWORK

    (deep,) = runs(disturbed, "Deep")
    found = disturbed.run("predict", "data/small", "--run", str(deep)).stdout.splitlines()
    scores = dict(line.removeprefix("data/small/").split(",") for line in found[1:])
    assert predictions(deep, "test")[1:] == [[n, s, scores[n]] for n, s, _ in predictions(deep, "test")[1:]]
    shutil.rmtree(disturbed.folder / "nets")
    write_network(disturbed.folder)  # or the run is of other code than the experiment
    disturbed.run("test", "--exp", "Deep", "--on", "other")
    assert {row[0]: row[2] for row in predictions(deep, "other")[1:]} == scores


def runs(project: FaultyProject, experiment: str) -> list[Path]:
    return list((project.folder / "runs" / "small" / experiment).iterdir())


def tensors(run: Path, file: str) -> dict[str, bytes]:
    with safe_open(run / "checkpoints" / f"{file}.safetensors", "np") as opened:
        return {name: opened.get_tensor(name).tobytes() for name in opened.keys()}  # noqa: SIM118


def predictions(run: Path, split: str) -> list[list[str]]:
    with (run / f"predictions-{split}.csv").open() as file:
        return list(csv.reader(file))
