"""The settings of a run that mean something for it."""

from typing import Any

from iqa_train.study.harness import HARNESS
from iqa_train.study.spec import RunSpec


def shown_settings(spec: RunSpec) -> dict[str, Any]:
    """Every setting of a run of ours; of a command's, those that it gets, and its parameters."""
    settings: dict[str, Any] = spec.settings.model_dump(mode="json")
    if spec.command is None:
        return settings
    return {name: settings[name] for name in HARNESS} | spec.parameters
