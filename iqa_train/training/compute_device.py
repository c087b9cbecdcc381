"""The device that a worker computes on, and all of it that decides how its numbers are rounded."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch

from iqa_train.errors import UsageError
from iqa_train.study.settings import TrainingConfig
from iqa_train.text import plural


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
        return f"CPU, {plural(torch.get_num_threads(), 'thread')}"

    def autocast(self) -> AbstractContextManager[None]:
        """The context for calls of the network."""
        return torch.autocast(self.torch.type, dtype=torch.bfloat16, enabled=self.bf16)

    def facts(self, settings: TrainingConfig) -> dict[str, Any]:
        """`device` of provenance.json: what decides the rounding here, beside the versions of the libraries.

        `instructions` is the CPU's instruction set that torch's kernels use; tf32 shortens products of fp32 on a GPU.
        """
        facts: dict[str, Any] = {
            "name": self.name, "bf16": self.bf16, "threads": torch.get_num_threads(), "compiled": settings.compile,
        }  # fmt: skip
        if self.torch.type == "cpu":
            return facts | {"kind": "cpu", "instructions": torch.backends.cpu.get_cpu_capability()}
        major, minor = torch.cuda.get_device_capability(self.torch)
        return facts | {
            "kind": "gpu",
            "instructions": f"sm_{major}{minor}",
            "tf32": torch.backends.cuda.matmul.allow_tf32,
            "tf32_convolutions": torch.backends.cudnn.allow_tf32,
            "cuda": torch.version.cuda,
            "cudnn": str(torch.backends.cudnn.version()),  # type: ignore[no-untyped-call]
        }


def choose_device(settings: TrainingConfig) -> ComputeDevice:
    """The first visible GPU, else the CPU. With precision auto a GPU that supports bf16 uses it; a CPU uses fp32.

    A CPU computes with the threads of the settings, never with as many as it has cores: two threads add up in another
    order than one, and training makes another network of that. On a GPU, threads only decode and gather.
    """
    if torch.cuda.is_available():
        torch.backends.cudnn.deterministic = True  # the same settings and seed give the same result
        torch.backends.cudnn.benchmark = False
        supported = torch.cuda.is_bf16_supported(including_emulation=False)
        if settings.precision == "bf16" and not supported:
            raise UsageError(f'precision "bf16" is not supported by {torch.cuda.get_device_name()}; use fp32 or auto')
        return ComputeDevice(torch.device("cuda"), supported and settings.precision != "fp32")
    torch.set_flush_denormal(True)  # tiny gradients of the target network are denormal and halve a CPU's speed
    torch.set_num_threads(settings.threads)
    return ComputeDevice(torch.device("cpu"), settings.precision == "bf16")
