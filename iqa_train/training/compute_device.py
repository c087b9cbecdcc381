"""The device that a worker computes on, and its number format."""

from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch

from iqa_train.errors import UsageError
from iqa_train.study.settings import TrainingConfig


@dataclass(frozen=True)
class ComputeDevice:
    """A torch device, and whether the network computes in bf16 on it (parameters and loss stay fp32)."""

    torch: torch.device
    bf16: bool

    @property
    def name(self) -> str:
        """The GPU's name, or "CPU" with the number of threads."""
        if self.torch.type == "cuda":
            return torch.cuda.get_device_name(self.torch)
        return f"CPU, {torch.get_num_threads()} threads"

    def autocast(self) -> AbstractContextManager[None]:
        """The context for calls of the network."""
        return torch.autocast(self.torch.type, dtype=torch.bfloat16, enabled=self.bf16)


def choose_device(settings: TrainingConfig) -> ComputeDevice:
    """The first visible GPU, else the CPU. With precision auto a GPU that supports bf16 uses it; a CPU uses fp32."""
    if torch.cuda.is_available():
        torch.backends.cudnn.deterministic = True  # the same settings and seed give the same result
        torch.backends.cudnn.benchmark = False
        supported = torch.cuda.is_bf16_supported(including_emulation=False)
        if settings.precision == "bf16" and not supported:
            raise UsageError(f'precision "bf16" is not supported by {torch.cuda.get_device_name()}; use fp32 or auto')
        return ComputeDevice(torch.device("cuda"), supported and settings.precision != "fp32")
    torch.set_flush_denormal(True)  # tiny gradients of the target network are denormal and halve a CPU's speed
    return ComputeDevice(torch.device("cpu"), settings.precision == "bf16")
