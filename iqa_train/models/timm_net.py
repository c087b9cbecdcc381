"""Feature networks from timm with four stages, at 1/4, 1/8, 1/16 and 1/32 of the crop."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from iqa_train.errors import UsageError
from iqa_train.models.timm_import import import_timm
from iqa_train.models.weights import timm_name
from iqa_train.study.backbones import BACKBONES, BUILT_FOR_CROP_SIZE
from iqa_train.study.settings import TrainingConfig
from iqa_train.text import first_line

REDUCTIONS = (4, 8, 16, 32)
_FAILURES = (RuntimeError, TypeError, ValueError, AssertionError, LookupError, AttributeError)


def build_timm(settings: TrainingConfig, file: Path | None) -> Any:  # noqa: ANN401 (timm has no types)
    """The network, with the weights of `file` if given. timm's own errors for a bad file are passed on.

    Raises UsageError for a network with other stages, or one that cannot be built with these settings.
    """
    options: dict[str, Any] = {} if file is None else {"pretrained": True, "pretrained_cfg_overlay": overlay(file)}
    if timm_name(settings).startswith(BUILT_FOR_CROP_SIZE):
        options["img_size"] = settings.patch_size
    net = _four_stages(settings, options)
    if settings.backbone in BACKBONES or (wrong := stages_problem(net, settings)) is None:
        return net
    try:  # windows and position tables are for one image size; the builder may accept another
        resized = _four_stages(settings, options | {"img_size": settings.patch_size})
    except (*_FAILURES, UsageError):
        resized = None
    if resized is None or stages_problem(resized, settings) is not None:
        raise UsageError(
            f'backbone "{settings.backbone}" cannot take crops of {settings.patch_size} pixels ({wrong})'
            f"{_own_size(net)}"
        )
    return resized


def overlay(file: Path) -> dict[str, Any]:
    """Overrides of timm's configuration of weights, to load them from `file`, and never as NumPy's."""
    return {"file": str(file), "custom_load": False}


def channels_last(net: nn.Module) -> bool:
    """Whether the network's features are (B, H, W, C)."""
    output_format = getattr(net, "output_fmt", None)
    return str(getattr(output_format, "value", output_format)) == "NHWC"


def _four_stages(settings: TrainingConfig, options: dict[str, Any]) -> Any:  # noqa: ANN401
    net = _created(settings, options)
    info = net.feature_info
    stage_at = dict(zip(info.reduction(), info.out_indices, strict=False))  # last of each reduction
    if set(REDUCTIONS) <= stage_at.keys() and len(info.reduction()) > len(REDUCTIONS):  # the stem counts as a stage
        net = _created(settings, options | {"out_indices": tuple(stage_at[r] for r in REDUCTIONS)})
    reductions = tuple(net.feature_info.reduction())
    if reductions != REDUCTIONS:
        raise UsageError(
            f'backbone "{settings.backbone}" has stages at reductions {list(reductions)}; use a network with four '
            "stages at 4, 8, 16 and 32, such as swin, resnet or convnext, or a plain vision transformer"
        )
    return net


def _created(settings: TrainingConfig, options: dict[str, Any]) -> Any:  # noqa: ANN401
    """timm's network as a feature extractor, with stochastic depth if the network supports it."""
    timm = import_timm()
    architecture, rate = timm_name(settings).partition(".")[0], settings.drop_path_rate
    try:
        return timm.create_model(architecture, features_only=True, drop_path_rate=rate, **options)
    except TypeError as error:
        if "drop_path_rate" not in str(error):
            raise
    if rate > 0:
        raise UsageError(f'backbone "{settings.backbone}" has no stochastic depth; use --drop_path_rate 0')
    return timm.create_model(architecture, features_only=True, **options)


def stages_problem(net: nn.Module, settings: TrainingConfig) -> str | None:
    """What is wrong with the four stages of one crop; None if they are as needed."""
    side = settings.patch_size
    was_training = net.training
    net.eval()  # batch statistics need more than one crop
    try:
        with torch.no_grad():
            stages = net(torch.zeros(1, 3, side, side))
    except _FAILURES as error:
        return first_line(error)
    finally:
        net.train(was_training)
    sides = [min(stage.shape[1:3] if channels_last(net) else stage.shape[2:4]) for stage in stages]
    # Unpadded convolutions leave slightly less than the crop's side divided by the reduction.
    if len(sides) == 4 and all(r * s <= side < 2 * r * s for r, s in zip(REDUCTIONS, sides, strict=True)):
        return None
    return f"its stages are {', '.join(map(str, sides))} pixels wide"


def _own_size(net: nn.Module) -> str:
    """Advice on the crop size: the one that the network was made for."""
    side = (getattr(net, "pretrained_cfg", None) or {}).get("input_size", (0, 0, 0))[1]
    if side % 32 or not side:
        return f"; it was made for {side}" if side else ""
    return f"; use --patch_size {side}"
