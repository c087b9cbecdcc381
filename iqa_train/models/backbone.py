"""Builds the backbone that the settings name, with its weights, and gives all backbones one form of output."""

import pickle
import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from iqa_train.errors import UsageError, WeightsError, did_you_mean
from iqa_train.models.demo_backbone import DemoBackbone
from iqa_train.models.layers import ALL_ALIKE, prepare_layers
from iqa_train.models.plain_vit import PLACE, PlainVit, build_plain_vit
from iqa_train.models.seeded_init import initialise, keyed_random
from iqa_train.models.timm_import import import_timm
from iqa_train.models.timm_net import build_timm, channels_last
from iqa_train.models.weights import pickle_refused, timm_name, weights_file
from iqa_train.study.backbones import BACKBONES, OWN_NETWORKS, plain_vit
from iqa_train.study.settings import TrainingConfig
from iqa_train.text import first_line

# Errors of reading weights and of building a network with impossible settings.
_UNREADABLE = (
    SafetensorError, pickle.UnpicklingError, EOFError, OSError, RuntimeError, TypeError, ValueError, AssertionError,
    LookupError, AttributeError, struct.error,
)  # fmt: skip


class Backbone(nn.Module):
    """A network of four stages, or four blocks of a transformer. Its features are (B, C, H, W), whatever its layout."""

    def __init__(self, net: nn.Module, channels: tuple[int, ...], *, channels_last: bool) -> None:
        super().__init__()
        self.net = net
        self.channels = channels
        self._channels_last = channels_last
        self._layers = ALL_ALIKE

    def prepare_layers(self, settings: TrainingConfig) -> "Backbone":
        """Freeze the layers that the settings name. Raises UsageError for layers that there are not."""
        self._layers = prepare_layers(self.net, settings)
        return self

    def from_top(self, name: str) -> int:
        """How many layers lie between that of the network's parameter `name` and the last; 0 where all train alike."""
        return self._layers.from_top.get(name.removeprefix("net."), 0)

    def train(self, mode: bool = True) -> "Backbone":
        """As ever, but frozen modules stay in evaluation mode."""
        super().train(mode)
        for module in self._layers.frozen:
            module.eval()
        return self

    def forward(self, crops: Tensor) -> list[Tensor]:
        """(B, 3, P, P) -> four feature maps, from fine to coarse."""
        features = self.net(crops)
        return [f.permute(0, 3, 1, 2) for f in features] if self._channels_last else list(features)


def build_backbone(settings: TrainingConfig, seed: int, *, pretrained: bool = True) -> Backbone:
    """The backbone of `settings`, with initial weights from `seed` or pretrained ones, as `weights` says.

    Raises UsageError for an unknown name, an impossible crop size, or layers to freeze or to tap that it has not,
    WeightsError for unavailable or unfit weights.
    """
    file = find_weights(settings) if pretrained else None
    if settings.backbone in OWN_NETWORKS:
        return _demo(settings, seed, file).prepare_layers(settings)
    with keyed_random(seed, "backbone"):
        backbone = _from_timm(settings, file)
    if file is not None:
        _require_all_loaded(backbone, settings, file, seed)
    return backbone.prepare_layers(settings)


def find_weights(settings: TrainingConfig) -> Path | None:
    """The file of the backbone's pretrained weights, downloaded if necessary; None if it starts from scratch.

    Raises UsageError for an unknown backbone, WeightsError for unavailable weights.
    """
    if settings.backbone not in OWN_NETWORKS:
        timm = import_timm()
        if not timm.is_model(timm_name(settings).partition(".")[0]):
            near = did_you_mean(settings.backbone, [*BACKBONES, *timm.list_models()])
            if not near.startswith("did"):  # timm has over a thousand names
                near = f"known: {', '.join(BACKBONES)} and timm's networks with four stages or plain transformers"
            raise UsageError(f'unknown backbone "{settings.backbone}"; {near}')
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
        except _UNREADABLE as error:
            raise _unfit(file, settings, error) from error
        if misfit := _misfit(demo.state_dict(), weights):
            raise _unfit(file, settings, ValueError(misfit))
        demo.load_state_dict(weights)
    return Backbone(demo, demo.channels, channels_last=False)


def _misfit(wanted: Mapping[str, Tensor], given: object) -> str | None:
    """The first weight that is missing from `given`, has another shape or is not the network's; None if all fit."""
    if not isinstance(given, dict):
        return "it holds no named weights"
    for name, value in wanted.items():
        if not isinstance(given.get(name), Tensor):
            return f"it has nothing for {name}"
        if given[name].shape != value.shape:
            return f"{name} is {_shape(given[name])} in it and {_shape(value)} in the network"
    unknown = [name for name in given if name not in wanted]
    return f"the network has no {unknown[0]}" if unknown else None


def _shape(value: Tensor) -> str:
    return "x".join(map(str, value.shape)) or "one number"


def _from_timm(settings: TrainingConfig, file: Path | None) -> Backbone:
    is_plain = plain_vit(settings.backbone) is not None
    try:
        net = build_plain_vit(settings, file) if is_plain else build_timm(settings, file)
    except _UNREADABLE as error:
        if file is not None:
            raise _unfit(file, settings, error) from error
        raise UsageError(
            f'backbone "{settings.backbone}" cannot be built with drop_path_rate {settings.drop_path_rate} and '
            f"patch_size {settings.patch_size}: {first_line(error)}"
        ) from error
    if isinstance(net, PlainVit):
        return Backbone(net, net.channels, channels_last=False)
    return Backbone(net, tuple(net.feature_info.channels()), channels_last=channels_last(net))


def _require_all_loaded(backbone: Backbone, settings: TrainingConfig, file: Path, seed: int) -> None:
    """Raise WeightsError if the file left weights at their random start: timm ignores what does not match.

    A second network, from another stream, shows them: weights that were loaded are equal in both. So are weights that
    start at a constant; a file that names what it holds as the network does shows these by their names.
    """
    with keyed_random(seed, "backbone", "again"):
        again = dict(_from_timm(settings, file).named_parameters())
    unnamed = _not_in(file, backbone)
    missed = [n for n, value in backbone.named_parameters() if n in unnamed or not torch.equal(value, again[n])]
    if missed:
        more = f" and {len(missed) - 1} more" if len(missed) > 1 else ""
        raise _unfit(
            file,
            settings,
            ValueError(f"it has nothing for {missed[0].removeprefix('net.').removeprefix('vit.')}{more}"),
        )


def _not_in(file: Path, backbone: Backbone) -> set[str]:
    """Parameters of a plain transformer that a file with timm's names lacks; none for a file with other names."""
    names = {name: name.removeprefix(PLACE) for name, _ in backbone.named_parameters() if name.startswith(PLACE)}
    if file.suffix == ".safetensors":
        with safe_open(file, "pt") as opened:
            held = set(opened.keys())
    else:
        held = set(torch.load(file, map_location="cpu", weights_only=True, mmap=True))
    missing = {name for name, inside in names.items() if inside not in held}
    return missing if len(missing) < len(names) / 2 else set()


def _unfit(file: Path, settings: TrainingConfig, error: Exception) -> WeightsError:
    if any(isinstance(cause, pickle.UnpicklingError) for cause in _causes(error)):
        return pickle_refused(file)
    nameless = isinstance(error, AttributeError | LookupError)  # it was used as a dictionary of weights
    says = "it holds no named weights" if nameless else first_line(error)
    return WeightsError(
        f"{file} does not hold the complete weights of backbone {settings.backbone} {settings.model_size}: {says}"
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and the errors that caused it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def rate_scales(modules: Iterable[tuple[str, nn.Module]], decay: float) -> dict[str, float]:
    """Parameter of a backbone among `modules` -> the factor of its rate: `decay` for each layer above its own."""
    return {
        f"{place}.{name}" if place else name: decay ** module.from_top(name)
        for place, module in modules
        if isinstance(module, Backbone)
        for name, _ in module.named_parameters()
    }
