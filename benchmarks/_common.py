"""What the benchmarks share: options, timing, the form of a line, and photographs made from dead leaves.

Both sides of a figure run in one process and by turns, a round of one and a round of the other, and each side's best
round counts: whatever else the machine does only ever makes a round slower. Where both sides are one thread that waits
for nothing, time is that of the processor (system calls and page faults included): on a machine with nothing else to do
it is the time on the wall, on a busy one it leaves out what others took.
"""

import argparse
import gc
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from iqa_train.datasets.demo.dead_leaves import dead_leaves
from iqa_train.datasets.table import ImageTable

WIDTH, HEIGHT = 1024, 768  # of the photographs, as KonIQ-10k has them
STORED = (512, 384)  # (width, height) that they are trained on at
_TILE = (128, 96)  # a dead-leaves picture fills this size densely
_QUALITY = 92


def options(description: str) -> argparse.ArgumentParser:
    """A parser that knows --smoke."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--smoke", action="store_true", help="small sizes and few rounds: seconds, figures are rough")
    return parser


def race(rounds: int, *sides: Callable[[], object], wall: bool = False) -> list[float]:
    """Best seconds of each side over `rounds` rounds, by turns; a first round that is not counted warms up.

    Processor time of one thread's work, or time on the wall.
    """
    clock = time.perf_counter if wall else time.process_time
    best = [float("inf")] * len(sides)
    gc.collect()
    gc.disable()
    for number in range(rounds + 1):
        for k, side in enumerate(sides):
            started = clock()
            side()
            seconds = clock() - started
            if number:
                best[k] = min(best[k], seconds)
    gc.enable()
    return best


def duel(
    rounds: int, ours: Callable[[], object], reference: Callable[[], object], *, wall: bool = False
) -> tuple[float, float, float]:
    """For differences of a hundredth: median seconds of each side, and the median of reference/ours pair by pair.

    The two of a pair stand next to each other in time, each going first every other time, so that a machine that
    changes its speed changes both.
    """
    clock = time.perf_counter if wall else time.process_time
    taken: dict[Callable[[], object], list[float]] = {ours: [], reference: []}
    gc.collect()
    gc.disable()
    for number in range(-2, rounds):
        for side in (ours, reference) if number % 2 else (reference, ours):
            started = clock()
            side()
            if number >= 0:
                taken[side].append(clock() - started)
    gc.enable()
    ratios = [r / o for o, r in zip(taken[ours], taken[reference], strict=True)]
    return statistics.median(taken[ours]), statistics.median(taken[reference]), statistics.median(ratios)


def note(text: str) -> None:
    """A line that is no figure."""
    print(f"# {text}", flush=True)


def figure(
    name: str, ours: float, reference: float, ratio: float, *, unit: str, bar: float | str | None, ok: bool = True
) -> None:
    """One figure. `bar` None: for information, nothing is asked of it."""
    shown = "none" if bar is None else f"{bar:g}" if isinstance(bar, float | int) else bar
    verdict = "ok" if ok else "short"
    print(
        f"{name} ours={_number(ours)}{unit} reference={_number(reference)}{unit} ratio={_number(ratio)} bar={shown} "
        f"{verdict}",
        flush=True,
    )


def _number(value: float) -> str:
    if abs(value) >= 100 or value == 0:
        return f"{value:.0f}"
    return f"{value:#.4g}".rstrip(".")


def photographs(folder: Path, count: int) -> ImageTable:
    """`count` JPEG files of 1024 x 768 in `folder`, made if they are missing; the same ones on every machine.

    A photograph is 64 dead-leaves pictures side by side, in an order of its own: as dense in edges as the pictures are,
    and quick to make.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(20)
    tiles = [np.asarray(dead_leaves(rng, *_TILE)) for _ in range(96)]
    names = tuple(f"photo{k:03d}.jpg" for k in range(count))
    for name in names:
        Image.fromarray(_mosaic(tiles, rng)).save(folder / name, quality=_QUALITY)
    size = sum((folder / name).stat().st_size for name in names) / count
    note(f"{count} JPEG files of {WIDTH} x {HEIGHT}, {size / 1e3:.0f} kB each on average, all in the page cache")
    return table_of(folder, names)


def table_of(folder: Path, names: tuple[str, ...]) -> ImageTable:
    """A table of these files, to be stored at 512 x 384."""
    return ImageTable("bench", folder, names, np.linspace(0, 100, len(names)), (0.0, 100.0), resize=STORED)


def _mosaic(tiles: list[NDArray[np.uint8]], rng: np.random.Generator) -> NDArray[np.uint8]:
    across, down = WIDTH // _TILE[0], HEIGHT // _TILE[1]
    order = rng.permutation(len(tiles))[: across * down].reshape(down, across)
    return np.concatenate([np.concatenate([tiles[k] for k in row], axis=1) for row in order])
