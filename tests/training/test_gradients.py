"""Gradients gathered over parts of a batch equal those of the whole batch; running statistics count each crop once."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from iqa_train.models.network import QualityNetwork
from iqa_train.study.settings import TrainingConfig
from iqa_train.training.batches import batch_bounds
from iqa_train.training.compute_device import choose_device
from iqa_train.training.gradients import BatchGradients, gradients, gradients_in_parts
from iqa_train.training.losses import training_loss
from iqa_train.training.targets import Targets

LOSSES = (
    "l1",
    "l2",
    "srcc",
    "rank",
    "pairwise",
    "soft_srcc",
    "margin_rank",
    "ranknet",
    "plcc",
    "nin",
    "fidelity",
    "emd",
)
CROPS = 12


class Smooth(nn.Module):
    """Crops to scores without batch statistics, in float64 for exact comparison."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        torch.manual_seed(3)
        layers = [nn.Conv2d(3, 4, 3, stride=4), nn.GELU(), nn.Flatten(), nn.Dropout(dropout), nn.Linear(4 * 64, 1)]
        self.layers = nn.Sequential(*layers).double()

    def forward(self, crops: Tensor) -> Tensor:
        scores: Tensor = self.layers(crops)
        return scores.flatten()


def batch() -> tuple[Tensor, Targets]:
    generator = torch.Generator().manual_seed(5)
    crops = torch.rand(CROPS, 3, 32, 32, generator=generator, dtype=torch.float64)
    scores = torch.rand(CROPS, generator=generator, dtype=torch.float64)
    shares = torch.rand(CROPS, 5, generator=generator, dtype=torch.float64)
    distribution = shares / shares.sum(1, keepdim=True)
    return crops, Targets(scores, (0.0, 1.0), torch.full_like(scores, 0.1), distribution)


def loss_of(name: str, targets: Targets, alpha: float = 0.0) -> Callable[[Tensor], Tensor]:
    config = TrainingConfig(loss_type=name, ranking_loss_alpha=alpha)
    return lambda predicted: training_loss(predicted, targets, config)


def of(network: nn.Module) -> list[Tensor]:
    return [p.grad.clone() for p in network.parameters() if p.grad is not None]


@settings(deadline=None, max_examples=20)
@given(st.sampled_from(LOSSES), st.integers(1, CROPS), st.sampled_from([0.0, 0.5]))
def test_parts_give_the_gradients_of_the_whole_batch(name: str, size: int, alpha: float) -> None:
    crops, targets = batch()
    whole, parted = Smooth(), Smooth()
    expected = gradients(whole, crops, loss_of(name, targets, alpha))
    bounds = batch_bounds(CROPS, size)
    got = gradients_in_parts(parted, parted, crops, loss_of(name, targets, alpha), bounds, lambda _: None)
    for one, other in zip((*expected, *of(whole)), (*got, *of(parted)), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


def test_both_passes_of_a_part_drop_the_same() -> None:
    crops, targets = batch()
    network = Smooth(dropout=0.5).train()
    seen: list[Tensor] = []

    def forward(part: Tensor) -> Tensor:
        predicted: Tensor = network(part)
        seen.append(predicted.detach())
        return predicted

    def seed_part(index: int) -> None:
        torch.manual_seed(100 + index)

    predicted, _ = gradients_in_parts(network, forward, crops, loss_of("plcc", targets), [(0, 5), (5, 12)], seed_part)
    assert torch.equal(torch.cat(seen[:2]), torch.cat(seen[2:]))
    assert torch.equal(torch.cat(seen[2:]), predicted)


def test_running_statistics_count_each_crop_once() -> None:
    config = TrainingConfig(backbone="demo", weights="none", patch_size=32, dropout_rate=0.0, drop_path_rate=0.0)
    crops, targets = batch()
    crops, halves = crops.float(), [(0, 6), (6, 12)]
    network, other = (QualityNetwork(config, 1).train() for _ in range(2))
    gradients_in_parts(network, network, crops, loss_of("l1", targets), halves, lambda _: None)
    for start, stop in halves:
        other(crops[start:stop])
    moved = dict(other.named_buffers())
    assert all(torch.equal(value, moved[name]) for name, value in network.named_buffers())


@pytest.mark.parametrize(
    ("micro", "parts"), [(0, [12]), (12, [12]), (40, [12]), (4, [4, 4, 4]), (11, [12]), (5, [5, 5, 2])]
)
def test_the_setting_says_how_many_crops_are_computed_at_once(micro: int, parts: list[int]) -> None:
    config = TrainingConfig(backbone="demo", weights="none", patch_size=32, micro_batch_size=micro, precision="fp32")
    crops, targets = batch()
    network, sizes = QualityNetwork(config, 1).train(), list[int]()

    def forward(part: Tensor) -> Tensor:
        sizes.append(len(part))
        predicted: Tensor = network(part)
        return predicted

    targets = Targets(targets.scores.float(), targets.score_range)
    step = BatchGradients(network, forward, choose_device(config), config, own_code=False)
    predicted, loss = step(crops.float(), targets, 1, 0)
    assert sizes == (parts if parts == [12] else parts * 2)
    assert predicted.shape == (CROPS,)
    assert loss.isfinite()
