"""The mean and standard deviation by which crops are normalised: those that the pretrained weights were trained with.

timm states them for each of its weights; `timm_table` holds them, so that a study can be resolved and audited without
importing timm. For weights from a file they are those of the tag in the backbone's name, or timm's default for the
architecture; without pretrained weights, ImageNet's.
"""

from functools import lru_cache

from pydantic import BaseModel, ConfigDict

from iqa_train.study.backbones import OWN_NETWORKS, architecture_of, is_weights_file, weights_tag
from iqa_train.study.settings import TrainingConfig

Channels = tuple[float, float, float]


class Normalisation(BaseModel):
    """(pixel - mean) / std, for each of red, green and blue, of pixels from 0 to 1."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    mean: Channels
    std: Channels

    def __str__(self) -> str:
        name = _NAMES.get((self.mean, self.std))
        numbers = f"mean {_numbers(self.mean)}, std {_numbers(self.std)}"
        return f"{name} ({numbers})" if name else numbers


IMAGENET = Normalisation(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))

_NAMES = {
    (IMAGENET.mean, IMAGENET.std): "ImageNet's",
    ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)): "CLIP's",
}


def normalisation(settings: TrainingConfig) -> Normalisation:
    """Of a run with these settings: `mean` and `std` where they are set, else those of the weights."""
    given = normalisation_of_weights(settings)
    return Normalisation(mean=settings.mean or given.mean, std=settings.std or given.std)


def normalisation_of_weights(settings: TrainingConfig) -> Normalisation:
    """What the pretrained weights that the settings name were trained with; ImageNet's for none."""
    if settings.weights == "none" or settings.backbone in OWN_NETWORKS:
        return IMAGENET
    tag = weights_tag(settings.backbone, settings.weights)
    if is_weights_file(settings.weights):
        tag = settings.backbone.partition(".")[2]
    return _by_name().get((architecture_of(settings.backbone, settings.model_size), tag), IMAGENET)


def trained_otherwise(settings: TrainingConfig) -> bool:
    """Whether any weights that timm knows for the architecture were trained with another normalisation than ImageNet's.

    Not of weights whose tag is named.
    """
    if settings.backbone.partition(".")[2]:
        return False
    architecture = architecture_of(settings.backbone, settings.model_size)
    return any(name == architecture for name, _ in _by_name())


@lru_cache(maxsize=1)
def _by_name() -> dict[tuple[str, str], Normalisation]:
    from iqa_train.study.timm_table import NORMALISATIONS

    found = {}
    for (mean, std), names in NORMALISATIONS.items():
        one = Normalisation(mean=mean, std=std)
        for entry in names.split():
            architecture, _, tags = entry.partition(".")
            found.update({(architecture, tag): one for tag in tags.split(",")})
    return found


def _numbers(channels: Channels) -> str:
    return " ".join(f"{value:.4g}" for value in channels)
