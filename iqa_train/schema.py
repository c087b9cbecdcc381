"""The one check of every document that this program reads: whether a JSON value has the type that a model declares.

Models are TypedDicts, for documents that stay dictionaries, and dataclasses. Keys that a model does not know were
written by a later version, or by hand, and are passed over; None is no value unless the model allows it.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from reprlib import Repr
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    NotRequired,
    Required,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from iqa_train.errors import visible
from iqa_train.files import DamagedFileError, read_json, read_lines

T = TypeVar("T")

_SHOWN = Repr()
_SHOWN.maxstring = _SHOWN.maxother = 40
_SHOWN.maxdict = _SHOWN.maxlist = _SHOWN.maxlevel = 2


class Span(NamedTuple):
    """For `Annotated[int, Span(lowest, highest)]`: numbers outside are refused."""

    lowest: float
    highest: float


def read_document(path: Path, model: type[T]) -> T | None:
    """The document in `path`, of the TypedDict `model`; None where there is no file.

    Raises DamagedFileError, one sentence that names the file and what in it is wrong.
    """
    value = read_json(path)
    if value is None:
        return None
    try:
        require(value, model)
    except ValueError as error:
        raise DamagedFileError(f"{path} is damaged ({error})") from None
    return value  # type: ignore[return-value]


def read_events(path: Path, model: type[T], only: bytes = b"", last: int | None = None) -> Iterator[T]:
    """The lines of a JSON Lines file that are of `model`, as `read_lines` gives them; others are passed over."""
    for value in read_lines(path, only, last):
        if not misfit(value, model):
            yield value  # type: ignore[misc]


def require(value: object, model: Any) -> None:  # noqa: ANN401
    """Raise ValueError, with the key and what stands there, unless `value` is of the type `model`."""
    wrong = misfit(value, model)
    if wrong:
        raise ValueError(wrong)


def build(model: type[T], entry: object) -> T:
    """An instance of the dataclass `model` with the fields that `entry` has. Raises ValueError."""
    require(entry, model)
    assert isinstance(entry, dict)
    known = _keys_of(model)  # type: ignore[arg-type]
    return model(**{k: tuple(v) if isinstance(v, list) else v for k, v in entry.items() if k in known})


def misfit(value: object, kind: Any, name: str = "") -> str:  # noqa: ANN401
    """Why `value`, which stands at `name`, is not of the type `kind`, such as "seed cannot be 'x'"; "" if it is."""
    origin = get_origin(kind)
    if origin is Annotated:
        inner, span = get_args(kind)[:2]
        wrong = misfit(value, inner, name)
        return wrong or ("" if not _is_number(value) or span.lowest <= value <= span.highest else _no(name, value))
    if origin in (UnionType, Union):
        return "" if any(not misfit(value, one) for one in get_args(kind)) else _deepest(value, kind, name)
    if origin is Literal:
        return "" if any(value == one and type(value) is type(one) for one in get_args(kind)) else _no(name, value)
    if is_typeddict(kind) or is_dataclass(kind):
        return _misfit_of_object(value, kind, name)
    if origin in (list, tuple, dict, Mapping):
        return _misfit_inside(value, kind, name)
    return "" if _is_plain(value, kind) else _no(name, value)


def _is_plain(value: object, kind: Any) -> bool:  # noqa: ANN401
    """A whole number is a float, a truth value no number, and a float a number that is one."""
    if kind is Any or kind is object:
        return True
    if kind is float:
        return _is_number(value)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, NoneType if kind is None else kind)


def _is_number(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _misfit_of_object(value: object, model: Any, name: str) -> str:  # noqa: ANN401
    if not isinstance(value, dict):
        return _no(name, value)
    known = _keys_of(model)
    for key, (kind, required) in known.items():
        path = f"{name}.{key}" if name else key
        if key not in value:
            if required:
                return f"no {path}"
        elif wrong := misfit(value[key], kind, path):
            return wrong
    return ""


def _misfit_inside(value: object, kind: Any, name: str) -> str:  # noqa: ANN401
    origin, kinds = get_origin(kind), [one for one in get_args(kind) if one is not ...]
    if origin in (dict, Mapping):
        if not isinstance(value, dict):
            return _no(name, value)
        items = [(f"{name}.{visible(str(key))}", one, kinds[1]) for key, one in value.items()]
    else:
        if not isinstance(value, list | tuple):
            return _no(name, value)
        if origin is tuple and ... not in get_args(kind):
            if len(value) != len(kinds):
                return _no(name, value)
        else:
            kinds = kinds * len(value)
        items = [(f"{name}[{k}]", one, of) for k, (one, of) in enumerate(zip(value, kinds, strict=True))]
    return next((wrong for path, one, of in items if (wrong := misfit(one, of, path))), "")


def _deepest(value: object, kind: Any, name: str) -> str:  # noqa: ANN401
    """What is wrong inside an object, where the union allows one; else that it is none of all."""
    inside = [one for one in get_args(kind) if is_typeddict(one) or get_origin(one) in (list, tuple, dict)]
    return misfit(value, inside[0], name) if inside and isinstance(value, dict | list) else _no(name, value)


def _no(name: str, value: object) -> str:
    shown = visible(_SHOWN.repr(value))
    return f"{name} cannot be {shown}" if name else f"it cannot be {shown}"


@cache
def _keys_of(model: Any) -> dict[str, tuple[Any, bool]]:  # noqa: ANN401
    """The type of each key of a model, and whether it must be there."""
    hints = get_type_hints(model, include_extras=True)
    if is_typeddict(model):
        return {key: (_bare(kind), key in model.__required_keys__) for key, kind in hints.items()}
    own = {f.name: f for f in fields(model) if f.init}
    return {
        key: (hints[key], f.default is f.default_factory)  # both are MISSING
        for key, f in own.items()
    }


def _bare(kind: Any) -> Any:  # noqa: ANN401
    return get_args(kind)[0] if get_origin(kind) in (Required, NotRequired) else kind
