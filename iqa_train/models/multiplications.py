"""Counts the multiply-accumulates of a forward pass: matrix products, convolutions and attention."""

from collections.abc import Callable
from inspect import unwrap
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry, sdpa_flop_count

_ATTENTION = "_scaled_dot_product_flash_attention_for_cpu"  # not in torch's table


class _Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up what torch's table says of each operation, in two operations (a product, a sum) each."""

    operations = 0

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401
        types: Any,  # noqa: ANN401
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        out = func(*args, **(kwargs or {}))
        count = flop_registry.get(func._overloadpacket)
        if count is not None:
            self.operations += int(count(*args, **(kwargs or {}), out_val=out))
        elif func._overloadpacket.__name__ == _ATTENTION:
            self.operations += int(sdpa_flop_count(*(each.shape for each in args[:3])))  # type: ignore[no-untyped-call]
        return out


# torch's wrapper would import its compiler, which takes seconds (see training/adamw.py).
_Counter.__torch_dispatch__ = unwrap(_Counter.__torch_dispatch__)  # type: ignore[method-assign]


def multiplications(forward: Callable[[], object]) -> int:
    """The multiply-accumulates of calling `forward`, without gradients."""
    counter = _Counter()  # type: ignore[no-untyped-call]
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # its one operation for a whole layer would not be counted
    try:
        with torch.no_grad(), counter:
            forward()
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
    return counter.operations // 2
