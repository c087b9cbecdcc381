"""In which settings two configurations differ, and what of it a difference of their results can come from."""

from collections.abc import Sequence

from iqa_train.study.inert import effective, is_detail
from iqa_train.study.setting_fields import SETTINGS, is_local
from iqa_train.study.settings import TrainingConfig

PRE_TRAINING = "pre-training"
"""The factor that comes with another backbone or other weights."""

DECIDING = tuple(name for name in SETTINGS if name != "seed" and not is_local(name))
"""The settings that can change a result, the seed apart."""


def differing(one: TrainingConfig, other: TrainingConfig) -> list[str]:
    """The settings in which two differ, the seed and what cannot change a result apart."""
    return [name for name in DECIDING if getattr(one, name) != getattr(other, name)]


def acting_differences(base: TrainingConfig, own: TrainingConfig) -> list[str]:
    """Settings that differ and act, and those that act in one alone because of others that differ.

    A2 of the seed study, multi-scale off with attention on, differs in one setting and has two of these: attention does
    not act on a single scale. A detail of something that is switched off (its margin, its floor) is none of its own.
    """
    differ = differing(effective(base), effective(own))
    return [name for name in differ if not is_detail(name, base, own, differ)]


def factors_of(names: Sequence[str], base: TrainingConfig, own: TrainingConfig) -> list[str]:
    """`names`, differing settings, as factors: another backbone or other weights are another pre-training, if any."""
    if {base.weights, own.weights} == {"none"} or {"backbone", "weights"}.isdisjoint(names):
        return list(names)
    return [*(name for name in names if name != "weights"), PRE_TRAINING]
