"""The settings in which two configurations differ, and the factors that can explain a difference of their results."""

from collections.abc import Sequence

from iqa_train.study.backbones import known_backbone
from iqa_train.study.inert import effective, is_detail
from iqa_train.study.setting_fields import SETTINGS, is_local
from iqa_train.study.settings import TrainingConfig, pairs_that_differ

PRE_TRAINING = "pre-training"
"""The factor that comes with a different backbone or different weights."""

NORMALISATION = "normalisation"
"""The factor that consists of mean and std."""

DECIDING = tuple(name for name in SETTINGS if name != "seed" and not is_local(name))
"""The settings that can change a result, without the seed."""


def differing(first: TrainingConfig, second: TrainingConfig) -> list[str]:
    """The settings in which two configurations differ, without the seed and settings that change no result."""
    return [name for name, _ in pairs_that_differ(first, second) if name.partition(".")[0] in DECIDING]


def acting_differences(base: TrainingConfig, config: TrainingConfig) -> list[str]:
    """Settings that differ and have an effect, or have an effect in one configuration only because others differ.

    Example: multi-scale off with attention on differs in one setting, but in two of these, as attention has no effect
    on a single scale. A detail of something that is switched off (its margin, its floor) is not counted.
    """
    differ = differing(effective(base), effective(config))
    return [name for name in differ if not is_detail(name, base, config, differ)]


def factors_of(names: Sequence[str], base: TrainingConfig, config: TrainingConfig) -> list[str]:
    """`names`, differing settings, as factors: another backbone or weights mean another pre-training, if any.

    A mean and a standard deviation are one normalisation. Parts of a batch are a factor where there is batch
    normalisation; elsewhere they change rounding and the draws of dropout alone.
    """
    if not (known_backbone(base.backbone).batch_norm or known_backbone(config.backbone).batch_norm):
        names = [name for name in names if name != "micro_batch_size"]
    if {"mean", "std"} <= set(names):
        names = [NORMALISATION if name == "mean" else name for name in names if name != "std"]
    if {base.weights, config.weights} == {"none"} or {"backbone", "weights"}.isdisjoint(names):
        return list(names)
    return [*(name for name in names if name != "weights"), PRE_TRAINING]
