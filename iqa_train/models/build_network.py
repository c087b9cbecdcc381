"""Builds the network that the settings name: HyperIQA's, the linear control, or one of the user's own."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from iqa_train.models.backbone import Backbone, build_backbone
from iqa_train.models.code_errors import OwnCodeError, OwnPlace, blaming, own_place
from iqa_train.models.context import Context
from iqa_train.models.import_code import import_function
from iqa_train.models.keyed_build import Draws, build_keyed
from iqa_train.models.linear_network import LinearNetwork
from iqa_train.models.network import QualityNetwork
from iqa_train.models.own_network import OwnNetwork
from iqa_train.models.torch_settings import torch_settings_kept
from iqa_train.study.code_reference import CodeReference, code_reference
from iqa_train.study.normalisation import normalisation
from iqa_train.study.settings import TrainingConfig
from iqa_train.study.signature import CONTEXT

AnyNetwork = QualityNetwork | LinearNetwork | OwnNetwork


def build_network(
    settings: TrainingConfig, seed: int, code: Path | None = None, *, pretrained: bool = True
) -> AnyNetwork:
    """The network with initial weights from `seed`; `pretrained=False` skips those of the backbone, for a checkpoint.

    `code` is the folder with the copy of the user's code. Raises WeightsError if the backbone's weights are
    unavailable, OwnCodeError for a fault in that code.
    """
    reference = code_reference(settings.network)
    if reference is not None:
        return _own(reference, settings, seed, code or Path(), pretrained=pretrained)
    kind = LinearNetwork if settings.network == "linear" else QualityNetwork
    return kind(settings, seed, pretrained=pretrained)


def _own(reference: CodeReference, settings: TrainingConfig, seed: int, code: Path, *, pretrained: bool) -> OwnNetwork:
    place = own_place(reference, code)
    build = import_function(reference, code)

    def built(draws: Draws, *, weights: bool) -> nn.Module:
        def backbone() -> Backbone:
            with draws.paused():
                return build_backbone(settings, seed, pretrained=weights)

        context = {CONTEXT: Context(settings.patch_size, seed, backbone)} if _takes_context(build) else {}
        with blaming(place, "building the network"):
            return _module(build(**settings.network_options, **context), settings, place)

    with torch_settings_kept():
        network = build_keyed(
            lambda draws: built(draws, weights=False), lambda draws: built(draws, weights=pretrained), seed
        )
    given = normalisation(settings)
    return OwnNetwork(network.train(), place, (given.mean, given.std))


def _takes_context(build: Callable[..., Any]) -> bool:
    """Whether the function has a parameter for the context."""
    try:
        return CONTEXT in inspect.signature(build).parameters
    except (TypeError, ValueError):  # some functions written in C
        return False


def _module(network: Any, settings: TrainingConfig, place: OwnPlace) -> nn.Module:  # noqa: ANN401
    """What `build` returned, with lazy parameters made."""
    if not isinstance(network, nn.Module):
        raise OwnCodeError(f"{place.reference} returns {type(network).__name__}, not a torch.nn.Module")
    if any(is_lazy(p) for p in network.parameters()):
        network.eval()  # so that no running average moves
        with torch.no_grad():
            network(torch.zeros(2, 3, settings.patch_size, settings.patch_size))
    return network
