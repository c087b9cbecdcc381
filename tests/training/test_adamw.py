"""The optimizer computes what torch's does, bit for bit, and a run that compiles nothing imports no compiler."""

import copy
import subprocess
import sys

import torch
from torch import nn

from iqa_train.training.adamw import PlainAdamW

SETTINGS = {"lr": 0.1, "weight_decay": 0.01, "fused": True}


def _trained(kind: type[torch.optim.AdamW], network: nn.Module, steps: int = 6) -> tuple[nn.Module, torch.optim.AdamW]:
    network = copy.deepcopy(network)
    groups = [{"params": [network[0].weight]}, {"params": [network[0].bias, *network[1].parameters()], "lr": 0.3}]
    optimizer = kind(groups, **SETTINGS)
    for step in range(steps):
        if step == steps // 2:  # as after a resume
            saved = optimizer.state_dict()
            optimizer = kind(groups, **SETTINGS)
            optimizer.load_state_dict(saved)
        crops = torch.randn(5, 3, generator=torch.Generator().manual_seed(step))
        network(crops).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return network, optimizer


def test_weights_and_state_equal_torchs_adamw():
    network = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1))
    (ours, our_state), (reference, its_state) = (_trained(kind, network) for kind in (PlainAdamW, torch.optim.AdamW))
    for mine, its in zip(ours.parameters(), reference.parameters(), strict=True):
        assert torch.equal(mine, its)
    for mine, its in zip(our_state.state.values(), its_state.state.values(), strict=True):
        assert all(torch.equal(mine[name], its[name]) for name in ("step", "exp_avg", "exp_avg_sq"))


STEP = """
import sys, torch
from iqa_train.training.adamw import PlainAdamW
weight = torch.nn.Parameter(torch.ones(2))
optimizer = PlainAdamW([weight], lr=0.1, fused=True)
weight.sum().backward()
torch.nn.utils.clip_grad_norm_([weight], 1.0)
optimizer.step()
optimizer.zero_grad()
optimizer.load_state_dict(optimizer.state_dict())
sys.exit("torch._dynamo" in sys.modules)
"""


def test_no_compiler_is_imported():
    assert subprocess.run([sys.executable, "-c", STEP], check=False).returncode == 0
