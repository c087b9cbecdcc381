"""Plain vision transformers from timm, whose blocks all have one resolution: four of them are tapped, as maps.

The maps are those of the blocks' outputs, without class and register tokens, each normalised as the network normalises
its last block's. A network that normalises only after pooling (BEiT, EVA-02) gets a layer normalisation without
parameters (Ba et al. 2016) in its place: the raw outputs differ in scale from block to block by orders of magnitude.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor, nn

from iqa_train.errors import UsageError
from iqa_train.models.timm_import import import_timm
from iqa_train.models.timm_net import overlay
from iqa_train.models.weights import timm_name
from iqa_train.study.backbone_checks import misfit
from iqa_train.study.backbones import TAPS, even_taps
from iqa_train.study.settings import TrainingConfig

PLACE = "net.vit."
"""Where timm's network is in a backbone: what the names of its parameters start with."""


class Shape(NamedTuple):
    """Blocks, and the side of a patch in pixels."""

    depth: int
    patch: int


class PlainVit(nn.Module):
    """Four maps (B, C, P / patch, P / patch) of crops (B, 3, P, P), from the blocks `taps`, counted from 1."""

    def __init__(self, vit: Any, taps: Sequence[int]) -> None:  # noqa: ANN401 (timm has no types)
        super().__init__()
        self.channels = (int(vit.num_features),) * TAPS
        self.depth, self.last = len(vit.blocks), max(taps)
        self._at = vit.prune_intermediate_layers([tap - 1 for tap in taps])  # later blocks, and the head
        if isinstance(vit.norm, nn.Identity):
            vit.norm = nn.LayerNorm(vit.num_features, elementwise_affine=False)
        self.vit = vit

    def forward(self, crops: Tensor) -> list[Tensor]:
        """The maps, from the first tap to the last."""
        return self.vit.forward_intermediates(crops, indices=self._at, norm=True, intermediates_only=True)  # type: ignore[no-any-return]

    def layer_of(self, name: str) -> int:
        """The layer of parameter `name`: its block, 0 for the embeddings, the last block for the normalisation."""
        _, _, inside = name.partition("vit.")
        if inside.startswith("blocks."):
            return int(inside.split(".")[1]) + 1
        return self.last if inside.startswith("norm.") else 0


def plain_shape(net: Any) -> Shape | None:  # noqa: ANN401
    """Depth and patch of a timm network that can be tapped here; None for another kind of network."""
    if not hasattr(net, "prune_intermediate_layers") or not hasattr(net, "blocks"):
        return None
    info = getattr(net, "feature_info", None)
    if not isinstance(info, list) or len(info) != len(net.blocks) or len(info) < TAPS or not hasattr(net, "norm"):
        return None
    reductions = {stage["reduction"] for stage in info}
    return Shape(len(info), int(reductions.pop())) if len(reductions) == 1 else None


def build_plain_vit(settings: TrainingConfig, file: Path | None) -> PlainVit:
    """The network for crops of `patch_size`, with the weights of `file` if given; its position table is resampled.

    Raises UsageError for a crop that its patches do not fill, and for taps it does not have. timm's own errors for a
    bad file are passed on.
    """
    architecture = timm_name(settings).partition(".")[0]
    options: dict[str, Any] = {"num_classes": 0, "img_size": settings.patch_size}
    if file is not None:  # what the file lacks is found out by comparison, and it may have a head
        options |= {"pretrained": True, "pretrained_cfg_overlay": overlay(file), "pretrained_strict": False}
    vit = import_timm().create_model(architecture, drop_path_rate=settings.drop_path_rate, **options)
    shape = plain_shape(vit)
    assert shape is not None, architecture
    if (wrong := misfit(settings, *shape)) is not None:
        raise UsageError(wrong)
    return PlainVit(vit, settings.taps or even_taps(shape.depth))
