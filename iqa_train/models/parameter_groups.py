"""Which parameters of a network train at which multiple of `lr`."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from torch import nn

from iqa_train.errors import did_you_mean
from iqa_train.models.backbone import Backbone
from iqa_train.models.code_errors import OwnCodeError, OwnPlace

_KEYS = ("params", "lr_ratio", "weight_decay")


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters by name. They train at `ratio` x lr; `weight_decay` None is the settings'."""

    names: tuple[str, ...]
    ratio: float
    weight_decay: float | None = None

    def under(self, prefix: str) -> "ParameterGroup":
        """The group as a module sees it whose part of this prefix has these parameters."""
        return replace(self, names=tuple(prefix + name for name in self.names))


class Network(Protocol):
    """A network whose parameters are in groups."""

    def named_parameters(self) -> Iterable[tuple[str, nn.Parameter]]:
        """As of a module."""

    def named_modules(self) -> Iterable[tuple[str, nn.Module]]:
        """As of a module."""

    def parameter_groups(self, lr_ratio: float) -> list[ParameterGroup]:
        """All parameters, each in one group; those that train at another multiple than 1 by default at `lr_ratio`."""


def groups_by_prefix(network: nn.Module, at_lr: tuple[str, ...], lr_ratio: float) -> list[ParameterGroup]:
    """Parameters whose names start with one of `at_lr` train at lr, the others at `lr_ratio` x lr."""
    names = [name for name, _ in network.named_parameters()]
    first = tuple(name for name in names if name.startswith(at_lr))
    rest = tuple(name for name in names if not name.startswith(at_lr))
    return [ParameterGroup(first, 1.0), ParameterGroup(rest, lr_ratio)]


def default_groups(network: nn.Module, lr_ratio: float, without: Collection[str] = ()) -> list[ParameterGroup]:
    """Our backbone, wherever it is in the network, at lr, everything else at `lr_ratio` x lr; no empty groups."""
    backbones = [name for name, part in network.named_modules() if isinstance(part, Backbone)]
    prefixes = tuple(f"{name}." if name else "" for name in backbones)
    at_lr, rest = groups_by_prefix(network, prefixes, lr_ratio)
    left = (replace(group, names=tuple(n for n in group.names if n not in without)) for group in (at_lr, rest))
    return [group for group in left if group.names]


def declared_groups(module: nn.Module, place: OwnPlace) -> list[ParameterGroup]:
    """The groups that `module.parameter_groups`, a list or a method that returns one, declares; none without it.

    Each is `{"params": [...], "lr_ratio": 1.0, "weight_decay": 0.0}`; the last key may be missing.
    Raises OwnCodeError for anything else.
    """
    declared = getattr(module, "parameter_groups", None)
    declared = declared() if callable(declared) else declared
    if declared is None:
        return []
    names = {id(value): name for name, value in module.named_parameters()}
    groups, taken = list[ParameterGroup](), set[str]()
    for number, entry in enumerate(declared, 1):
        where = f"{place.reference}: group {number} of parameter_groups"
        group = _group(entry, names, where)
        if twice := taken & set(group.names):
            raise OwnCodeError(f"{where} holds {min(twice)}, which is in an earlier group")
        taken |= set(group.names)
        if group.names:
            groups.append(group)
    return groups


def _group(entry: Any, names: dict[int, str], where: str) -> ParameterGroup:  # noqa: ANN401
    if not isinstance(entry, dict) or "params" not in entry:
        raise OwnCodeError(f'{where} must be a dictionary with "params" and "lr_ratio"')
    for key in entry:
        if key not in _KEYS:
            raise OwnCodeError(f'{where} has an unknown key "{key}"; {did_you_mean(str(key), _KEYS)}')
    params = entry["params"]
    params = [params] if isinstance(params, nn.Parameter) else list(params)
    if not all(id(value) in names for value in params):
        raise OwnCodeError(f"{where} holds something that is no parameter of the network")
    ratio, decay = entry.get("lr_ratio", 1.0), entry.get("weight_decay")
    for key, value in (("lr_ratio", ratio), ("weight_decay", decay)):
        if value is not None and not (isinstance(value, int | float) and value >= 0):
            raise OwnCodeError(f"{where}: {key} = {value!r} must be a number, 0 or above")
    chosen = dict.fromkeys(names[id(value)] for value in params)
    return ParameterGroup(tuple(chosen), float(ratio), None if decay is None else float(decay))
