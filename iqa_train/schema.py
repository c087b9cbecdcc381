"""Checks that a JSON value has the type that a model declares; every document that this program reads is checked here.

Models are TypedDicts, for documents that stay dictionaries, and dataclasses. Unknown keys were written by a later
version or by hand, and are ignored; None is an error unless the model allows it.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import MISSING, fields, is_dataclass
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
from iqa_train.files import DamagedFileError, parse_lines, read_json, read_lines

T = TypeVar("T")

_SHOWN = Repr()
_SHOWN.maxstring = _SHOWN.maxother = 40
_SHOWN.maxdict = _SHOWN.maxlist = _SHOWN.maxlevel = 2


class Span(NamedTuple):
    """For `Annotated[int, Span(lowest, highest)]`: numbers outside are refused."""

    lowest: float
    highest: float


class _Misfit(NamedTuple):
    """A value of the wrong type and its path, such as `.device.label` or `.items[3]`."""

    path: str
    value: object = None
    missing: bool = False

    def under(self, name: str) -> "_Misfit":
        return self._replace(path=name + self.path)


_Check = Callable[[Any], _Misfit | None]


def read_document(path: Path, model: type[T]) -> T | None:
    """The document in `path`, of the TypedDict `model`; None if there is no file.

    Raises DamagedFileError, which names the file and what is wrong in it.
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
    """The lines of a JSON Lines file that match `model`; `only` and `last` as for `read_lines`."""
    yield from _of_model(read_lines(path, only, last), model)


def events_in(lines: Iterable[bytes], model: type[T]) -> Iterator[T]:
    """Those of `lines` that match `model`."""
    yield from _of_model(parse_lines(lines), model)


def _of_model(values: Iterable[dict[str, Any]], model: type[T]) -> Iterator[T]:
    check = _check_of(model)  # type: ignore[arg-type]
    for value in values:
        if check(value) is None:
            yield value  # type: ignore[misc]


def require(value: object, model: Any) -> None:  # noqa: ANN401
    """Raise ValueError unless `value` is of the type `model`; it names the key, such as "seed cannot be 'x'"."""
    wrong = _check_of(model)(value)
    if wrong is None:
        return
    name = wrong.path.removeprefix(".")
    if wrong.missing:
        raise ValueError(f"no {name}")
    raise ValueError(f"{name or 'it'} cannot be {visible(_SHOWN.repr(wrong.value))}")


def build(model: type[T], entry: object) -> T:
    """The dataclass `model` with the fields of the object `entry`. Raises ValueError."""
    require(entry, model)
    assert isinstance(entry, dict)
    known = _keys_of(model)  # type: ignore[arg-type]
    return model(**{k: tuple(v) if isinstance(v, list) else v for k, v in entry.items() if k in known})


@cache
def _check_of(kind: Any) -> _Check:  # noqa: ANN401
    """A function that returns what in a value is not of type `kind`; made once for each type."""
    origin = get_origin(kind)
    if origin is Annotated:
        return _within(*get_args(kind)[:2])
    if origin in (UnionType, Union):
        return _any_of([_check_of(part) for part in get_args(kind)])
    if origin is Literal:
        return _one_of(get_args(kind))
    if is_typeddict(kind) or is_dataclass(kind):
        return _object(_keys_of(kind))
    if origin is dict:
        return _values(_check_of(get_args(kind)[1]))
    if origin in (list, tuple):
        kinds = get_args(kind)
        if origin is tuple and ... not in kinds:
            return _items([_check_of(part) for part in kinds])
        return _all_items(_check_of(kinds[0]))
    return _plain(kind)


def _plain(kind: Any) -> _Check:  # noqa: ANN401
    """An int counts as a float, a bool is not a number, and a float must be finite."""
    if kind is Any:
        return lambda _: None
    if kind is float:
        return lambda v: None if type(v) is int or (type(v) is float and math.isfinite(v)) else _Misfit("", v)
    exact = NoneType if kind is None else kind
    return lambda v: None if type(v) is exact else _Misfit("", v)


def _within(kind: Any, span: Span) -> _Check:  # noqa: ANN401
    inner, (lowest, highest) = _check_of(kind), span

    def check(value: Any) -> _Misfit | None:  # noqa: ANN401
        return inner(value) or (None if lowest <= value <= highest else _Misfit("", value))

    return check


def _any_of(checks: list[_Check]) -> _Check:
    def check(value: Any) -> _Misfit | None:  # noqa: ANN401
        found = []
        for check_one in checks:
            wrong = check_one(value)
            if wrong is None:
                return None
            found.append(wrong)
        return max(found, key=lambda wrong: len(wrong.path))  # the most specific: what is wrong inside an object

    return check


def _one_of(values: tuple[object, ...]) -> _Check:
    kinds = {(type(value), value) for value in values}
    return lambda v: None if isinstance(v, str | int) and (type(v), v) in kinds else _Misfit("", v)


def _object(keys: dict[str, tuple[Any, bool]]) -> _Check:
    checks = [(key, _check_of(kind), required) for key, (kind, required) in keys.items()]

    def check(value: Any) -> _Misfit | None:  # noqa: ANN401
        if type(value) is not dict:
            return _Misfit("", value)
        for key, inner, required in checks:
            if key not in value:
                if required:
                    return _Misfit(f".{key}", missing=True)
            elif (wrong := inner(value[key])) is not None:
                return wrong.under(f".{key}")
        return None

    return check


def _values(inner: _Check) -> _Check:
    def check(value: Any) -> _Misfit | None:  # noqa: ANN401
        if type(value) is not dict:
            return _Misfit("", value)
        for key, entry in value.items():
            if (wrong := inner(entry)) is not None:
                return wrong.under(f".{visible(key[:40])}")
        return None

    return check


def _all_items(inner: _Check) -> _Check:
    def check(value: Any) -> _Misfit | None:  # noqa: ANN401
        if type(value) is not list:
            return _Misfit("", value)
        for number, entry in enumerate(value):
            if (wrong := inner(entry)) is not None:
                return wrong.under(f"[{number}]")
        return None

    return check


def _items(checks: list[_Check]) -> _Check:
    def check(value: Any) -> _Misfit | None:  # noqa: ANN401
        if type(value) is not list or len(value) != len(checks):
            return _Misfit("", value)
        for number, (inner, entry) in enumerate(zip(checks, value, strict=True)):
            if (wrong := inner(entry)) is not None:
                return wrong.under(f"[{number}]")
        return None

    return check


@cache
def _keys_of(model: Any) -> dict[str, tuple[Any, bool]]:  # noqa: ANN401
    """The type of each key of a model, and whether the key is required."""
    hints = get_type_hints(model, include_extras=True)
    if is_typeddict(model):
        return {key: (_bare(kind), key in model.__required_keys__) for key, kind in hints.items()}
    given = [f for f in fields(model) if f.init]
    return {f.name: (hints[f.name], f.default is MISSING and f.default_factory is MISSING) for f in given}


def _bare(kind: Any) -> Any:  # noqa: ANN401
    return get_args(kind)[0] if get_origin(kind) in (Required, NotRequired) else kind
