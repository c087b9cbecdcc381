"""Error messages on a study file or an option: the key, the value given, what is allowed."""

import json
import re
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from iqa_train.errors import did_you_mean, visible
from iqa_train.study.events import EVENTS
from iqa_train.study.model import NAME_PATTERN
from iqa_train.study.numbers import number_text
from iqa_train.study.settings import CONTROL

_SPAN_WORDS = "a number or [lowest, highest]"
NAME_WORDS = "letters, digits, '.', '_' and '-', starting with a letter or digit, at most 80 of them"

# What is allowed, for keys whose type does not say it.
_WORDS = {
    "dataset": "letters, digits, '.', '_' and '-', starting with a letter or digit",
    "cross_datasets": 'a list of names of data sets, such as ["spaq", "kadid-10k"]',
    "network_options": "a table of options, such as { depth = 2, width = 64 }",
    "loss_options": "a table of options, such as { p = 1, q = 2 }",
    "mean": "three numbers from 0 to 1, of red, green and blue",
    "std": "three numbers from 0.001 to 1, of red, green and blue",
    "taps": "four rising numbers of blocks, counted from 1, such as [3, 6, 9, 12]",
    "freeze": "none, backbone, stages:N with N from 1 to 4, or blocks:N",
    "resize": "auto, none, WIDTHxHEIGHT, or the shorter side",
    "baseline": "the id of an experiment",
    "seeds": "a list of whole numbers, at least 0, such as [42, 43]",
    "gpus": 'GPU numbers from 0 to 1023, each with an experiment, such as { 0 = "Baseline" }',
    "set": "a table of settings, such as { lr = 1e-6 }",
    "srcc": _SPAN_WORDS,
    "delta": _SPAN_WORDS,
    "score_range": "[lowest, highest]",
    "experiment": "the id of an experiment",
    "settings": "a table of settings, such as { lr = 1e-6 }",
    "source": "text that says where the numbers are from",
    "command": "a shell command line",
    "run": 'a list of words, such as ["python", "train.py", "--lr", "{lr}"]',
    "resume": 'a list of words, such as ["python", "train.py", "--resume", "{run_dir}"]',
    "predictions": 'a file for each of test and val, such as { test = "test.csv" }',
    "webhook": "an address that starts with http:// or https://, in ASCII, without spaces, user name and password",
    "urls": 'a list of addresses for apprise, such as ["slack://TOKEN/#channel"]',
    "margin": "a number more than 0, or a table of such numbers by metric, such as { srcc = 0.002 }",
    "metric": "the name of a metric, such as srcc",
    "primary": "the name of a metric, such as srcc",
    "gpu_order": "GPU numbers from 0 to 1023, the preferred first, such as [2, 3]",
    "quiet_hours": 'times such as "22:00-07:00" or ["Mon-Fri 08:00-18:00", "Sat,Sun 00:00-24:00"]',
    "on": f"a list of events out of {', '.join(EVENTS)}",
}

_LIMITS = (
    ("gt", "more than {}"),
    ("ge", "at least {}"),
    ("lt", "less than {}"),
    ("le", "at most {}"),
    ("multiple_of", "a multiple of {}"),
)

_WRONG_TYPE = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


# The problem, by the start of pydantic's name for it; everything else is a wrong type.
_WRONG = {
    "finite_number": "not a finite number",
    "greater_than": "out of range",
    "less_than": "out of range",
    "multiple_of": "out of range",
    "literal_error": "not one of its choices",
    "string_pattern_mismatch": "not valid",
}


def shown(value: object) -> str:
    """A value as a study file spells it, on one line, shortened if it is long."""
    if isinstance(value, bool):
        return str(value).lower()
    try:
        if isinstance(value, list | tuple):
            text = f"[{', '.join(map(shown, value))}]"
        elif isinstance(value, str | dict):
            text = visible(json.dumps(value, ensure_ascii=False, default=str))
        else:
            text = number_text(value) if isinstance(value, float) else visible(str(value))
    except ValueError:  # Python writes no number of more than some thousand digits
        return "a number of very many digits"
    return text if len(text) <= 60 else text[:57] + "..."


def allowed(name: str, field: FieldInfo) -> str:
    """The allowed values of key `name`: choices, limits, or its type."""
    if name in _WORDS and _plain(field) not in {float, int}:  # srcc is a span in one table, a number in another
        return _WORDS[name]
    if any(getattr(limit, "pattern", None) == NAME_PATTERN for limit in field.metadata):
        return NAME_WORDS
    choices = get_args(field.annotation) if _plain(field) is None else ()
    if choices and all(isinstance(choice, str) for choice in choices):
        return ", ".join(choices)
    if get_origin(field.annotation) is tuple:
        return 'a list of texts, such as ["...", "..."]'
    limits = [
        words.format(getattr(limit, key))
        for key, words in _LIMITS
        for limit in field.metadata
        if getattr(limit, key, None) is not None
    ]
    return ", ".join(limits) or _WRONG_TYPE.get(_plain(field) or NoneType, "another value")


def complaints(
    error: ValidationError, model: type[BaseModel], values: Mapping[str, Any], what: str = "key", option: str = ""
) -> list[tuple[str, str]]:
    """(key, sentence without its place) for each key of `values` that `model` rejected; "" is the whole table.

    `what` is what an unknown key is called. With `option`, keys are spelt as options that start with it.
    """
    found: dict[str, str] = {}
    for details in error.errors(include_url=False):
        key = str(details["loc"][0]) if details["loc"] else ""
        if key not in found:
            found[key] = _complaint(details, key, model, values, (what, option))
    return list(found.items())


def _complaint(
    details: ErrorDetails, key: str, model: type[BaseModel], values: Mapping[str, Any], spelling: tuple[str, str]
) -> str:
    what, option = spelling
    fields = model.model_fields
    if details["type"] == "value_error":  # from one of our own validators, complete
        return str(details["ctx"]["error"])
    if details["type"] == "extra_forbidden":
        name = option + key
        return f"unknown {what} {name if option else shown(name)}; {did_you_mean(name, [option + f for f in fields])}"
    if key not in values:
        return f'"{key}" is missing; allowed: {allowed(key, fields[key])}'
    given = f"{option}{key} {visible(str(values[key]))}" if option else f"{key} = {shown(values[key])}"
    if details["type"] == CONTROL:
        return f"{given} {details['msg']}"
    return f"{given} is {_wrong(details, values[key], fields[key])}; allowed: {allowed(key, fields[key])}"


def _wrong(details: ErrorDetails, value: object, field: FieldInfo) -> str:
    kind = details["type"]
    if value in ("", [], {}):
        return "empty"
    if len(details["loc"]) > 1:
        return "not valid"
    for start, words in _WRONG.items():
        if kind.startswith(start):
            return words
    plain = _plain(field)
    return "not " + _WRONG_TYPE[plain] if plain else "not valid"


def _plain(field: FieldInfo) -> type | None:
    """bool, int, float or str, or None for a field of another kind."""
    kind: Any = field.annotation
    if get_origin(kind) in (Union, UnionType):
        kinds = [k for k in get_args(kind) if k is not NoneType]
        kind = kinds[0] if len(kinds) == 1 else None
    return kind if kind in _WRONG_TYPE else None


def is_name(text: str) -> bool:
    """Whether `text` can be part of a file's name."""
    return re.match(NAME_PATTERN, text) is not None and "\n" not in text
