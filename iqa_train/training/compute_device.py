"""The device a worker trains on and the number format it uses there."""

from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch

from iqa_train.errors import UsageError
from iqa_train.study.settings import TrainingConfig


@dataclass(frozen=True)
class ComputeDevice:
    """A torch device and whether the network runs in bf16 on it (parameters and loss stay fp32)."""

    torch: torch.device
    bf16: bool

    @property
    def name(self) -> str:
        """For people: the GPU's name, or the CPU with its threads."""
        if self.torch.type == "cuda":
            return torch.cuda.get_device_name(self.torch)
        return f"CPU, {torch.get_num_threads()} threads"

    def autocast(self) -> AbstractContextManager[None]:
        """The context in which the network is called."""
        return torch.autocast(self.torch.type, dtype=torch.bfloat16, enabled=self.bf16)


def choose_device(settings: TrainingConfig) -> ComputeDevice:
    """The first visible GPU, else the CPU. `precision` auto is bf16 where a GPU computes in it, fp32 on a CPU."""
    if torch.cuda.is_available():
        torch.backends.cudnn.deterministic = True  # the same settings and seed, run twice, shall not differ by dice
        torch.backends.cudnn.benchmark = False
        able = torch.cuda.is_bf16_supported(including_emulation=False)
        if settings.precision == "bf16" and not able:
            raise UsageError(f'precision "bf16": {torch.cuda.get_device_name()} has no bf16; use fp32 or auto')
        return ComputeDevice(torch.device("cuda"), able and settings.precision != "fp32")
    torch.set_flush_denormal(True)  # the target network's small gradients are denormal; they halve a CPU's speed
    return ComputeDevice(torch.device("cpu"), settings.precision == "bf16")
