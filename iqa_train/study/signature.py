"""The options of a function of the study's own code, read from its source: nothing is imported or run."""

import ast
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from iqa_train.errors import did_you_mean, visible

CONTEXT = "context"
"""The keyword that is passed by the program, not an option."""

_KINDS: dict[str, type] = {"bool": bool, "int": int, "float": float, "str": str}
_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
_SEQUENCES = ("list", "tuple", "Sequence", "List", "Tuple")


@dataclass(frozen=True)
class Option:
    """A keyword parameter: what it accepts, as far as its annotation or its default says, and its default.

    `kind` None accepts anything; `several` a list of `kind`; `choices`, if any, are all that is allowed.
    """

    name: str
    kind: type | None = None
    several: bool = False
    choices: tuple[Any, ...] = ()
    required: bool = False
    default: Any = None  # None also where the source does not state it as a plain value


@dataclass(frozen=True)
class Signature:
    """The options of a function. `open`: it accepts names of any kind (`**options`)."""

    options: tuple[Option, ...] = ()
    open: bool = False

    def defaults(self) -> dict[str, Any]:
        """The options with a default that is a plain value."""
        return {o.name: o.default for o in self.options if not o.required and o.default is not None}


def signature_in(tree: ast.Module, name: str, positional: int) -> Signature | None:
    """The options of function or class `name` of a module.

    The first `positional` parameters are the program's, as is `context`. None where `name` is no plain function or
    class, such as the result of a call: then its options are known only once it runs.
    """
    node = next((node for node in reversed(tree.body) if _makes(node, name)), None)  # the last one counts
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return _of(node.args, positional)
    if isinstance(node, ast.ClassDef):
        made = [n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"]
        return _of(made[-1].args, positional + 1) if made else None
    return None


def _makes(node: ast.stmt, name: str) -> bool:
    """Whether a statement of a module may bind `name`, itself or in a block of its own."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name == name
    if isinstance(node, ast.Import | ast.ImportFrom):
        return any((alias.asname or alias.name) == name for alias in node.names)
    parts = list(ast.walk(node))
    return any(
        isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store) and part.id == name for part in parts
    ) or (any(_makes(part, name) for part in parts[1:] if isinstance(part, ast.stmt)))


def names_in(tree: ast.Module) -> list[str] | None:
    """The names that a module defines or imports; None where they cannot be known without running it."""
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.append(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.append(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            if any(alias.name == "*" for alias in node.names):
                return None
            found += [alias.asname or alias.name.partition(".")[0] for alias in node.names]
        elif isinstance(node, ast.Name) and node.id in {"globals", "setattr", "exec"}:
            return None
    return list(dict.fromkeys(found))


def option_problems(given: Mapping[str, Any], signature: Signature, of: str) -> list[tuple[str, str]]:
    """(option, sentence) for each option in `given` that the function `of` refuses, and each that is missing."""
    known = {option.name: option for option in signature.options}
    found = []
    for name, value in given.items():
        option = known.get(name)
        if option is None:
            if not signature.open:
                hint = did_you_mean(name, known) if known else "it has none"
                found.append((name, f'{of} has no option "{visible(name)}"; {hint}'))
        elif words := _wrong(value, option):
            found.append((name, f"{name} = {_shown(value)} is not valid for {of}; allowed: {words}"))
    missing = [option.name for option in signature.options if option.required and option.name not in given]
    hints = {"backbone": "; for the backbone, give it a parameter context and call context.backbone()"}
    return [*found, *((n, f'{of} needs a value for its option "{n}"{hints.get(n, "")}') for n in missing)]


def fitted(given: Mapping[str, Any], signature: Signature) -> dict[str, Any]:
    """The options with whole numbers as floats where a float is wanted, and with the defaults of those not given."""
    kinds = {option.name: option for option in signature.options}
    values = {name: _fitted(value, kinds[name]) if name in kinds else value for name, value in given.items()}
    return {**signature.defaults(), **values}


def _fitted(value: Any, option: Option) -> Any:  # noqa: ANN401
    if option.several and isinstance(value, tuple):
        return tuple(_fitted(part, Option(option.name, option.kind)) for part in value)
    return float(value) if option.kind is float and type(value) is int else value


def _wrong(value: object, option: Option) -> str:
    """What is wanted instead of `value`; "" if it fits."""
    if option.choices:
        return "" if value in option.choices else ", ".join(_shown(choice) for choice in option.choices)
    if option.kind is None:
        return ""
    if option.several:
        fits = isinstance(value, tuple | list) and not any(_wrong(v, Option("", option.kind)) for v in value)
        return "" if fits else f"a list, each {_WORDS[option.kind]}"
    kinds = (int, float) if option.kind is float else (option.kind,)
    fits = isinstance(value, kinds) and (option.kind is bool or not isinstance(value, bool))
    return "" if fits else _WORDS[option.kind]


def _of(arguments: ast.arguments, positional: int) -> Signature:
    """Of parameters in the source: those after the first `positional`, and the keyword-only ones."""
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults: Sequence[ast.expr | None] = [None] * (len(plain) - len(arguments.defaults)) + list(arguments.defaults)
    pairs = [*zip(plain, defaults, strict=True)][positional:]
    pairs += zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    options = tuple(_option(parameter, default) for parameter, default in pairs if parameter.arg != CONTEXT)
    return Signature(options, open=arguments.kwarg is not None)


def _option(parameter: ast.arg, default: ast.expr | None) -> Option:
    value = _plain(default)
    kind, several, choices = _annotated(parameter.annotation)
    if parameter.annotation is None and value is not None:
        several = isinstance(value, tuple)
        kinds = {type(part) for part in value} if isinstance(value, tuple) else {type(value)}
        kind = kinds.pop() if len(kinds) == 1 else None
    return Option(parameter.arg, kind, several, choices, required=default is None, default=value)


def _plain(node: ast.expr | None) -> Any:  # noqa: ANN401
    """The plain value of a default, lists as tuples; None for any other, and for None."""
    try:
        value = None if node is None else ast.literal_eval(node)
    except ValueError:
        return None
    if isinstance(value, list | tuple):
        return tuple(value) if all(type(part) in _WORDS for part in value) else None
    return value if type(value) in _WORDS else None


def _annotated(node: ast.expr | None) -> tuple[type | None, bool, tuple[Any, ...]]:
    """Kind, whether several, and choices, of an annotation; (None, False, ()) for one that is not understood."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):  # an annotation in quotes
        try:
            node = ast.parse(node.value, mode="eval").body
        except SyntaxError:
            return None, False, ()
    if isinstance(node, ast.Name | ast.Attribute):
        return _KINDS.get(node.id if isinstance(node, ast.Name) else node.attr), False, ()
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        sides = [side for side in (node.left, node.right) if not _is_none(side)]
        return _annotated(sides[0]) if len(sides) == 1 else (None, False, ())
    if isinstance(node, ast.Subscript):
        return _subscripted(node)
    return None, False, ()


def _subscripted(node: ast.Subscript) -> tuple[type | None, bool, tuple[Any, ...]]:
    name = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if name == "Literal":
        choices = [_plain(part) for part in parts]
        return None, False, () if None in choices else tuple(choices)
    if name == "Optional":
        return _annotated(parts[0])
    if name in _SEQUENCES:
        kinds = {_annotated(part)[0] for part in parts if not _is_ellipsis(part)}
        kind = kinds.pop() if len(kinds) == 1 else None
        return kind, kind is not None, ()
    return None, False, ()


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, types.EllipsisType)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_shown, value))}]"
    return f'"{visible(value)}"' if isinstance(value, str) else str(value)
