"""Checks settings by name, type and range, and reads them from text."""

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import ValidationError

from iqa_train.errors import StudyError, UsageError
from iqa_train.study.messages import complaints
from iqa_train.study.settings import TrainingConfig

COMMAND_LINE = "command line"

_TRUTH = {
    "true": True, "on": True, "yes": True, "enabled": True,
    "false": False, "off": False, "no": False, "disabled": False,
}  # fmt: skip


def value_from_text(name: str, text: str) -> Any:  # noqa: ANN401
    """`text` as the type of setting `name`: a number, true or false, or names or numbers separated by commas.

    Text that cannot be converted is returned as it is; validation then rejects it.
    """
    field = TrainingConfig.model_fields.get(name)
    if field is None:
        return text
    kind = field.annotation
    if kind is bool:
        return _TRUTH.get(text.lower(), text)
    if isinstance(field.default, dict):
        return _options_from_text(text)
    if isinstance(field.default, tuple):
        return tuple(_converted(part.strip(), get_args(kind)[0]) for part in text.split(",") if part.strip())
    return _converted(text, kind)


def _converted(text: str, kind: Any) -> Any:  # noqa: ANN401
    if kind is int or kind is float:
        try:
            return kind(text)
        except ValueError:
            return text
    return text


def _options_from_text(text: str) -> Any:  # noqa: ANN401
    """`depth=2,name=wide,sides=[3,5]` as a table; text that is none is returned as it is."""
    import tomllib

    try:
        return tomllib.loads(f"options = {{{text}}}")["options"]
    except (tomllib.TOMLDecodeError, RecursionError):
        pass
    parts = [part.partition("=") for part in text.split(",") if part.strip()]
    if not all(equals and name.strip() for name, equals, _ in parts):
        return text
    return {name.strip(): _option_from_text(value.strip()) for name, _, value in parts}


def _option_from_text(text: str) -> Any:  # noqa: ANN401
    import tomllib

    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        return text


def check_settings(
    values: Mapping[str, Any], option: str = "", written: Mapping[str, str] | None = None
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The valid settings, with their types (10 becomes 10.0 for a float), and (setting, complaint) for the others.

    Whether settings make sense together is the audit's business. With `option` ("--"), complaints spell settings as
    options; `written` holds settings as they were typed, for complaints to repeat.
    """
    valid, wrong = dict(values), list[tuple[str, str]]()
    try:
        config = TrainingConfig(**values)
    except ValidationError as error:
        what = "option" if option else "setting"
        wrong = complaints(error, TrainingConfig, {**values, **(written or {})}, what, option)
        for name, _ in wrong:
            del valid[name]
        config = TrainingConfig(**valid)
    return {name: getattr(config, name) for name in valid}, wrong


def validate_settings(
    values: Mapping[str, Any], where: str, written: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """`values` with their types, as `check_settings` returns them.

    Raises StudyError naming `where`; for `where` = "command line", UsageError with settings spelt as options.
    """
    of_options = where == COMMAND_LINE
    valid, wrong = check_settings(values, "--" if of_options else "", written)
    if wrong:
        kind = UsageError if of_options else StudyError
        raise kind("\n".join(f"{where}: {sentence}" for _, sentence in wrong))
    return valid


def training_config(values: Mapping[str, Any]) -> TrainingConfig:
    """`values` over the defaults. Raises UsageError as `validate_settings` does for the command line."""
    try:
        return TrainingConfig(**values)
    except ValidationError:
        validate_settings(values, COMMAND_LINE)
        raise
