"""Checkpoints: written whole, tied to their run, never code, and exact enough to resume bit for bit."""

import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from iqa_train.errors import WeightsError
from iqa_train.models.network import QualityNetwork
from iqa_train.study.settings import TrainingConfig
from iqa_train.training.checkpoint import (
    Checkpoint,
    DiskFullError,
    load_checkpoint,
    network_tensors,
    optimizer_tensors,
    restore_optimizer,
    save_checkpoint,
)
from iqa_train.training.optimizer import build_optimizer, set_rates
from iqa_train.training.progress import Progress
from tests.small_disk import small_disk

OWNER = "small/Baseline/s42-0123456789 round 1"


def small() -> Checkpoint:
    generator = torch.Generator().manual_seed(0)
    tensors = {
        "network.a": torch.randn(3, 4, generator=generator),
        "network.turned": torch.randn(4, 3, generator=generator).T,
        "network.count": torch.tensor(7),
        "progress.val": torch.randn(5, generator=generator, dtype=torch.float64),
        "progress.losses": torch.empty(0),
        "optimiser.0.exp_avg": torch.randn(2, generator=generator).bfloat16(),
    }
    return Checkpoint(tensors, {"epoch": 3, "history": [{"srcc": 0.1 + 0.2, "note": "é", "nothing": None}]})


def test_a_checkpoint_is_restored_bit_for_bit(tmp_path: Path) -> None:
    path, before = tmp_path / "checkpoints" / "last.safetensors", small()
    save_checkpoint(path, before, owner=OWNER)
    after = load_checkpoint(path, owner=OWNER)
    assert after.state == before.state
    assert set(after.tensors) == set(before.tensors)
    for name, tensor in before.tensors.items():
        assert after.tensors[name].dtype == tensor.dtype
        assert torch.equal(after.tensors[name], tensor)
    assert set(after.under("network.")) == {"a", "turned", "count"}
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def refused(path: Path, owner: str = OWNER) -> str:
    with pytest.raises(WeightsError) as raised:
        load_checkpoint(path, owner=owner)
    message = str(raised.value)
    assert str(path) in message
    return message


def test_a_truncated_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "last.safetensors"
    save_checkpoint(path, small(), owner=OWNER)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert "cut short or damaged" in refused(path)
    path.write_bytes(whole)
    load_checkpoint(path, owner=OWNER)


def test_a_flipped_byte_is_noticed_or_changes_nothing(tmp_path: Path) -> None:
    path, before = tmp_path / "last.safetensors", small()
    save_checkpoint(path, before, owner=OWNER)
    whole = path.read_bytes()
    noticed = 0
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        try:
            after = load_checkpoint(path, owner=OWNER)
        except WeightsError as error:
            noticed += 1
            assert "--again" in str(error)
            continue
        assert after.state == before.state
        assert all(torch.equal(after.tensors[name], tensor) for name, tensor in before.tensors.items())
    assert noticed > 0.9 * len(whole)


def test_a_checkpoint_without_checksum_is_read(tmp_path: Path) -> None:
    path = tmp_path / "last.safetensors"
    save_file({"network.a": torch.ones(2)}, path, {"schema_version": "1", "owner": OWNER, "state": '{"epoch": 1}'})
    assert load_checkpoint(path, owner=OWNER).state == {"epoch": 1}


def test_a_folder_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "last.safetensors"
    path.mkdir()
    assert "is a folder, not a checkpoint" in refused(path)


@pytest.mark.parametrize("header", [0x0280, 0x0480, 0x0580])
def test_a_truncated_checkpoint_is_not_mistaken_for_a_pickle(tmp_path: Path, header: int) -> None:
    """A header of these lengths begins with the same two bytes as a pickle."""
    path = tmp_path / "last.safetensors"
    for padding in range(header):
        save_file({"a": torch.zeros(100)}, path, {"owner": "x" * padding})
        if int.from_bytes(path.read_bytes()[:8], "little") == header:
            break
    else:
        pytest.fail("no header of that length")
    path.write_bytes(path.read_bytes()[:-1])
    assert "cut short or damaged" in refused(path)


class _Creates:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("form", ["torch", "torch-legacy", 2, 3, 4, 5])
def test_a_pickle_is_refused_and_not_run(tmp_path: Path, form: str | int) -> None:
    path, trap = tmp_path / "last.safetensors", tmp_path / "made-by-unpickling"
    content = {"network.a": torch.zeros(2), "trap": _Creates(trap)}
    if isinstance(form, int):
        path.write_bytes(pickle.dumps(content, protocol=form))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=form == "torch")
    assert "is a pickle, which can run code, and is refused" in refused(path)
    assert not trap.exists()


def test_a_checkpoint_of_another_run_or_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "last.safetensors"
    save_checkpoint(path, small(), owner=OWNER)
    other = "small/A1/s42-abcdef0123 round 1"
    message = refused(path, owner=other)
    assert OWNER in message
    assert other in message
    save_file({"a": torch.zeros(1)}, path)
    assert "no run of this program" in refused(path)


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    assert "nothing to continue from" in refused(tmp_path / "last.safetensors")


def test_a_full_disk_keeps_the_old_checkpoint(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 256) as disk:
        path = disk / "last.safetensors"
        save_checkpoint(path, small(), owner=OWNER)
        large = Checkpoint({"network.a": torch.zeros(100_000)}, {})
        with pytest.raises(DiskFullError, match="no room for a checkpoint; make room and continue with --resume"):
            save_checkpoint(path, large, owner=OWNER)
        assert load_checkpoint(path, owner=OWNER).state == small().state
        assert [p.name for p in disk.iterdir()] == [path.name]


def settings(**changes: object) -> TrainingConfig:
    return TrainingConfig(
        **{"backbone": "demo", "weights": "none", "patch_size": 32, "lr": 3e-3, "lr_ratio": 2.0} | changes
    )


def made() -> tuple[QualityNetwork, torch.optim.AdamW]:
    network = QualityNetwork(settings(), 1).to(memory_format=torch.channels_last)
    return network, build_optimizer(network, settings())


def steps(network: QualityNetwork, optimizer: torch.optim.Optimizer, first: int, count: int) -> list[float]:
    losses = []
    for step in range(first, first + count):
        torch.manual_seed(step)
        crops = torch.rand(4, 3, 32, 32).contiguous(memory_format=torch.channels_last)
        set_rates(optimizer, step, 2, settings())
        loss = (network(crops) - torch.arange(4.0)).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_resuming_is_bit_equal_to_never_having_stopped(tmp_path: Path) -> None:
    network, optimizer = made()
    steps(network, optimizer, 0, 3)
    tensors = network_tensors(network) | optimizer_tensors(optimizer)
    save_checkpoint(tmp_path / "last.safetensors", Checkpoint(tensors, {}), owner=OWNER)
    expected = steps(network, optimizer, 3, 3)

    fresh, restored = made()
    checkpoint = load_checkpoint(tmp_path / "last.safetensors", owner=OWNER)
    fresh.load_state_dict(checkpoint.under("network."))
    restore_optimizer(restored, checkpoint)
    assert steps(fresh, restored, 3, 3) == expected
    for (name, a), b in zip(network.state_dict().items(), fresh.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    ours, theirs = optimizer_tensors(optimizer), optimizer_tensors(restored)
    assert set(ours) == set(theirs)
    assert all(torch.equal(ours[k], theirs[k]) for k in ours)


def test_the_backbone_and_the_local_distortion_layers_train_at_lr_and_the_rest_at_lr_ratio_times_it() -> None:
    network, optimizer = made()
    set_rates(optimizer, 0, 2, settings())
    rate = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    for name, parameter in network.named_parameters():
        assert rate.pop(id(parameter)) == (3e-3 if name.startswith(("backbone.", "local.")) else 6e-3)
    assert rate == {}


@pytest.mark.slow
def test_the_local_distortion_layers_of_swin_tiny_train_at_lr() -> None:
    with torch.device("meta"):
        network = QualityNetwork(settings(backbone="swin", model_size="tiny", patch_size=224), 1)
    at_lr, rest = build_optimizer(network, settings()).param_groups
    of_backbone = sum(p.numel() for p in network.backbone.parameters())
    assert sum(p.numel() for p in at_lr["params"]) - of_backbone == 196_320
    assert sum(p.numel() for p in (*at_lr["params"], *rest["params"])) == sum(p.numel() for p in network.parameters())
    assert (at_lr["ratio"], rest["ratio"]) == (1, 2)


def test_tensors_that_share_memory_are_saved_under_each_name(tmp_path: Path) -> None:
    whole = torch.arange(6.0)
    tensors = {"one": whole, "same": whole, "part": whole[2:4], "turned": whole.view(2, 3).T, "empty": torch.empty(0)}
    save_checkpoint(tmp_path / "best.safetensors", Checkpoint(tensors, {"epoch": 1}), owner=OWNER)
    loaded = load_checkpoint(tmp_path / "best.safetensors", owner=OWNER).tensors
    assert set(loaded) == set(tensors)
    assert all(torch.equal(loaded[name], value) for name, value in tensors.items())


def test_progress_is_restored(tmp_path: Path) -> None:
    progress = Progress(epoch=2, step=5, seconds=1.25, best_epoch=1, history=[{"epoch": 1, "val_srcc": None}])
    progress.losses, progress.predictions = torch.rand(9), torch.rand(40)
    progress.val, progress.test = (torch.rand(n, dtype=torch.float64) for n in (3, 4))
    path = tmp_path / "last.safetensors"
    save_checkpoint(path, Checkpoint(progress.tensors(), progress.state()), owner=OWNER)
    checkpoint = load_checkpoint(path, owner=OWNER)
    again = Progress.restored(checkpoint.state, checkpoint.under("progress."))
    assert again.state() == progress.state()
    for name in ("losses", "predictions", "val", "test"):
        assert torch.equal(getattr(again, name), getattr(progress, name))


@pytest.mark.parametrize(
    ("epoch", "best", "changes", "stopped", "finished"),
    [
        (4, 1, {}, False, False),
        (5, 2, {"patience": 3}, True, True),
        (5, 2, {"patience": 3, "early_stopping": False}, False, False),
        (5, 3, {"patience": 3}, False, False),
        (6, 1, {"patience": 3}, False, True),  # the epochs were over anyway
        (0, 0, {"patience": 1}, False, False),
    ],
)
def test_when_training_ends(epoch: int, best: int, changes: dict[str, object], stopped: bool, finished: bool) -> None:
    config = settings(epochs=6, **changes)
    progress = Progress(epoch=epoch, best_epoch=best)
    assert progress.stopped_early(config) == stopped
    assert progress.finished(config) == finished
