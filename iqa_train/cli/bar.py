"""A progress bar on stderr, where that is a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from iqa_train.errors import visible
from iqa_train.terminal import raw


@contextmanager
def bar(label: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """Give a function of (done, total) that moves a bar, drawn from the first call on and taken away at the end."""
    from tqdm import tqdm

    with tqdm(
        desc=visible(label),
        unit=f" {unit}",
        file=raw(sys.stderr),
        leave=False,
        disable=None,
        delay=0.2,
        dynamic_ncols=True,
    ) as drawn:

        def move(done: int, total: int) -> None:
            drawn.total = total
            drawn.update(done - drawn.n)

        yield move
