"""The layers of a backbone: which stage or block each parameter belongs to, and which of them are frozen.

A layer is a stage of a network of four stages, its stem belonging to the first; of a plain vision transformer it is a
block, and its embeddings lie below the first. Frozen parameters have no gradient, no weight decay and no state in the
optimizer. Frozen modules stay in evaluation mode in training: their batch normalisation keeps the statistics it has,
and they drop nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from iqa_train.errors import UsageError
from iqa_train.models.plain_vit import PlainVit
from iqa_train.study.backbone_checks import freeze_problem
from iqa_train.study.backbones import TAPS
from iqa_train.study.settings import TrainingConfig


class Layers(NamedTuple):
    """How many layers lie between each parameter's and the last, and the frozen modules; empty: all train alike."""

    from_top: Mapping[str, int]
    frozen: Sequence[nn.Module]


ALL_ALIKE = Layers({}, ())


def prepare_layers(net: nn.Module, settings: TrainingConfig) -> Layers:
    """Freeze what `freeze` names. Does nothing where nothing is frozen and all layers train at one rate.

    Raises UsageError for layers that the network does not have.
    """
    if settings.freeze == "none" and settings.layer_decay == 1.0:
        return ALL_ALIKE
    if (wrong := freeze_problem(settings, net.depth if isinstance(net, PlainVit) else None)) is not None:
        raise UsageError(wrong)
    layers = layer_numbers(net, settings.patch_size)
    top = net.last if isinstance(net, PlainVit) else TAPS
    kind, _, number = settings.freeze.partition(":")
    last = {"none": -1, "backbone": top}.get(kind, int(number or 0))
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(layers[name] > last)
    return Layers({name: top - layer for name, layer in layers.items()}, tuple(_frozen_modules(net)))


def layer_numbers(net: nn.Module, side: int) -> dict[str, int]:
    """Parameter -> its layer, from 1; 0 for a transformer's embeddings."""
    if isinstance(net, PlainVit):
        return {name: net.layer_of(name) for name, _ in net.named_parameters()}
    return _stages(net, side)


def _stages(net: nn.Module, side: int) -> dict[str, int]:
    """Parameter -> the first stage whose features depend on it; the last for those that nothing depends on.

    Whatever a network's modules are called, a stage's autograd graph holds the parameters that it is computed from.
    """
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    layers: dict[str, int] = {}
    was_training = net.training
    net.eval()
    try:
        with torch.enable_grad():
            features = net(torch.zeros(1, 3, side, side))
    finally:
        net.train(was_training)
    for stage, feature in enumerate(features, 1):
        for parameter in _leaves(feature):
            layers.setdefault(names[id(parameter)], stage)
    return {name: layers.get(name, TAPS) for name in names.values()}


def _leaves(output: Tensor) -> Iterator[Tensor]:
    """The parameters in the autograd graph of `output`."""
    waiting, seen = [output.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if isinstance(leaf := getattr(node, "variable", None), Tensor):
            yield leaf
        waiting += [following for following, _ in node.next_functions]


def _frozen_modules(module: nn.Module) -> Iterator[nn.Module]:
    """The largest modules that have parameters and train none of them."""
    parameters = list(module.parameters())
    if parameters and not any(p.requires_grad for p in parameters):
        yield module
    elif parameters:
        for child in module.children():
            yield from _frozen_modules(child)
