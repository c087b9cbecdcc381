"""A test of 20 crops an image in large batches out of the pixel store, against one crop at a time out of its file.

  ours        training.evaluate.predict over a store that stands (images of 1024 x 768 stored at 512 x 384)
  reference   for every crop: open, decode, resize, crop, to tensor, normalise, then the network at batch size 1 without
              gradients, as the script does that this program replaces
  fair        the same network, crops and scores (checked before timing); one process and one thread each, nothing read
              ahead; files and store in the page cache; the reference is timed on the first images alone and scaled

`bench_eval.demo` is the demo profile's network (base, crops of 64 pixels). `bench_eval.swin_tiny`, for information, is
Swin tiny at 224 pixels: there the network itself takes nearly all of a CPU's time, and no way of feeding it can gain
much. On a GPU it is the feeding that counts.
"""

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from _common import figure, note, options, photographs, race
from bench_pixels import reference_crop
from numpy.typing import NDArray

from iqa_train.datasets.images.crops import CropPlan, eval_crops
from iqa_train.datasets.images.pixel_store import PixelStore, open_store
from iqa_train.datasets.table import ImageTable
from iqa_train.models.network import QualityNetwork
from iqa_train.study.normalisation import IMAGENET
from iqa_train.study.settings import TrainingConfig
from iqa_train.training.compute_device import ComputeDevice
from iqa_train.training.evaluate import predict

PER_IMAGE = 20
_DEVICE = ComputeDevice(torch.device("cpu"), bf16=False)


def ours(network: QualityNetwork, store: PixelStore, plan: CropPlan, side: int) -> NDArray[np.float64]:
    """Scores (N,), the product's way."""
    return predict(network, store, plan, side=side, device=_DEVICE, workers=0, normalisation=IMAGENET)


@torch.no_grad()
def reference(network: QualityNetwork, table: ImageTable, plan: CropPlan, side: int) -> NDArray[np.float64]:
    """Scores (N,), crop by crop from the files."""
    network.eval()
    scores = []
    for index, top, left in zip(plan.image.tolist(), plan.top.tolist(), plan.left.tolist(), strict=True):
        crop = reference_crop(table.path(index), top, left, False, side)
        scores.append(float(network(crop[None])))
    return np.array(scores).reshape(-1, PER_IMAGE).mean(1)


def bench(
    name: str, settings: TrainingConfig, table: ImageTable, store: PixelStore, *,
    images: int, some: int, rounds: int, bar: float | None,
) -> None:  # fmt: skip
    """Time both sides: `images` in ours, `some` of them in the reference."""
    network = QualityNetwork(settings, 42).to(memory_format=torch.channels_last)
    side = settings.patch_size
    whole = eval_crops(store.pictures(np.arange(images)), seed=42, per_image=PER_IMAGE, side=side, random=True)
    few = whole.part(0, some * PER_IMAGE)
    np.testing.assert_allclose(ours(network, store, few, side), reference(network, table, few, side), atol=1e-4)
    seconds = race(rounds, partial(ours, network, store, whole, side), partial(reference, network, table, few, side))
    per_image = 1e3 * seconds[0] / images, 1e3 * seconds[1] / some
    ratio = per_image[1] / per_image[0]
    note(f"{name}: ours on {images} images, the reference on {some} of them")
    figure(name, *per_image, ratio, unit="ms/img", bar=bar, ok=bar is None or ratio >= bar)


def main() -> None:
    """Time both networks."""
    smoke = options(__doc__ or "").parse_args().smoke
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    demo = TrainingConfig(
        backbone="demo", model_size="base", weights="none", patch_size=64, multi_scale=True, attention_fusion=True
    )
    swin = TrainingConfig(backbone="swin", model_size="tiny", weights="none", patch_size=224, attention_fusion=True)
    with TemporaryDirectory(prefix="bench_eval-") as folder:
        table = photographs(Path(folder) / "photos", 4 if smoke else 32)
        store = open_store(table, cache_dir=folder, workers=1)
        note("one process, one thread on each side")
        bench("bench_eval.demo", demo, table, store, images=len(table), some=2 if smoke else 4,
              rounds=1 if smoke else 6, bar=10)  # fmt: skip
        bench("bench_eval.swin_tiny", swin, table, store, images=1 if smoke else 3, some=1, rounds=1 if smoke else 3,
              bar=None)  # fmt: skip


if __name__ == "__main__":
    main()
