"""Multiply-accumulates, against counts by hand."""

import pytest
import torch
from torch import nn

from iqa_train.models.multiplications import multiplications

TOKENS, WIDTH = 5, 8


@pytest.mark.parametrize(
    ("module", "given", "count"),
    [
        (nn.Linear(3, 7), (2, 3), 2 * 3 * 7),
        (nn.Conv2d(3, 4, 3, padding=1), (2, 3, 6, 6), 2 * 4 * 3 * 9 * 36),
        (nn.Conv2d(4, 4, 3, padding=1, groups=4), (1, 4, 6, 6), 4 * 9 * 36),
        (nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Flatten(), nn.Linear(16, 1)), (1, 3, 2, 2), 3 * 4 * 4 + 16),
        (
            nn.TransformerEncoderLayer(WIDTH, 2, 16, batch_first=True),
            (3, TOKENS, WIDTH),
            3 * (4 * TOKENS * WIDTH**2 + 2 * TOKENS**2 * WIDTH + 2 * TOKENS * WIDTH * 16),
        ),
    ],
)
@pytest.mark.parametrize("training", [False, True])
def test_counts_by_hand(module: nn.Module, given: tuple[int, ...], count: int, training: bool) -> None:
    module.train(training)
    assert multiplications(lambda: module(torch.rand(given))) == count
