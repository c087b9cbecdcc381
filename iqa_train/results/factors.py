"""In which settings two runs differ, and which of the differences act."""

from collections.abc import Mapping
from typing import Any

Spec = Mapping[str, Any]
"""The content of spec.json."""

PRE_TRAINING = "pre-training"
"""The factor that comes with another backbone or other weights."""


def settings_that_differ(base: Spec, own: Spec) -> dict[str, tuple[Any, Any]]:
    """Setting -> (the base's value, `own`'s), the seed and what cannot change a result apart.

    A setting that only one of them records (of another version, or imported from a log) is not compared. Keys of
    `[datasets]` are written `datasets.csv`.
    """
    pairs = {name: (value, own["settings"][name]) for name, value in _settings(base) if name in own["settings"]}
    theirs, ours = base.get("source", {}), own.get("source", {})
    pairs |= {f"datasets.{k}": (v, ours[k]) for k, v in theirs.items() if k in ours and k not in {"path", "split"}}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def factors(base: Spec, own: Spec) -> tuple[str, ...]:
    """What a difference between the two can come from: settings that differ and act, those switched off with others.

    A2 of the seed study, multi-scale off with attention on, differs in one setting and has two factors: attention does
    not act on a single scale. A detail of something that is switched off (its margin, its floor) is none of its own.
    """
    from pydantic import ValidationError

    from iqa_train.study.inert import effective, is_detail
    from iqa_train.study.settings import TrainingConfig

    raw = settings_that_differ(base, own)
    try:
        one, other = TrainingConfig(**base["settings"]), TrainingConfig(**own["settings"])
    except ValidationError:  # settings of another version, or only some of them: all that is seen to differ
        return tuple(raw)
    acting, mine = effective(one), effective(other)
    known = dict(_settings({"settings": acting.model_dump()}))
    differ = [name for name in known if getattr(acting, name) != getattr(mine, name)]
    found = [name for name in differ if not is_detail(name, one, other, differ)]
    found += [name for name in raw if name.startswith("datasets.")]
    if {one.weights, other.weights} != {"none"} and {"backbone", "weights"} & set(found):
        found = [*(name for name in found if name != "weights"), PRE_TRAINING]
    return tuple(found)


def _settings(spec: Spec) -> list[tuple[str, Any]]:
    from iqa_train.study.settings import TrainingConfig, is_local

    local = {name for name in TrainingConfig.model_fields if is_local(name)}
    return [(name, value) for name, value in spec["settings"].items() if name != "seed" and name not in local]
