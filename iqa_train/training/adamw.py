"""torch's AdamW without torch's compiler: a run that compiles nothing starts without importing it.

Every method of a torch optimizer is wrapped so that a compiler passes around it, and the wrapper imports torch._dynamo
(and sympy, and torch.distributed with it) on its first call. What it wraps computes the same, to the bit.
"""

from inspect import unwrap

import torch
from torch.optim import AdamW, Optimizer


class PlainAdamW(AdamW):
    """`torch.optim.AdamW`; `step` runs without gradients, as there."""

    add_param_group = unwrap(Optimizer.add_param_group)
    state_dict = unwrap(Optimizer.state_dict)
    load_state_dict = unwrap(Optimizer.load_state_dict)
    zero_grad = unwrap(Optimizer.zero_grad)
    step = torch.no_grad()(unwrap(AdamW.step))
