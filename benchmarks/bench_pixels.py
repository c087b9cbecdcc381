"""Crops out of the pixel store against decoding a file for every crop, and against a bare copy of the same bytes.

`bench_pixels.crops`: crops of 224 pixels, half of them mirrored, until they are normalised float32 tensors.
  ours        gather from the store (built before, files decoded once at 512 x 384), then training.batches.prepare,
              32 crops at a time
  reference   for every crop: open, decode, resize to 512 x 384, crop, to tensor, mirror, normalise, with Pillow and
              torch step by step as torchvision's transforms do it; putting 32 of them together is not charged
  fair        the same files, crops and results (checked before timing); one process and one thread each, no helpers;
              files and store in the page cache; the reference mirrors the crop, not the whole picture as some scripts
              do; the store is larger than the size up to which its pages stay mapped (not with --smoke), as that of a
              real data set is

`bench_pixels.copy`: time of gather alone against a loop of NumPy assignments of the same crops from an array in memory,
  both into new memory, 32 crops at a time. The store may cost three times as much: it is a file mapping whose pages are
  given back as it goes.

`bench_pixels.resident`: how much the resident set of a process grows at its peak while it reads crops of every image,
  for a store of size S (reference) and one of 4 S (ours), each in a process of its own: VmHWM after, less VmRSS before.

`bench_pixels.build`: images per second of building the store with one thread, against decoding and resizing the same
  files and keeping nothing. For information.
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from _common import HEIGHT, STORED, WIDTH, figure, note, options, photographs, race, table_of
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from iqa_train.datasets.images.crops import CropPlan, training_crops
from iqa_train.datasets.images.pixel_store import PixelStore, open_store
from iqa_train.datasets.table import ImageTable
from iqa_train.training.batches import prepare

SIDE, BATCH = 224, 32
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CPU = torch.device("cpu")


def reference_crop(path: Path, top: int, left: int, mirrored: bool, side: int) -> Tensor:
    """One crop from its file to a normalised (3, side, side) tensor, with nothing kept from earlier ones."""
    with path.open("rb") as file, Image.open(file) as opened:
        picture = opened.convert("RGB")
    picture = picture.resize(STORED, Image.Resampling.BILINEAR)
    picture = picture.crop((left, top, left + side, top + side))
    crop = torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous().float().div(255)
    if mirrored:
        crop = crop.flip(2)
    mean, std = torch.tensor(_MEAN).view(3, 1, 1), torch.tensor(_STD).view(3, 1, 1)
    return crop.sub_(mean).div_(std)


def reference_crops(table: ImageTable, plan: CropPlan) -> list[Tensor]:
    """The plan's crops one by one."""
    rows = zip(plan.image.tolist(), plan.top.tolist(), plan.left.tolist(), plan.flip.tolist(), strict=True)
    return [reference_crop(table.path(index), top, left, mirrored, SIDE) for index, top, left, mirrored in rows]


def our_crops(store: PixelStore, plan: CropPlan) -> Tensor:
    """The plan's crops in batches, each done with before the next is made; returns the last."""
    for start in range(0, len(plan), BATCH):
        crops = None
        part = plan.part(start, start + BATCH)
        crops = prepare(torch.from_numpy(store.gather(part, SIDE)), part, _CPU)
    assert crops is not None
    return crops


def gathered(store: PixelStore, plan: CropPlan) -> None:
    """The bytes alone, in batches."""
    for start in range(0, len(plan), BATCH):
        store.gather(plan.part(start, start + BATCH), SIDE)


def copied(pictures: NDArray[np.uint8], plan: CropPlan) -> None:
    """The same bytes by plain assignments, in batches."""
    for start in range(0, len(plan), BATCH):
        part = plan.part(start, start + BATCH)
        out = np.empty((len(part), SIDE, SIDE, 3), np.uint8)
        rows = zip(part.image.tolist(), part.top.tolist(), part.left.tolist(), strict=True)
        for k, (index, top, left) in enumerate(rows):
            out[k] = pictures[index, top : top + SIDE, left : left + SIDE]


def plan_of(store: PixelStore, per_image: int) -> CropPlan:
    """An epoch's crops of every image, shuffled, about half of them mirrored."""
    everything = store.pictures(np.arange(len(store)))
    return training_crops(everything, seed=42, epoch=1, per_image=per_image, side=SIDE, color_jitter=False)


def under_many_names(table: ImageTable, times: int) -> ImageTable:
    """The same files linked under more names: to the store, that many images."""
    names = []
    for number in range(times):
        for k, name in enumerate(table.images):
            names.append(f"copy{number:02d}_{name}")
            (table.root / names[-1]).hardlink_to(table.path(k))
    return table_of(table.root, tuple(names))


def bench_crops(table: ImageTable, store: PixelStore, *, smoke: bool) -> None:
    """Crops per second and the ratio to a bare copy."""
    plan = plan_of(store, 24 if smoke else 2)
    few = plan.part(0, 16 if smoke else 64)
    ours, reference = our_crops(store, few.part(0, 16)), torch.stack(reference_crops(table, few.part(0, 16)))
    torch.testing.assert_close(ours, reference, rtol=0, atol=1e-5)
    rounds = 8 if smoke else 12
    seconds = race(rounds, lambda: our_crops(store, plan), lambda: reference_crops(table, few))
    rates = len(plan) / seconds[0], len(few) / seconds[1]
    ratio = rates[0] / rates[1]
    figure("bench_pixels.crops", *rates, ratio, unit="crops/s", bar=50, ok=ratio >= 50)

    pictures = np.stack([store.image(k) for k in range(len(store))])
    micro = [
        1e6 * s / len(plan) for s in race(2 * rounds, lambda: gathered(store, plan), lambda: copied(pictures, plan))
    ]
    ratio = micro[0] / micro[1]
    figure("bench_pixels.copy", *micro, ratio, unit="us", bar=3, ok=ratio <= 3)


def bench_build(table: ImageTable, folder: Path, *, smoke: bool) -> None:
    """Images per second of the store's building."""
    number = 0

    def build() -> None:
        nonlocal number
        number += 1
        open_store(table, cache_dir=str(folder / f"build{number}"), workers=1)

    def decode_only() -> None:
        for index in range(len(table)):
            with Image.open(table.path(index)) as opened:
                opened.convert("RGB").resize(STORED, Image.Resampling.BILINEAR)

    rates = [len(table) / s for s in race(2 if smoke else 5, build, decode_only)]
    figure("bench_pixels.build", *rates, rates[0] / rates[1], unit="img/s", bar=None)


def bench_resident(folder: Path, *, smoke: bool) -> None:
    """Growth of the resident set for a store and for one of four times its size."""
    small = 320 if smoke else 960
    sources = folder / "plain"
    sources.mkdir()
    names = tuple(f"plain{k:04d}.png" for k in range(4 * small))
    for k, name in enumerate(names):  # what they show does not matter, only how many bytes they are when stored
        Image.new("RGB", (8, 6), (k % 256, k // 256, 99)).save(sources / name)
    growth = []
    for count in (4 * small, small):
        table = table_of(sources, names[:count])
        open_store(table, cache_dir=str(folder / "resident"), workers=2)
        command = [sys.executable, __file__, "--resident", str(folder), str(count)]
        growth.append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    stored = small * STORED[0] * STORED[1] * 3 / 1e6
    note(f"resident: stores of {4 * stored:.0f} MB (ours) and {stored:.0f} MB (reference), 4 crops of every image")
    ratio = growth[0] / growth[1]
    figure("bench_pixels.resident", *growth, ratio, unit="MB", bar=1.2, ok=ratio <= 1.2)


def resident_growth(folder: Path, count: int) -> float:
    """In a process of its own: megabytes by which its peak exceeds what was resident before the first crop."""
    table = table_of(folder / "plain", tuple(f"plain{k:04d}.png" for k in range(count)))
    store = open_store(table, cache_dir=str(folder / "resident"), workers=1)
    plan = plan_of(store, 4)
    store.gather(plan.part(0, BATCH), SIDE)
    before = _status("VmRSS")
    gathered(store, plan)
    return (_status("VmHWM") - before) / 1e6


def _status(key: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == key:
            return int(value.split()[0]) * 1024
    raise KeyError(key)


def main() -> None:
    """Run all four."""
    parser = options(__doc__ or "")
    parser.add_argument("--resident", nargs=2, metavar=("FOLDER", "IMAGES"), help="used by the benchmark itself")
    chosen = parser.parse_args()
    if chosen.resident:
        print(resident_growth(Path(chosen.resident[0]), int(chosen.resident[1])))
        return
    torch.set_num_threads(1)
    with TemporaryDirectory(prefix="bench_pixels-") as name:
        folder = Path(name)
        note(f"one process, one thread on each side; {WIDTH} x {HEIGHT} stored at {STORED[0]} x {STORED[1]}")
        table = photographs(folder / "photos", 12 if chosen.smoke else 48)
        many = table if chosen.smoke else under_many_names(table, 12)
        store = open_store(many, cache_dir=str(folder / "cache"), workers=2)
        bench_crops(many, store, smoke=chosen.smoke)
        bench_build(table, folder, smoke=chosen.smoke)
        bench_resident(folder, smoke=chosen.smoke)


if __name__ == "__main__":
    main()
