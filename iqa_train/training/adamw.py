"""torch's AdamW without importing torch's compiler, so that a run that compiles nothing starts faster.

torch wraps the methods of its optimizers to exclude them from compilation, and the wrapper imports torch._dynamo (with
sympy and torch.distributed) on its first call. The methods inside compute the same, bit for bit.
"""

from inspect import unwrap

import torch
from torch.optim import AdamW, Optimizer


class PlainAdamW(AdamW):
    """`torch.optim.AdamW`, unwrapped. `step` runs without gradients, as in torch."""

    add_param_group = unwrap(Optimizer.add_param_group)
    state_dict = unwrap(Optimizer.state_dict)
    load_state_dict = unwrap(Optimizer.load_state_dict)
    zero_grad = unwrap(Optimizer.zero_grad)
    step = torch.no_grad()(unwrap(AdamW.step))
