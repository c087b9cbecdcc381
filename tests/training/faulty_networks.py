"""Networks with one planted fault each, as a user's file would hold them; and some that are right in unusual ways."""

import itertools
import os
import random
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

calls = itertools.count()
NAMES = ("one", "two", "three", "four", "five")


class Small(nn.Module):
    """Pooled pixels and one hidden layer: right."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(48, 16)
        self.score = nn.Linear(16, 1)

    def features(self, crops):
        return F.gelu(self.hidden(F.adaptive_avg_pool2d(crops, 4).flatten(1)))

    def forward(self, crops):
        return self.score(self.features(crops))


def of(forward, **parts):
    """A network like `Small` with another forward pass, and more parts."""

    class Net(Small):
        def __init__(self):
            super().__init__()
            for name, part in parts.items():
                setattr(self, name, part() if callable(part) else part)

    Net.forward = forward
    return Net()


def right(*, width: int = 3, context):
    assert width
    return Small()


class OverBackbone(nn.Module):
    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone
        self.score = nn.Linear(backbone.channels[-1], 1)

    def forward(self, crops):
        return self.score(self.backbone(crops)[-1].mean((2, 3)))


def over_our_backbone(*, context):
    return OverBackbone(context.backbone())


def without_context():
    return Small()


def zero_gates():
    def forward(self, crops):
        x = self.features(crops)
        return self.score(x + self.gate * self.more(x))

    return of(forward, gate=lambda: nn.Parameter(torch.zeros(16)), more=lambda: nn.Linear(16, 16))


def zero_scores(*, context):
    network = Small()
    nn.init.zeros_(network.score.weight)
    nn.init.zeros_(network.score.bias)
    return network


def tied(*, context):
    def forward(self, crops):
        return self.score(self.second(self.first(self.features(crops))))

    network = of(forward, first=lambda: nn.Linear(16, 16), second=lambda: nn.Linear(16, 16))
    network.second.weight = network.first.weight
    return network


def masked(*, context):
    def forward(self, crops):
        x = self.features(crops)
        return (
            self.score((x[:, None] + self.mask).softmax(-1) @ x[..., None]).mean((1, 2))
            if False
            else (self.score(x) + (x[:, None] + self.mask).softmax(-1).mean((1, 2))[:, None])
        )

    network = of(forward)
    network.register_buffer("mask", torch.full((16, 16), -torch.inf).triu(1))
    return network


def lazy(*, context):
    def forward(self, crops):
        return self.last(self.features(crops))

    network = of(forward, last=lambda: nn.LazyLinear(1))
    del network.score
    return network


def norms(*, context):
    def forward(self, crops):
        return self.score(self.norm(self.features(crops)))

    return of(forward, norm=lambda: nn.BatchNorm1d(16))


def frozen_part(*, context):
    network = Small()
    network.hidden.requires_grad_(False)
    return network


def wrong_shape(*, context):
    return of(lambda self, crops: self.features(crops))


def transposed(*, context):
    return of(lambda self, crops: self.score(self.features(crops)).T)


def no_tensor(*, context):
    return of(lambda self, crops: (self.score(self.features(crops)), None))


def whole_numbers(*, context):
    return of(lambda self, crops: self.score(self.features(crops)).round().long())


def complex_scores(*, context):
    return of(lambda self, crops: self.score(self.features(crops)) * 1j)


def dead_layer(*, context):
    return of(Small.forward, unused=lambda: nn.Linear(4, 4))


def detached_layer(*, context):
    return of(lambda self, crops: self.score(self.features(crops).detach()))


def zeroed_layer(*, context):
    def forward(self, crops):
        x = self.features(crops)
        return self.score(x) + 0 * self.other(x)

    return of(forward, other=lambda: nn.Linear(16, 1))


def no_gradient(*, context):
    return of(lambda self, crops: self.score(self.features(crops)).detach())


def unseeded_build(*, context):
    network = Small()
    network.hidden.weight.data += torch.tensor(time.time_ns() % 1000 / 1000)
    return network


def counted_build(*, context):
    return of(lambda self, crops: self.score(self.features(crops)) * self.number, number=lambda: 1.0 + next(calls))


def dropout_in_evaluation(*, context):
    return of(lambda self, crops: self.score(F.dropout(self.features(crops), 0.5)))


def batch_statistics(*, context):
    def forward(self, crops):
        x = self.features(crops)
        return self.score((x - x.mean(0)) / (x.std(0) + 1e-5))

    return of(forward)


def attention_over_the_batch(*, context):
    def forward(self, crops):
        x = self.features(crops)
        return self.score(self.attention(x, x, x)[0])

    return of(forward, attention=lambda: nn.MultiheadAttention(16, 2, batch_first=True))


def by_place(*, context):
    return of(lambda self, crops: self.score(self.features(crops)) * (1 + torch.arange(len(crops))[:, None]))


def nan(*, context):
    return of(lambda self, crops: (self.score(self.features(crops)) - 100).log())


def nan_of_flat_crops(*, context):
    return of(lambda self, crops: self.score(self.features(crops / crops.std((1, 2, 3), keepdim=True))))


def nan_in_evaluation(*, context):
    def forward(self, crops):
        return self.score(self.features(crops)) / (1.0 if self.training else torch.zeros(()) * torch.inf)

    return of(forward)


def nan_gradient(*, context):
    return of(lambda self, crops: self.score(self.features(crops)) + (self.score.weight[0, 0] * 0).sqrt())


def changes_crops(*, context):
    def forward(self, crops):
        crops -= crops.mean((1, 2, 3), keepdim=True)
        return self.score(self.features(crops))

    return of(forward)


def counts_calls(*, context):
    def forward(self, crops):
        if self.training:
            self.number += 1
        return self.score(self.features(crops)) * self.number

    return of(forward, number=1)


def running_average(*, context):
    def forward(self, crops):
        x = self.features(crops)
        self.average = 0.9 * self.average + 0.1 * x.detach().mean(0)
        return self.score(x - self.average)

    network = of(forward)
    network.register_buffer("average", torch.zeros(16))
    return network


def stays_in_training(*, context):
    network = of(lambda self, crops: self.score(self.drop(self.features(crops))), drop=lambda: nn.Dropout(0.5))
    network.drop.train = lambda mode=True: network.drop
    return network


def training_only_part(*, context):
    def forward(self, crops):
        x = self.features(crops)
        return self.score(x) + (self.extra(x) if self.training else 0)

    return of(forward, extra=lambda: nn.Linear(16, 1))


def squeezed(*, context):
    return of(lambda self, crops: self.score(self.features(crops)).squeeze())


def needs_two(*, context):
    def forward(self, crops):
        assert len(crops) > 1, "needs two crops"
        return self.score(self.features(crops))

    return of(forward)


def extra_state(*, context):
    class Net(Small):
        def get_extra_state(self):
            return {"step": 1}

        def set_extra_state(self, state):
            pass

    return Net()


def complex_parameter(*, context):
    return of(Small.forward, phase=lambda: nn.Parameter(torch.zeros(3, dtype=torch.complex64)))


def double(*, context):
    return Small().double()


def prints(*, context):
    def forward(self, crops):
        print("x" * 100_000)
        print("y" * 100_000, file=sys.stderr)
        return self.score(self.features(crops))

    return of(forward)


def random_of_python(*, context):
    """Right: the generators of Python and NumPy are seeded for each step."""

    def forward(self, crops):
        return self.score(self.features(crops) * (random.random() if self.training else 0.5))

    return of(forward)


def no_module(*, context):
    return lambda crops: crops.mean((1, 2, 3))


def nothing(*, context):
    Small()


def fails(*, context):
    return undefined_name  # noqa: F821


def fails_in_forward(*, context):
    return of(lambda self, crops: self.score(self.hidden(crops)))


def breaks_its_gradient(*, context):
    def forward(self, crops):
        x = torch.sigmoid(self.features(crops))
        score = self.score(x)
        x += 1  # what the gradient needs
        return score

    return of(forward)


def fails_in_eval(*, context):
    network = Small()
    network.train = lambda mode=True: network if mode else undefined_name  # noqa: F821
    return network


def exits(*, context):
    sys.exit(3)


def exits_in_forward(*, context):
    return of(lambda self, crops: sys.exit("enough"))


def ends_its_process(*, context):
    os._exit(7)


def hangs(*, context):
    while True:
        time.sleep(0.01)


def eats_memory(*, context):
    return of(lambda self, crops: self.score(self.features(crops)) + torch.empty(1 << 50).sum())


def bad_groups(*, context):
    network = Small()
    network.parameter_groups = [{"params": network.hidden.parameters(), "ratio": 2}]
    return network


def hash_order(*, context):
    network = Small()
    for name in set(NAMES):
        setattr(network, name, nn.Linear(16, 16))
        network.score.weight.data.mul_(1.5).add_(len(name) / 10)
    network.forward = lambda crops: (
        sum(getattr(network, name)(network.features(crops)) for name in NAMES).mean(1)
        + network.score(network.features(crops)).flatten()
    )
    return network


constant = 3
