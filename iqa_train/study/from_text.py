"""A setting's value as somebody types it."""

from typing import Any

from iqa_train.study.settings import TrainingConfig

_TRUTH = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}


def value_from_text(name: str, text: str) -> Any:  # noqa: ANN401
    """What `text` says, if it is a number or a truth value where setting `name` wants one.

    Else the text itself, for the validation to complain of; quotes around a text are taken away.
    """
    field = TrainingConfig.model_fields.get(name)
    kind = field.annotation if field else None
    if kind is bool:
        return _TRUTH.get(text.lower(), text)
    if kind is int or kind is float:
        try:
            return kind(text)
        except ValueError:
            return text
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1] if quoted else text
