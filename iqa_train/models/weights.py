"""Pretrained weights: pinned by name, found without the network when they are there, named when they are not."""

import os
import socket
from pathlib import Path

from iqa_train.errors import UsageError, WeightsError
from iqa_train.files import cache_root
from iqa_train.models.timm_guard import import_timm
from iqa_train.study.settings import TrainingConfig

# timm's untagged names pretrain tiny on ImageNet-1k but small and base on 22k: a size ablation would change both.
_PINNED = {"swin": "ms_in22k_ft_in1k", "resnet50": "tv_in1k"}
_SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")
_HUB = "https://huggingface.co"


def is_file_setting(weights: str) -> bool:
    """Whether the setting names a file rather than a kind of pretraining."""
    return "/" in weights or weights.endswith(_SUFFIXES)


def timm_name(settings: TrainingConfig) -> str:
    """`architecture.tag` in timm's names, the tag pinned, explicit, timm's own default, or empty without weights."""
    swin = f"swin_{settings.model_size}_patch4_window7_224"
    architecture, _, tag = settings.backbone.partition(".")
    architecture = swin if architecture == "swin" else architecture
    if settings.weights == "none" or is_file_setting(settings.weights):
        return architecture
    if settings.weights != "imagenet":
        tag = settings.weights
    return f"{architecture}.{tag or _PINNED.get(settings.backbone) or _default_tag(architecture)}"


def weights_file(settings: TrainingConfig) -> Path | None:
    """The file to load the backbone from, fetched if need be; None for weights = "none".

    Raises WeightsError naming the file to fetch and where to put it.
    """
    if settings.weights == "none":
        return None
    if is_file_setting(settings.weights):
        path = Path(settings.weights).expanduser()
        if not path.is_file():
            raise WeightsError(
                f'weights = "{settings.weights}": there is no such file; give a .safetensors or .pth file'
            )
        return path
    if settings.backbone == "demo":
        raise UsageError(f'backbone "demo" has no weights "{settings.weights}"; set weights = "none" or name a file')
    name = timm_name(settings)
    _require_tag(name)
    placed = cache_root(settings.cache_dir) / "weights" / f"{name}.safetensors"
    return placed if placed.is_file() else _from_hub(name, placed)


def _default_tag(architecture: str) -> str:
    config = import_timm().get_pretrained_cfg(architecture, allow_unregistered=True)
    return str(config.tag) if config is not None and config.tag else ""


def _require_tag(name: str) -> None:
    timm = import_timm()
    architecture, _, tag = name.partition(".")
    tags = [n.partition(".")[2] for n in timm.list_models(f"{architecture}.*", pretrained=True)]
    if tag not in tags:
        known = ", ".join(tags) or "none"
        raise UsageError(
            f'{architecture} has no weights "{tag}"; known: {known}; or set weights = "none" or name a file'
        )


def _from_hub(name: str, placed: Path) -> Path:
    from huggingface_hub import hf_hub_download

    config = import_timm().get_pretrained_cfg(name)
    repository = config.hf_hub_id or f"timm/{name}"
    failure: Exception
    try:
        return Path(hf_hub_download(repository, "model.safetensors", local_files_only=True))
    except (OSError, ValueError) as error:
        failure = error
    if os.environ.get("HF_HUB_OFFLINE", "0") in {"", "0"} and _reachable():
        try:
            return Path(hf_hub_download(repository, "model.safetensors"))
        except (OSError, ValueError) as error:  # the hub's own errors derive from these
            failure = error
    raise WeightsError(
        f"pretrained weights {name} are not on this machine and could not be fetched; download "
        f"{_HUB}/{repository}/resolve/main/model.safetensors elsewhere and put it at {placed}, "
        'or set weights = "none" to start from scratch'
    ) from failure


def _reachable() -> bool:
    """Ask once, quickly: the hub client tries a closed network ten times, for most of a minute."""
    if any(os.environ.get(k) for k in ("HF_ENDPOINT", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return True
    try:
        with socket.create_connection(("huggingface.co", 443), timeout=5):
            return True
    except OSError:
        return False
