"""Progress bars on stderr, where that is a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from iqa_train.cli.text import say
from iqa_train.errors import visible
from iqa_train.terminal import raw


@contextmanager
def bar(label: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """A function (done, total) that moves a bar, which appears at the first call and is removed at the end."""
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


class StageBar:
    """The bar of a worker that goes through stages: a new stage, a new bar; lines are printed above it."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._stage = ""

    def move(self, stage: str, done: int, total: int, unit: str) -> None:
        if not sys.stderr.isatty():
            return
        if self._bar is None or stage != self._stage:
            from tqdm import tqdm

            self.close()
            self._bar = tqdm(
                total=total, desc=visible(stage), unit=f" {visible(unit)}", file=raw(sys.stderr), leave=False,
                dynamic_ncols=True,
            )  # fmt: skip
            self._stage = stage
        self._bar.update(done - self._bar.n)

    def say(self, line: str) -> None:
        if self._bar is not None:
            self._bar.clear()
        say(line)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
