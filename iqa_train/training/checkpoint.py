"""Checkpoints: safetensors files, written atomically, that name the run they belong to. Never pickles."""

import json
import os
import shutil
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypedDict

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from iqa_train.errors import RunError, WeightsError
from iqa_train.files import parse_json
from iqa_train.models.weights import is_pickle
from iqa_train.runs.fence import Writer
from iqa_train.runs.layout import RunFolder
from iqa_train.schema import Span, require
from iqa_train.study.spec import RunSpec

SCHEMA_VERSION = 1


class _State(TypedDict, total=False):
    """The JSON beside the tensors; the best network's has only the epoch."""

    epoch: Annotated[int, Span(0, 1_000_000)]
    best_epoch: Annotated[int, Span(0, 1_000_000)]
    step: Annotated[int, Span(0, 2**53)]
    seconds: float
    history: list[dict[str, Any]]


@dataclass(frozen=True)
class Checkpoint:
    """Named tensors on the CPU, and a state that is JSON."""

    tensors: dict[str, Tensor]
    state: dict[str, Any]

    def under(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names start with `prefix`, without it."""
        return {k.removeprefix(prefix): v for k, v in self.tensors.items() if k.startswith(prefix)}


def checkpoint_owner(spec: RunSpec, run: RunFolder, number: int) -> str:
    """The name of run and round `number` in its checkpoints."""
    return f"{spec.study}/{spec.experiment}/{run.path.name}/round {number}"


def save_checkpoint(path: Path, checkpoint: Checkpoint, writer: Writer | None = None, *, owner: str) -> None:
    """Replace `path`; `owner` names run and round. On DiskFullError or RunError the old file is kept."""
    writer = writer or Writer()
    writer.check()
    try:
        path.parent.mkdir(exist_ok=True)
    except FileNotFoundError:  # the run's folder was moved or deleted; do not create it again
        raise RunError(f"the checkpoint {path} could not be written: {path.parent.parent} is gone") from None
    shutil.rmtree(path.parent / ".writing", ignore_errors=True)  # left by the kill of an earlier version
    tensors = unshared(checkpoint.tensors)
    metadata = {"schema_version": str(SCHEMA_VERSION), "owner": owner, "state": json.dumps(checkpoint.state)}
    metadata["checksum"] = _checksum(tensors, metadata["state"])
    try:
        with writer.replacing(path) as staged:
            save_file(tensors, staged, metadata)  # makes temporary files beside it
            with staged.open("rb") as file:
                os.fsync(file.fileno())
            staged.chmod(0o644)
    except (OSError, SafetensorError) as error:
        if "No space left" in str(error) or "os error 28" in str(error):
            raise DiskFullError(
                f"{path.parent} has no room for a checkpoint; make room and continue with --resume"
            ) from error
        raise RunError(f"the checkpoint {path} could not be written: {error}") from error


def unshared(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors on the CPU and contiguous, each with memory of its own, as safetensors requires.

    Weights that two layers share are written under both names.
    """
    own: dict[str, Tensor] = {}
    taken: set[int] = set()
    for name, tensor in tensors.items():
        value = tensor.detach().cpu().contiguous()
        storage = value.untyped_storage()
        if storage.data_ptr() in taken or storage.nbytes() > value.nbytes:
            value = value.clone()
        taken.add(value.untyped_storage().data_ptr())
        own[name] = value
    return own


def load_checkpoint(path: Path, *, owner: str) -> Checkpoint:
    """Read a checkpoint of `owner`. Raises WeightsError if it is damaged, belongs to another run, or is a pickle."""
    start_over = "remove it, or start over with --again"
    if path.is_dir():
        raise WeightsError(f"{path} is a folder, not a checkpoint; {start_over}")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise WeightsError(f"{path} is missing; there is nothing to continue from") from None
    except (SafetensorError, OSError) as error:
        if is_pickle(path):
            raise WeightsError(f"{path} is a pickle, which can run code, and is refused; {start_over}") from None
        raise WeightsError(f"{path} is cut short or damaged ({error}); {start_over}") from None
    if metadata.get("owner") != owner:
        raise WeightsError(
            f"{path} belongs to {metadata.get('owner', 'no run of this program')}, not to {owner}; {start_over}"
        )
    checksum = metadata.get("checksum")  # the oldest checkpoints have none
    if checksum and checksum != _checksum(tensors, metadata.get("state", "")):
        raise WeightsError(f"{path} is damaged (its checksum does not match); {start_over}")
    try:
        state = parse_json(metadata["state"])
        require(state, _State)
        return Checkpoint(tensors, state)
    except (KeyError, ValueError) as error:
        raise WeightsError(f"{path} is damaged ({error}); {start_over}") from None


def _checksum(tensors: Mapping[str, Tensor], state: str) -> str:
    """CRC-32 of the state and of each tensor's name and bytes; several times faster than a cryptographic hash."""
    crc = zlib.crc32(state.encode())
    for name in sorted(tensors):
        crc = zlib.crc32(name.encode(), crc)
        crc = zlib.crc32(tensors[name].contiguous().reshape(-1).view(torch.uint8).numpy().data, crc)
    return f"crc32:{crc:08x}"


class DiskFullError(RunError):
    """No space left where the run writes."""


def network_tensors(network: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers under `network.`."""
    return {f"network.{k}": v for k, v in network.state_dict().items()}


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Per-parameter state under `optimiser.<index>.`."""
    state = optimizer.state_dict()["state"]
    return {f"optimiser.{index}.{k}": v for index, values in state.items() for k, v in values.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, checkpoint: Checkpoint) -> None:
    """Restore the state saved by `optimizer_tensors`."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, saved in checkpoint.under("optimiser.").items():
        index, _, key = name.partition(".")
        # The fused step requires the memory layout of the parameter.
        value = torch.empty_like(parameters[int(index)]).copy_(saved) if saved.ndim else saved
        state.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
