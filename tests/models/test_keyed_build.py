"""Initial weights of unknown code: keyed by parameter name, whatever initialises them and in which order."""

import random

import numpy as np
import torch
from torch import Tensor, nn

from iqa_train.models.keyed_build import build_keyed


class Odd(nn.Module):
    """Parts in every way that people make parameters, behind `extra` more layers."""

    def __init__(self, extra: int) -> None:
        super().__init__()
        self.extra = nn.Sequential(*(nn.Linear(4, 4) for _ in range(extra)))
        self.a = nn.Linear(8, 8)
        self.convolution = nn.Conv2d(3, 5, 3)
        self.scaled = nn.Parameter(torch.randn(200) * 0.02)
        self.orthogonal = nn.Parameter(torch.empty(6, 6))
        nn.init.orthogonal_(self.orthogonal)
        self.truncated = nn.Parameter(torch.empty(6, 6))
        nn.init.trunc_normal_(self.truncated, std=0.02)
        self.attention = nn.MultiheadAttention(8, 2)
        self.zero = nn.Linear(3, 3)
        nn.init.zeros_(self.zero.weight)
        self.register_buffer("projection", torch.rand(3, 3))
        self.copied = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2)


def built(extra: int, seed: int = 3) -> dict[str, Tensor]:
    return build_keyed(lambda _: Odd(extra), lambda _: Odd(extra), seed).state_dict()


def test_parts_that_two_networks_share_start_alike_and_other_seeds_otherwise() -> None:
    without, behind, other = built(0), built(2), built(0, seed=4)
    assert set(behind) - set(without) == {"extra.0.weight", "extra.0.bias", "extra.1.weight", "extra.1.bias"}
    assert [name for name in without if not torch.equal(without[name], behind[name])] == []
    random_ones = {name for name, value in without.items() if value.unique().numel() > 1}
    assert {name for name in random_ones if torch.equal(without[name], other[name])} == set()
    assert random_ones >= {"scaled", "orthogonal", "truncated", "projection", "attention.in_proj_weight"}


def test_an_initialisation_keeps_its_law() -> None:
    values = built(0)
    assert not values["zero.weight"].any()
    assert torch.allclose(values["orthogonal"] @ values["orthogonal"].T, torch.eye(6), atol=1e-5)
    assert 0.01 < float(values["scaled"].std()) < 0.04
    assert values["a.weight"].abs().max() <= 8**-0.5
    assert not torch.equal(values["copied.layers.0.linear1.weight"].flatten()[:8], values["a.weight"].flatten()[:8])


def test_generators_are_seeded_while_it_is_built_and_restored_afterwards() -> None:
    class Drawn(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.values = (random.random(), float(np.random.rand()), torch.rand(2).tolist())

    seen = []
    for before in (1, 2):
        torch.manual_seed(before)
        random.seed(before)
        np.random.seed(before)
        states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
        seen.append(build_keyed(lambda _: Drawn(), lambda _: Drawn(), 7).values)
        assert torch.equal(torch.get_rng_state(), states[0])
        assert (random.getstate(), np.random.get_state()[1].tolist()) == states[1:]
    assert seen[0] == seen[1]
