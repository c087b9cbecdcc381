"""Settings in which two runs differ, and the factors that can cause a difference in results."""

from collections.abc import Mapping
from typing import Any

Spec = Mapping[str, Any]
"""The content of spec.json."""

REVISION = "revision"
"""Revision of the network and losses: not a setting, but a possible cause of a difference."""


def settings_that_differ(base: Spec, other: Spec) -> dict[str, tuple[Any, Any]]:
    """Setting -> (value of `base`, value of `other`), without the seed and settings that cannot change a result.

    Settings that only one of them records (from another version, or imported from a log) are not compared. Keys of
    `[datasets]` are written `datasets.csv`; `revision` is that of the network and losses.
    """
    pairs = {name: (value, other["settings"][name]) for name, value in _settings(base) if name in other["settings"]}
    theirs, ours = base.get("source", {}), other.get("source", {})
    pairs |= {f"datasets.{k}": (v, ours[k]) for k, v in theirs.items() if k in ours and k not in {"path", "split"}}
    if "revision" in base and "revision" in other:
        pairs[REVISION] = (base["revision"], other["revision"])
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def factors(base: Spec, own: Spec) -> tuple[str, ...]:
    """What can cause a difference between the two: factors as in `study.factors`, data set and revision."""
    from iqa_train.runs.specfile import settings_from
    from iqa_train.study.factors import acting_differences, factors_of

    raw = settings_that_differ(base, own)
    # What only one of them records is assumed for the other, instead of this program's default.
    one = settings_from({**own["settings"], **base["settings"]})
    other = settings_from({**base["settings"], **own["settings"]})
    if one is None or other is None:
        return tuple(raw)
    beside = [name for name in raw if name == REVISION or name.startswith("datasets.")]
    return (*factors_of(acting_differences(one, other), one, other), *beside)


def _settings(spec: Spec) -> list[tuple[str, Any]]:
    from iqa_train.study.setting_fields import is_local
    from iqa_train.study.settings import TrainingConfig

    local = {name for name in TrainingConfig.model_fields if is_local(name)}
    return [(name, value) for name, value in spec["settings"].items() if name != "seed" and name not in local]
