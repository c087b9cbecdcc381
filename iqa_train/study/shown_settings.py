"""The settings of a run that mean something for it."""

from collections.abc import Mapping
from typing import Any

from iqa_train.study.command import HARNESS
from iqa_train.study.spec import RunSpec


def shown_settings(spec: RunSpec) -> dict[str, Any]:
    """Every setting of a run of ours; of a command's, those that it gets, and its parameters."""
    return shown_values(spec.model_dump(mode="json"))


def shown_values(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The same of the content of a spec.json."""
    settings: dict[str, Any] = spec["settings"]
    if not spec.get("command"):
        return settings
    parameters: dict[str, Any] = spec.get("parameters", {})
    return {name: settings[name] for name in HARNESS if name in settings} | parameters
