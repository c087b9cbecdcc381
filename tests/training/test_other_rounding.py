"""The start of a repeat: the same weights, each moved by the least there is."""

import torch
from torch import nn

from iqa_train.training.other_rounding import round_otherwise


def started(seed: int = 42, repeat: int = 1) -> list[torch.Tensor]:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Linear(8, 50), nn.BatchNorm1d(50))
    if repeat > 1:
        round_otherwise(network, seed, repeat)
    return [parameter.detach().clone() for parameter in network.parameters()]


def test_every_weight_of_a_repeat_is_a_neighbour_of_the_first_runs() -> None:
    for first, moved in zip(started(), started(repeat=2), strict=True):
        up, down = (torch.nextafter(first, torch.full_like(first, to)) for to in (torch.inf, -torch.inf))
        assert torch.equal(moved == first, first == 0)  # a bias that starts at zero stays there
        assert ((moved == up) | (moved == down) | (first == 0)).all()


def test_repeats_of_a_seed_and_of_two_seeds_are_rounded_in_ways_of_their_own() -> None:
    ways = [started(repeat=2), started(repeat=3), started(seed=7, repeat=2)]
    assert [all(map(torch.equal, one, started(repeat=2))) for one in ways] == [True, False, False]
