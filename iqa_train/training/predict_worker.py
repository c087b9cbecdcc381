"""The worker of `iqa-train predict`: `python -m iqa_train.training.predict_worker`, its request on standard input.

    {"run": FOLDER, "round": 1, "roots": [FOLDER, ...], "resize": [512, 384] or null, "images": [PATH, ...]}

It emits `loaded`, with the network's epoch, and `rows`: images by their index in the request, in order, each with its
prediction or the reason why there is none. Only a bounded number of images is in memory at a time.
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

from iqa_train.datasets.images.loose_images import ImageNames, LooseImages, read_picture
from iqa_train.datasets.images.stored_image import target_size
from iqa_train.errors import DataError, UserError
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.specfile import read_spec
from iqa_train.training.compute_device import ComputeDevice, choose_device
from iqa_train.training.evaluate import score_images
from iqa_train.training.out_of_memory import OutOfMemoryError, explain_out_of_memory
from iqa_train.training.selected_network import SelectedNetwork, load_selected_network
from iqa_train.training.worker_events import Events, read_request

_GROUP = 64  # most images that are scored together, beside those decoded ahead
_GROUP_BYTES = 64 << 20  # most bytes of them; a larger image is scored alone

Array = NDArray[np.uint8]


def main() -> int:
    """Score the images; returns 1, after an event `failed`, if the network or the device is unusable."""
    request, events = read_request(), Events()
    run = RunFolder(Path(request["run"]))
    try:
        spec = read_spec(run)
        with explain_out_of_memory(spec.settings.batch_size):
            threads = {} if request["threads"] is None else {"threads": request["threads"]}
            device = choose_device(spec.settings.model_copy(update=threads))
            selected = load_selected_network(run, spec, request["round"], device)
            events.event("loaded", epoch=selected.epoch, seed=selected.settings.seed)
            paths = [Path(name) for name in request["images"]]
            names = ImageNames([Path(root) for root in request["roots"]])
            custom = tuple(request["resize"]) if request["resize"] else None
            _score(paths, names, custom, selected, device, events)
    except (UserError, OutOfMemoryError) as error:
        events.event("failed", message=str(error))
        return 1
    return 0


def _score(
    paths: Sequence[Path],
    names: ImageNames,
    custom: tuple[int, int] | None,
    selected: SelectedNetwork,
    device: ComputeDevice,
    events: Events,
) -> None:
    """Decode the images ahead and score them in groups of bounded size."""
    settings = selected.settings
    target = target_size(settings.resize, custom)
    decoded: list[tuple[int, Array]] = []
    refused: list[tuple[int, str]] = []
    for index, image in _decode_ahead(paths, target, settings.patch_size, max(1, settings.workers)):
        if isinstance(image, str):
            refused.append((index, image))
        else:
            decoded.append((index, image))
        if len(decoded) + len(refused) >= _GROUP or sum(pixels.nbytes for _, pixels in decoded) >= _GROUP_BYTES:
            _score_group(decoded, refused, paths, names, selected, device, events)
            decoded, refused = [], []
    _score_group(decoded, refused, paths, names, selected, device, events)


def _score_group(
    decoded: list[tuple[int, Array]],
    refused: list[tuple[int, str]],
    paths: Sequence[Path],
    names: ImageNames,
    selected: SelectedNetwork,
    device: ComputeDevice,
    events: Events,
) -> None:
    """Score the decoded images and emit a row for each image, scored or refused, in the order of the request."""
    rows: list[tuple[int, float | str]] = [*refused]
    if decoded:
        images = LooseImages([pixels for _, pixels in decoded], [names.of(paths[index]) for index, _ in decoded])
        scores = score_images(
            selected.network, images, images.pictures(), selected.settings, device, normalisation=selected.normalisation
        )
        rows += [(index, score) for (index, _), score in zip(decoded, scores.tolist(), strict=True)]
    if rows:
        events.event("rows", rows=sorted(rows, key=lambda row: row[0]))


def _decode_ahead(
    paths: Sequence[Path], target: tuple[int, int] | int | None, side: int, workers: int
) -> Iterator[tuple[int, Array | str]]:
    """Index and pixels of each image, or the reason why it has none, in order; decodes up to two per worker ahead.

    In threads: a native decoder that crashed, which Pillow's do on no known file, would end the worker, with the rows
    so far kept. Separate processes would survive it, but take longer to start than a few images take to score, and
    would copy all pixels.
    """
    with ThreadPoolExecutor(workers) as pool:
        pending: deque[Future[Array | str]] = deque()
        index = 0
        try:
            for path in paths:
                pending.append(pool.submit(_decode, path, target, side))
                if len(pending) > 2 * workers:
                    yield index, pending.popleft().result()
                    index += 1
            while pending:
                yield index, pending.popleft().result()
                index += 1
        finally:
            for future in pending:
                future.cancel()


def _decode(path: Path, target: tuple[int, int] | int | None, side: int) -> Array | str:
    try:
        return read_picture(path, target, side)
    except DataError as error:
        return str(error)


if __name__ == "__main__":
    sys.exit(main())
