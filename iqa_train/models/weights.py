"""Pretrained weights: a pinned tag, a local file, or a download; if unavailable, the error says what to fetch."""

import os
import socket
import zipfile
from pathlib import Path

from iqa_train.errors import UsageError, WeightsError
from iqa_train.files import cache_root, shared_cache_root
from iqa_train.home import expanded
from iqa_train.models.timm_import import import_timm
from iqa_train.study.backbones import OWN_NETWORKS, architecture_of, is_weights_file, weights_tag
from iqa_train.study.settings import TrainingConfig
from iqa_train.trust import distrust

_HUB = "https://huggingface.co"
_ZIP = b"PK\3\4"
_PICKLES = (b"\x80\2", b"\x80\3", b"\x80\4", b"\x80\5")


def timm_name(settings: TrainingConfig) -> str:
    """timm's `architecture.tag`, the tag explicit, pinned or timm's default; no tag for weights from a file or none."""
    architecture = architecture_of(settings.backbone, settings.model_size)
    if settings.weights == "none" or is_weights_file(settings.weights):
        return architecture
    return f"{architecture}.{weights_tag(settings.backbone, settings.weights) or _default_tag(architecture)}"


def weights_file(settings: TrainingConfig) -> Path | None:
    """The file to load the backbone from, downloaded if necessary; None for weights = "none".

    Raises WeightsError, which says what to download and where to put it.
    """
    if settings.weights == "none":
        return None
    if is_weights_file(settings.weights):
        path = expanded(settings.weights)
        if not path.is_file():
            raise WeightsError(
                f'weights = "{settings.weights}": there is no such file; give a .safetensors or .pth file'
            )
        _require_form(path)
        return path
    if settings.backbone in OWN_NETWORKS:
        raise UsageError(
            f'backbone "{settings.backbone}" has no weights "{settings.weights}"; set weights = "none" or name a file'
        )
    name = timm_name(settings)
    _require_tag(name)
    # A cache_dir on a node's own disk has no weights; they are where they would be without it.
    roots = [root for root in (cache_root(settings.cache_dir), shared_cache_root()) if root is not None]
    for root in roots:
        placed = root / "weights" / f"{name}.safetensors"
        if placed.is_file():
            if (complaint := distrust(root, placed)) is not None:
                raise WeightsError(f"{complaint}, or set cache_dir to a folder of your own")
            return placed
    return _from_hub(name, roots[-1] / "weights" / f"{name}.safetensors")


def is_pickle(path: Path) -> bool:
    """Whether a file that safetensors rejects is torch's zip archive or a bare pickle of protocols 2 to 5."""
    start = _start(path)
    # The length at the start of a safetensors header may look like a pickle, but byte 8 opens its JSON.
    return start[:4] == _ZIP or (start[:2] in _PICKLES and start[8:] != b"{")


def pickle_refused(path: Path) -> WeightsError:
    """The error for a file that could run code."""
    return WeightsError(f"{path} holds pickled code, not weights alone, and is refused; convert it to .safetensors")


def _require_form(path: Path) -> None:
    """Raise WeightsError for a file whose first bytes contradict its name."""
    try:
        pickled = is_pickle(path)
        cut_short = pickled and _start(path)[:4] == _ZIP and not zipfile.is_zipfile(path)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({error.strerror})") from None
    if path.suffix == ".safetensors":
        if pickled:
            raise pickle_refused(path)
    elif not pickled:
        raise WeightsError(f"{path} is not a weights file written by torch; give a .safetensors or .pth file")
    elif cut_short:
        raise WeightsError(f"{path} is cut short or damaged; copy it again")


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(9)


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
    """Check once, quickly: without a connection the hub client retries for most of a minute."""
    if any(os.environ.get(k) for k in ("HF_ENDPOINT", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return True
    try:
        with socket.create_connection(("huggingface.co", 443), timeout=5):
            return True
    except OSError:
        return False
