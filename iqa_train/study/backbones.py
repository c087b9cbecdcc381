"""The named backbones: one table of what is known about each without building it.

A timm network with four stages, or a plain vision transformer, needs no entry: `--backbone NAME` takes timm's name. An
entry gives a network a short name, pins its pretrained weights, or adapts the hyper-network to it. Help, audit and
models all read the table.
"""

from dataclasses import dataclass
from functools import lru_cache

from iqa_train.errors import did_you_mean, visible

REDUCTION = (512, 256)
"""Channels between the fused features and the hyper-network's last map."""


@dataclass(frozen=True)
class KnownBackbone:
    """A named backbone. The tests check that its stages are at 1/4, 1/8, 1/16 and 1/32 of the crop.

    `architecture` is timm's name, with `{size}` in place of model_size; "" for a network of this program. `pinned` is
    the tag of timm's weights that weights = "imagenet" means. `sized` networks have several model sizes.
    """

    architecture: str = ""
    pinned: str = ""
    sized: bool = False
    batch_norm: bool = False
    reduction: tuple[int, int] = REDUCTION


BACKBONES = {
    # timm's untagged names pretrain tiny on ImageNet-1k but small and base on 22k: a size ablation would change both.
    "swin": KnownBackbone("swin_{size}_patch4_window7_224", pinned="ms_in22k_ft_in1k", sized=True),
    "resnet50": KnownBackbone("resnet50", pinned="tv_in1k", batch_norm=True, reduction=(1024, 512)),
    "demo": KnownBackbone(sized=True, batch_norm=True),
}
OWN_NETWORKS = tuple(name for name, known in BACKBONES.items() if not known.architecture)
SIZED_BACKBONES = tuple(name for name, known in BACKBONES.items() if known.sized)

WEIGHTS_SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")

BUILT_FOR_CROP_SIZE = ("swin",)
"""timm architectures, by prefix, that must be given the crop size when they are built."""


def known_backbone(name: str) -> KnownBackbone:
    """What is known of a backbone named with or without a tag of weights; of any other, that it is timm's."""
    architecture = name.partition(".")[0]
    return BACKBONES.get(architecture, KnownBackbone(architecture))


def architecture_of(backbone: str, model_size: str) -> str:
    """timm's name of the architecture, without a tag."""
    return known_backbone(backbone).architecture.replace("{size}", model_size)


def weights_tag(backbone: str, weights: str) -> str:
    """The tag of the weights that these two settings mean: `weights`, else that in the name, else the pinned one.

    "" for none, and where the choice is timm's.
    """
    if weights == "none" or is_weights_file(weights):
        return ""
    if weights != "imagenet":
        return weights
    return backbone.partition(".")[2] or known_backbone(backbone).pinned


def is_weights_file(weights: str) -> bool:
    """Whether the setting is a file rather than a tag."""
    return "/" in weights or weights.endswith(WEIGHTS_SUFFIXES)


def same_network(backbone: str, weights: str) -> tuple[str, str]:
    """Backbone and weights under the one name that these two settings have in common with all that mean the same."""
    tag = weights_tag(backbone, weights)
    if tag:
        weights = "imagenet" if tag == known_backbone(backbone).pinned else tag
    return backbone.partition(".")[0], weights


def unknown_backbone(backbone: str, model_size: str) -> str | None:
    """A sentence on a backbone that neither this program nor timm has; None where one has it, or nobody can say.

    The installed timm is not imported; of another version than the table's, nobody can say.
    """
    architecture = architecture_of(backbone, model_size)
    if not architecture or backbone.partition(".")[0] in BACKBONES:
        return None
    from importlib.metadata import PackageNotFoundError, version

    from iqa_train.study.timm_table import ARCHITECTURES, VERSION

    try:
        if version("timm") != VERSION:
            return None
    except PackageNotFoundError:
        return None
    names = ARCHITECTURES.split()
    if architecture in names:
        return None
    near = did_you_mean(architecture, [*BACKBONES, *names])
    if not near.startswith("did"):  # timm has over a thousand names
        near = f"known: {', '.join(BACKBONES)} and timm's networks with four stages or plain transformers"
    return f'unknown backbone "{visible(backbone)}"; {near}'


TAPS = 4
"""Maps that a backbone gives: one of each stage, or of as many blocks of a plain vision transformer."""


def plain_vit(backbone: str) -> tuple[int, int] | None:
    """Blocks and side of a patch in pixels of a plain vision transformer of timm; None for any other network."""
    return _plain_vits().get(backbone.partition(".")[0])


def even_taps(depth: int) -> tuple[int, ...]:
    """Four of `depth` blocks, evenly spaced, counted from 1; the last is the last block."""
    return tuple(-(-depth * k // TAPS) for k in range(1, TAPS + 1))


@lru_cache(maxsize=1)
def _plain_vits() -> dict[str, tuple[int, int]]:
    from iqa_train.study.timm_table import PLAIN_VITS

    return {name: shape for shape, names in PLAIN_VITS.items() for name in names.split()}
