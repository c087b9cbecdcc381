"""Runs of an earlier revision: their networks can be tested and used to predict, but not trained further."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from iqa_train.errors import WeightsError
from iqa_train.models.network import QualityNetwork
from iqa_train.runs import outcome
from iqa_train.runs.layout import RunFolder, run_folder
from iqa_train.runs.specfile import write_spec
from iqa_train.study.settings import TrainingConfig
from iqa_train.study.spec import RunSpec
from iqa_train.training.checkpoint import Checkpoint, checkpoint_owner, save_checkpoint
from iqa_train.training.compute_device import choose_device
from iqa_train.training.selected_network import load_selected_network
from iqa_train.training.worker import main

# Where the first revision, with its two further dropouts, had the layers.
THEN = {"hyper.reduce.2.": "hyper.reduce.3.", "hyper.reduce.4.": "hyper.reduce.6."}


def spec_of(revision: int, **changes: object) -> RunSpec:
    values = {"backbone": "demo", "weights": "none", "patch_size": 32, "train_test_num": 1} | changes
    return RunSpec(revision=revision, study="s", experiment="A", slug="a", settings=TrainingConfig(**values))


def kept(runs_dir: Path, spec: RunSpec, network: QualityNetwork) -> RunFolder:
    """A run whose selected network has the weights of `network`, under the names of the run's revision."""
    run = run_folder(runs_dir, spec)
    tensors = {}
    for name, value in network.state_dict().items():
        old = next((then + name.removeprefix(now) for now, then in THEN.items() if name.startswith(now)), name)
        tensors[f"network.{old if spec.revision == 1 else name}"] = value
    files = run.round(1, 1)
    files.best.parent.mkdir(parents=True)
    save_checkpoint(files.best, Checkpoint(tensors, {"epoch": 3}), owner=checkpoint_owner(spec, run, 1))
    return run


@pytest.mark.parametrize("revision", [1, 2])
def test_the_network_of_an_earlier_revision_scores_as_before(tmp_path: Path, revision: int) -> None:
    spec = spec_of(revision)
    network = QualityNetwork(spec.settings, 5).eval()
    run = kept(tmp_path, spec, network)
    found = load_selected_network(run, spec, 1, choose_device(spec.settings))
    crops = torch.rand(3, 3, 32, 32)
    with torch.inference_mode():
        assert torch.allclose(found.network.eval()(crops), network(crops))
    assert found.epoch == 3


def test_a_network_that_has_changed_since_is_refused(tmp_path: Path) -> None:
    now = spec_of(2, backbone="resnet50", multi_scale=False)
    network = QualityNetwork(now.settings, 5)
    network.hyper.reduce[0] = torch.nn.Conv2d(2048, 512, 1)  # as the first revision had it
    then = now.model_copy(update={"revision": 1})
    run = kept(tmp_path, then, network)
    with pytest.raises(WeightsError, match="trained by an earlier revision of the network and losses"):
        load_selected_network(run, then, 1, choose_device(then.settings))


@pytest.fixture
def signals() -> Iterator[None]:
    """The worker takes TERM and INT for itself."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("signals")
def test_a_run_of_an_earlier_revision_cannot_be_resumed(tmp_path: Path) -> None:
    spec = spec_of(1)
    run = run_folder(tmp_path, spec)
    attempt = run.next_attempt()
    attempt.folder.mkdir(parents=True)
    write_spec(run, spec)
    assert main([str(run.path), str(attempt.folder), "--resume"]) == outcome.INVALID
    last = json.loads(attempt.metrics.read_text().splitlines()[-1])
    assert last["message"].startswith(
        "this run was trained by an earlier revision of the network and losses and cannot"
    )
