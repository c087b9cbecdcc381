"""Backbones: what a setting's name stands for, and one form of output for all of them."""

import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from iqa_train.errors import UsageError, WeightsError, did_you_mean
from iqa_train.models.demo import DemoBackbone
from iqa_train.models.initial import initialise, keyed_random
from iqa_train.models.timm_guard import import_timm
from iqa_train.models.weights import timm_name, weights_file
from iqa_train.study.settings import TrainingConfig

# What reading weights, or building a network of impossible settings, ends in.
_UNREADABLE = (
    SafetensorError, pickle.UnpicklingError, EOFError, OSError, RuntimeError, TypeError, ValueError, AssertionError,
    LookupError, AttributeError,
)  # fmt: skip


class Backbone(nn.Module):
    """A network of four stages; whatever its own layout, features come out as (B, C, H, W)."""

    def __init__(self, net: nn.Module, channels: tuple[int, ...], *, channels_last: bool) -> None:
        super().__init__()
        self.net = net
        self.channels = channels
        self._channels_last = channels_last

    def forward(self, crops: Tensor) -> list[Tensor]:
        """(B, 3, P, P) -> four features, coarser by stage."""
        features = self.net(crops)
        return [f.permute(0, 3, 1, 2) for f in features] if self._channels_last else list(features)


def build_backbone(settings: TrainingConfig, seed: int, *, pretrained: bool = True) -> Backbone:
    """The backbone of `settings`, its initial weights from `seed` or, as `weights` says, pretrained.

    Raises UsageError for an unknown name or an impossible crop size, WeightsError for weights that cannot be had.
    """
    file = find_weights(settings) if pretrained else None
    if settings.backbone == "demo":
        return _demo(settings, seed, file)
    with keyed_random(seed, "backbone"):
        backbone = _from_timm(settings, file)
    if file is not None:
        _require_all_loaded(backbone, settings, file, seed)
    return backbone


def find_weights(settings: TrainingConfig) -> Path | None:
    """The file of the backbone's initial weights, fetched if need be; None where it starts from scratch.

    Raises UsageError for an unknown backbone, WeightsError for weights that cannot be had.
    """
    if settings.backbone != "demo":
        timm = import_timm()
        if not timm.is_model(timm_name(settings).partition(".")[0]):
            known = ["swin", "resnet50", "demo", *timm.list_models()]
            raise UsageError(f'unknown backbone "{settings.backbone}"; {did_you_mean(settings.backbone, known)[:200]}')
    return weights_file(settings)


def _demo(settings: TrainingConfig, seed: int, file: Path | None) -> Backbone:
    demo = DemoBackbone(settings.model_size, settings.drop_path_rate)
    initialise(demo, seed, "backbone")
    if file is not None:
        try:
            if file.suffix == ".safetensors":
                weights = load_file(file)
            else:
                weights = torch.load(file, map_location="cpu", weights_only=True)
            demo.load_state_dict(weights)
        except _UNREADABLE as error:
            raise _unfit(file, settings, error) from error
    return Backbone(demo, demo.channels, channels_last=False)


def _from_timm(settings: TrainingConfig, file: Path | None) -> Backbone:
    timm = import_timm()
    architecture = timm_name(settings).partition(".")[0]
    options: dict[str, object] = {"features_only": True, "drop_path_rate": settings.drop_path_rate}
    if architecture.startswith("swin"):
        options["img_size"] = settings.patch_size
    if file is not None:
        options |= {"pretrained": True, "pretrained_cfg_overlay": {"file": str(file)}}
    try:
        net = timm.create_model(architecture, **options)
        if list(net.feature_info.reduction()) == [2, 4, 8, 16, 32]:  # the stem counted as a stage
            net = timm.create_model(architecture, out_indices=(1, 2, 3, 4), **options)
    except _UNREADABLE as error:
        if file is not None:
            raise _unfit(file, settings, error) from error
        raise UsageError(
            f'backbone "{settings.backbone}" cannot be built with drop_path_rate {settings.drop_path_rate} and '
            f"patch_size {settings.patch_size}: {_first_line(error)}"
        ) from error
    channels, reductions = tuple(net.feature_info.channels()), list(net.feature_info.reduction())
    if reductions != [4, 8, 16, 32]:
        raise UsageError(
            f'backbone "{settings.backbone}" has stages at reductions {reductions}; four stages at 4, 8, 16 and 32 '
            "are needed, as swin, resnet and convnext have them"
        )
    output_format = getattr(net, "output_fmt", None)
    return Backbone(net, channels, channels_last=str(getattr(output_format, "value", output_format)) == "NHWC")


def _require_all_loaded(backbone: Backbone, settings: TrainingConfig, file: Path, seed: int) -> None:
    """Raise WeightsError where the file left weights at their random start; timm passes over what does not match.

    A second network from another stream tells them: what was loaded is the same in both.
    """
    with keyed_random(seed, "backbone", "again"):
        again = dict(_from_timm(settings, file).named_parameters())
    missed = [name for name, value in backbone.named_parameters() if not torch.equal(value, again[name])]
    if missed:
        more = f" and {len(missed) - 1} more" if len(missed) > 1 else ""
        raise _unfit(file, settings, ValueError(f"it has nothing for {missed[0].removeprefix('net.')}{more}"))


def _unfit(file: Path, settings: TrainingConfig, error: Exception) -> WeightsError:
    if isinstance(error, pickle.UnpicklingError):
        return WeightsError(f"{file} holds pickled code, not weights alone, and is refused; convert it to .safetensors")
    return WeightsError(
        f"{file} does not hold whole weights of backbone {settings.backbone} {settings.model_size}: "
        f"{_first_line(error)}"
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
