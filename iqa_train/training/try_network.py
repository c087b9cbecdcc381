"""Tries a network of a user's own: builds it, as a run would, and puts it through the trials of network_trials.py."""

import contextlib
import hashlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from iqa_train.models.build_network import build_network
from iqa_train.models.code_errors import OwnCodeError, OwnPlace, WrongScoresError, blaming, own_place
from iqa_train.models.multiplications import multiplications
from iqa_train.models.own_network import OwnNetwork
from iqa_train.study.code_reference import code_reference
from iqa_train.study.settings import TrainingConfig
from iqa_train.training.network_trials import ENDING, TRIALS, Fault, Tried, builds_alike, crops_tried


def try_network(settings: TrainingConfig, code: Path, doing: Callable[[str], None]) -> Iterator[Fault | str]:
    """What is wrong with the network of `settings`, from the code copied to `code`; a note of its size; its digest.

    `doing` is called with what comes next, for a report on a network that never gets there. The backbone has no
    pretrained weights here, and no stochastic depth, which could leave a layer without gradient for all steps.
    """
    settings = settings.model_copy(update={"weights": "none", "drop_path_rate": 0.0})
    printed = _Counted()
    trial = blaming(_place(settings, code), "being tried", by_line=True)
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed), trial:
            yield from _tried(settings, code, doing, printed)
    except WrongScoresError as error:
        yield Fault("network-output", "error", str(error))
    except OwnCodeError as error:
        yield Fault("network-fails", "error", str(error))


def _tried(
    settings: TrainingConfig, code: Path, doing: Callable[[str], None], printed: "_Counted"
) -> Iterator[Fault | str]:
    network = _built(settings, code, doing)
    yield digest(network)
    yield from _size(network, settings, doing)
    doing("building it a second time")
    twin = _built(settings, code, lambda _: None)
    tried = Tried(network, twin, settings)
    printed.characters = 0
    faults = list(builds_alike(network, twin, tried.crops(9)))
    if printed.characters:
        yield Fault("network-prints", "note", "it prints while it scores: every batch would print into the run's log")
    yield from faults
    for what, trial in TRIALS:
        doing(what)
        faults = list(trial(tried))
        yield from faults
        if any(fault.code in ENDING for fault in faults):
            return


def _place(settings: TrainingConfig, code: Path) -> OwnPlace:
    reference = code_reference(settings.network)
    assert reference is not None
    return own_place(reference, code)


def network_digest(settings: TrainingConfig, code: Path) -> str:
    """Digits of the parameters and buffers that the network starts with."""
    silent = _Counted()
    with contextlib.redirect_stdout(silent), contextlib.redirect_stderr(silent):
        network = _built(settings.model_copy(update={"weights": "none", "drop_path_rate": 0.0}), code, lambda _: None)
    return digest(network)


def digest(network: OwnNetwork) -> str:
    """Digits of the network's parameters and buffers, with their names."""
    found = hashlib.sha256()
    for name, value in network.state_dict().items():
        found.update(name.encode())
        if isinstance(value, torch.Tensor):
            found.update(value.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()[:16]


def _built(settings: TrainingConfig, code: Path, doing: Callable[[str], None]) -> OwnNetwork:
    doing("building it")
    network = build_network(settings, settings.seed, code, pretrained=False)
    assert isinstance(network, OwnNetwork)
    return network


def _size(network: OwnNetwork, settings: TrainingConfig, doing: Callable[[str], None]) -> Iterator[Fault]:
    """Parameters and multiply-accumulates, from a first forward pass."""
    doing("scoring crops")
    side = settings.patch_size
    crops = torch.randn(crops_tried(settings), 3, side, side)
    macs = multiplications(lambda: network.eval()(crops)) / len(crops)
    total = sum(value.numel() for value in network.parameters())
    fixed = sum(value.numel() for value in network.parameters() if not value.requires_grad)
    says = f"{total / 1e6:.3f} M parameters" + (f", {fixed / 1e6:.3f} M of them fixed" if fixed else "")
    amount = f"{macs / 1e9:.3g} G" if macs >= 1e9 else f"{macs / 1e6:.3g} M" if macs >= 1e6 else f"{macs:.0f}"
    says += f", {amount} multiply-accumulates for a crop of {side} pixels"
    yield Fault("network-size", "note", says)


class _Counted(io.TextIOBase):
    """Takes what own code prints, and counts it."""

    characters = 0

    def write(self, text: str) -> int:
        self.characters += len(text)
        return len(text)
