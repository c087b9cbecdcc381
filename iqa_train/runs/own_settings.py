"""What a run of a command has for settings: those that it gets, and the parameters of its program. Without pydantic."""

from collections.abc import Mapping
from typing import Any


def with_own_settings(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """The content of a spec.json, whose `settings` are, of a run of a command, settings and parameters together."""
    settings = spec.get("settings")
    if not spec.get("command") or not settings:
        return spec
    from iqa_train.study.harness import HARNESS

    mine = {name: settings[name] for name in HARNESS if name in settings}
    return {**spec, "settings": mine | spec.get("parameters", {})}
