"""The worker of `iqa-train predict`: `python -m iqa_train.training.predict_worker`, its request on standard input.

    {"run": FOLDER, "round": 1, "roots": [FOLDER, ...], "resize": [512, 384] or null, "images": [PATH, ...]}

Events are `loaded` (with the epoch of the network) and `rows`: some pictures by their index, in order, each with a
prediction or the reason why it has none. Only a bounded number of pictures is in memory at any time.
"""

import iqa_train.startup  # noqa: F401 (before anything that opens a file)

# isort: split
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from iqa_train.datasets.images.crops import eval_crops
from iqa_train.datasets.images.loose_images import ImageNames, LooseImages, read_picture
from iqa_train.datasets.images.stored_image import target_size
from iqa_train.errors import DataError, RunError, UserError
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.specfile import read_spec
from iqa_train.training.compute_device import ComputeDevice, choose_device
from iqa_train.training.evaluate import predict
from iqa_train.training.out_of_memory import ShortageError, naming_shortage
from iqa_train.training.selected_network import SelectedNetwork, finished_network
from iqa_train.training.worker_events import Events, requested

_TOGETHER = 64  # pictures in memory beside those that are decoded ahead
_BYTES = 64 << 20  # of them; a picture that is larger is alone

Array = NDArray[np.uint8]


def main() -> int:
    """Score the pictures; returns 1, after an event `failed`, where none of it can be done."""
    request, events = requested(), Events()
    run = RunFolder(Path(request["run"]))
    try:
        spec = read_spec(run)
        with naming_shortage(spec.settings.batch_size):
            device = choose_device(spec.settings)
            finished = finished_network(run, spec, request["round"], device)
            events.event("loaded", epoch=finished.epoch, seed=finished.settings.seed)
            paths = [Path(name) for name in request["images"]]
            names = ImageNames([Path(root) for root in request["roots"]])
            custom = tuple(request["resize"]) if request["resize"] else None
            _score(paths, names, custom, finished, device, events)
    except (UserError, ShortageError) as error:
        events.event("failed", message=str(error))
        return 1
    return 0


def _score(
    paths: Sequence[Path],
    names: ImageNames,
    custom: tuple[int, int] | None,
    finished: SelectedNetwork,
    device: ComputeDevice,
    events: Events,
) -> None:
    target = target_size(finished.settings.resize, custom)
    side = finished.settings.patch_size
    workers = max(1, finished.settings.workers)
    heap: list[tuple[int, Array]] = []
    refused: list[tuple[int, str]] = []
    for index, image in _read_ahead(paths, target, side, workers):
        if isinstance(image, str):
            refused.append((index, image))
        else:
            heap.append((index, image))
        if len(heap) + len(refused) >= _TOGETHER or sum(one.nbytes for _, one in heap) >= _BYTES:
            _score_batch(heap, refused, paths, names, finished, device, events)
            heap, refused = [], []
    _score_batch(heap, refused, paths, names, finished, device, events)


def _score_batch(
    heap: list[tuple[int, Array]],
    refused: list[tuple[int, str]],
    paths: Sequence[Path],
    names: ImageNames,
    finished: SelectedNetwork,
    device: ComputeDevice,
    events: Events,
) -> None:
    """Score what has been read, and tell of it in the order of the pictures."""
    scored: list[tuple[int, float | str]] = [*refused]
    if heap:
        settings = finished.settings
        pile = LooseImages([image for _, image in heap], [names.of(paths[index]) for index, _ in heap])
        plan = eval_crops(
            pile.pictures(), seed=settings.seed, per_image=settings.test_patch_num, side=settings.patch_size,
            random=settings.test_random_crop,
        )  # fmt: skip
        predicted = predict(
            finished.network, pile, plan, side=settings.patch_size, device=device, workers=settings.workers
        )
        if not np.isfinite(predicted).all():
            raise RunError("a prediction is no number; the network is damaged or diverged")
        scored += [(index, value) for (index, _), value in zip(heap, predicted.tolist(), strict=True)]
    if scored:
        events.event("rows", rows=sorted(scored, key=lambda row: row[0]))


def _read_ahead(
    paths: Sequence[Path], target: tuple[int, int] | int | None, side: int, workers: int
) -> Iterator[tuple[int, Array | str]]:
    """Index and pixels of each picture, or why it has none, in order; decoded up to two per worker ahead.

    In threads: should a native decoder crash, which no file is known to make Pillow's do, the worker ends, with what it
    has scored kept. Decoding in processes of their own would survive that, but starting them takes longer than scoring
    a few pictures, and each would copy its pixels.
    """
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[Array | str]] = deque()
        given = 0
        try:
            for path in paths:
                waiting.append(pool.submit(_read, path, target, side))
                if len(waiting) > 2 * workers:
                    yield given, waiting.popleft().result()
                    given += 1
            while waiting:
                yield given, waiting.popleft().result()
                given += 1
        finally:
            for future in waiting:
                future.cancel()


def _read(path: Path, target: tuple[int, int] | int | None, side: int) -> Array | str:
    try:
        return read_picture(path, target, side)
    except DataError as error:
        return str(error)


if __name__ == "__main__":
    sys.exit(main())
