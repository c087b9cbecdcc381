"""Checks a layer of settings on its own: names, types and ranges."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from iqa_train.errors import StudyError, UsageError
from iqa_train.study.messages import complaints
from iqa_train.study.settings import TrainingConfig

COMMAND_LINE = "command line"


def setting_complaints(
    values: Mapping[str, Any], option: str = "", written: Mapping[str, str] | None = None
) -> list[tuple[str, str]]:
    """(setting, what is wrong with it) for each setting of `values` that is unknown or not allowed.

    `written` holds settings as they were typed, which is how a message repeats them.
    """
    try:
        TrainingConfig(**values)
    except ValidationError as error:
        what = "option" if option else "setting"
        return complaints(error, TrainingConfig, {**values, **(written or {})}, what, option)
    return []


def validate_settings(
    values: Mapping[str, Any], where: str, written: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """`values` as `typed` gives them, once each is known and allowed; cross-setting sense is the audit's business.

    Raises StudyError naming `where`; for `where` = "command line", UsageError with settings spelt as options.
    """
    of_options = where == COMMAND_LINE
    wrong = setting_complaints(values, "--" if of_options else "", written)
    if wrong:
        kind = UsageError if of_options else StudyError
        raise kind("\n".join(f"{where}: {sentence}" for _, sentence in wrong))
    return typed(values)


def typed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Valid settings as TrainingConfig holds them: 10 becomes 10.0 where a setting is no whole number."""
    made = TrainingConfig(**values)
    return {name: getattr(made, name) for name in values}
