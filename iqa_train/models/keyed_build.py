"""Builds a network of unknown code so that its initial weights are keyed by parameter name, as ours are.

The code is run twice. The first time, each random draw is followed through the operations on its result to the
parameter or buffer that it ends in. The second time, each draw comes from the stream of that name. So whatever way the
weights are initialised, a part that two networks share starts with the same weights under the same seed.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import unwrap
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from iqa_train.models.seeded_init import keyed_random, stream_key

Build = Callable[["Draws"], nn.Module]


class Draws(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Watches torch's random draws while a network is built; `paused` stretches are left alone."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._paused = 0

    @contextmanager
    def paused(self) -> Iterator[None]:
        """For parts that have streams of their own: our backbone."""
        self._paused += 1
        try:
            yield
        finally:
            self._paused -= 1

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401
        types: Any,  # noqa: ANN401
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        kwargs = kwargs or {}
        if self._paused:
            return func(*args, **kwargs)
        draws = torch.Tag.nondeterministic_seeded in func.tags
        if draws:
            self.before_draw()
        out = func(*args, **kwargs)
        self.after(tree_leaves((args, kwargs)), tree_leaves(out), draws=draws)
        return out

    def before_draw(self) -> None:
        """Called in front of each draw."""

    def after(self, given: list[Any], made: list[Any], *, draws: bool) -> None:
        """Called after each operation."""


# torch excludes the method from compilation, with a wrapper that imports torch's compiler (see training/adamw.py).
Draws.__torch_dispatch__ = unwrap(Draws.__torch_dispatch__)  # type: ignore[method-assign]


class _Followed(Draws):  # type: ignore[no-untyped-call]
    """Follows each draw to the storages that it has flowed into."""

    def __init__(self) -> None:
        super().__init__()
        self.flows: list[set[int]] = []  # of each draw, the storages
        self._sources: dict[int, set[int]] = {}  # storage -> the draws that it depends on
        self._kept: list[Tensor] = []  # so that no storage's address is used twice

    def after(self, given: list[Any], made: list[Any], *, draws: bool) -> None:
        tensors = [value for value in made if isinstance(value, Tensor)]
        sources: set[int] = set()
        if draws:
            sources.add(len(self.flows))
            self.flows.append(set())
        else:  # a draw overwrites what was there
            for value in given:
                if isinstance(value, Tensor):
                    sources |= self._sources.get(_storage(value), set())
        if not sources:
            return
        for tensor in tensors:
            self._kept.append(tensor)
            storage = _storage(tensor)
            self._sources.setdefault(storage, set()).update(sources)
            for draw in sources:
                self.flows[draw].add(storage)


class _Keyed(Draws):  # type: ignore[no-untyped-call]
    """Takes each draw from its own stream."""

    def __init__(self, seed: int, keys: list[tuple[str, int]]) -> None:
        super().__init__()
        self._seed, self._keys = seed, keys
        self._done = 0

    def before_draw(self) -> None:
        name, number = self._keys[self._done] if self._done < len(self._keys) else ("", self._done)
        self._done += 1
        torch.default_generator.manual_seed(stream_key(self._seed, "initial", name, number))


def build_keyed(first: Build, second: Build, seed: int) -> nn.Module:
    """The network of `second`, its draws keyed; `first` builds one of the same parts to learn where draws go.

    Both are given the mode that watches them. Generators of torch, NumPy and Python start from `seed` and are restored.
    """
    followed = _Followed()
    with _seeded(seed), followed:
        network = first(followed)
    keys = _keys(followed.flows, network)
    del network
    keyed = _Keyed(seed, keys)
    with _seeded(seed), keyed:
        return second(keyed)


def _keys(flows: list[set[int]], network: nn.Module) -> list[tuple[str, int]]:
    """For each draw the name of the first parameter or buffer that it reached, and which of that name's draws it is."""
    names: dict[int, tuple[int, str]] = {}
    for at, (name, value) in enumerate(chain(network.named_parameters(), network.named_buffers())):
        if not is_lazy(value):
            names.setdefault(_storage(value), (at, name))
    keys: list[tuple[str, int]] = []
    counts: dict[str, int] = {}
    for flow in flows:
        reached = [names[storage] for storage in flow if storage in names]
        name = min(reached)[1] if reached else ""
        keys.append((name, counts.get(name, 0)))
        counts[name] = counts.get(name, 0) + 1
    return keys


def _storage(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)  # its own address; data_ptr() is 0 for every empty one


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    python, numpy = random.getstate(), np.random.get_state()
    key = stream_key(seed, "network")
    random.seed(key)
    np.random.seed(key % 2**32)
    try:
        with keyed_random(seed, "network"):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
