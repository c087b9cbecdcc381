"""Preparing a data set of large photographs: how fast with two threads, and in how much memory.

`bench_prepare.rate`: images per second from files of 13 megapixels to a finished pixel store at 512 x 384.
  ours        `open_store` with two decoding threads, into a new cache each time: sources looked at, space reserved,
              decoded at a quarter of their size (as `datasets.decode` does with JPEG files much larger than wanted),
              resized, written, synced, manifest in place
  reference   the same files one after another in one thread: open, decode whole, resize with the same filter, keep
              nothing
  fair        files in the page cache; by turns, on the wall, since ours uses two cores; the best of several rounds
              each; by how much the stored pixels differ from the reference's is printed

`bench_prepare.thread`: the same with one thread, in processor time, which other programs on the machine hardly change.
  For information.

`bench_prepare.memory`: peak resident memory of `iqa-train data prepare`, the whole process tree, for 60 of these (ours)
  and for 20 (reference), each in a process of its own: the sum over the tree of the kernel's own peaks (VmHWM), read
  every few milliseconds.
"""

import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psutil
from _common import STORED, figure, note, options, race, table_of
from numpy.typing import NDArray
from PIL import Image

from iqa_train.datasets.demo.dead_leaves import dead_leaves
from iqa_train.datasets.images.pixel_store import PixelStore, open_store
from iqa_train.datasets.table import ImageTable

WIDTH, HEIGHT = 4160, 3120  # 13 megapixels, as the largest of SPAQ
WORKERS = 2
_TILE = (160, 120)
_DIFFERENT = 6  # photographs that are made; others are links to them
_STUDY = """
[study]
name = "bench"
baseline = "Baseline"
[defaults]
dataset = "photos"
[datasets.photos]
path = "{folder}"
csv = "{csv}"
score_range = [0, 100]
[[experiments]]
id = "Baseline"
"""


def large_photographs(folder: Path, count: int) -> tuple[str, ...]:
    """Names of `count` JPEG files in `folder`, of dead-leaves pictures side by side."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(21)
    tiles = [np.asarray(dead_leaves(rng, *_TILE)) for _ in range(48)]
    names = tuple(f"photo{k:03d}.jpg" for k in range(count))
    for k, name in enumerate(names):
        if k >= _DIFFERENT:
            (folder / name).hardlink_to(folder / names[k % _DIFFERENT])
            continue
        order = rng.integers(0, len(tiles), (HEIGHT // _TILE[1], WIDTH // _TILE[0]))
        mosaic = np.concatenate([np.concatenate([tiles[t] for t in row], axis=1) for row in order])
        Image.fromarray(mosaic).save(folder / name, quality=85)
    size = sum((folder / name).stat().st_size for name in names[:_DIFFERENT]) / _DIFFERENT
    note(f"{count} JPEG files of {WIDTH} x {HEIGHT}, {size / 1e6:.1f} MB each on average, all in the page cache")
    return names


def bench_rate(table: ImageTable, folder: Path, *, smoke: bool) -> None:
    """Images per second, and the ratio to decoding and resizing in one thread."""
    number = 0

    def prepare(workers: int) -> PixelStore:
        nonlocal number
        number += 1
        return open_store(table, cache_dir=str(folder / f"cache{number}"), workers=workers)

    def plain(index: int) -> NDArray[np.uint8]:
        with Image.open(table.path(index)) as opened:
            return np.asarray(opened.convert("RGB").resize(STORED, Image.Resampling.BILINEAR))

    def decode_only() -> None:
        for index in range(len(table)):
            plain(index)

    apart = np.abs(prepare(WORKERS).image(0).astype(np.int16) - plain(0))
    note(f"stored pixels differ from those of the reference by {apart.mean():.2f} levels of 255 on average")
    rounds = 2 if smoke else 6
    rates = [len(table) / s for s in race(rounds, lambda: prepare(WORKERS), decode_only, wall=True)]
    ratio = rates[0] / rates[1]
    figure("bench_prepare.rate", *rates, ratio, unit="img/s", bar=1.5, ok=ratio >= 1.5)
    rates = [len(table) / s for s in race(rounds, lambda: prepare(1), decode_only)]
    figure("bench_prepare.thread", *rates, rates[0] / rates[1], unit="img/s", bar=None)


def bench_memory(folder: Path, names: tuple[str, ...], counts: tuple[int, int], *, rounds: int) -> None:
    """Peak of the process tree for many and for few photographs."""
    peaks = [min(peak_of_prepare(folder, names[:count]) for _ in range(rounds)) for count in counts]
    note(f"memory: {counts[0]} photographs (ours) and {counts[1]} (reference), {WORKERS} threads")
    ratio = peaks[0] / peaks[1]
    figure("bench_prepare.memory", *peaks, ratio, unit="MB", bar=1.1, ok=ratio <= 1.1)


def peak_of_prepare(folder: Path, names: tuple[str, ...]) -> float:
    """Megabytes at the peak of `iqa-train data prepare` on the photographs `names`."""
    with TemporaryDirectory(prefix="prepare-", dir=folder) as place:
        study, table = Path(place, "study.toml"), Path(place, "scores.csv")
        table.write_text("image,score\n" + "".join(f"{name},{k}\n" for k, name in enumerate(names)))
        study.write_text(_STUDY.format(folder=folder / "photos", csv=table))
        command = [sys.executable, "-m", "iqa_train.cli.main", "data", "prepare", "--experiments", str(study)]
        command += ["--resize", "{}x{}".format(*STORED), "--cache_dir", str(Path(place, "cache"))]
        process = subprocess.Popen([*command, "--workers", str(WORKERS)], stdout=subprocess.DEVNULL)
        peaks: dict[int, int] = {}
        while process.poll() is None:
            for pid in (process.pid, *children(process.pid)):
                peaks[pid] = max(peaks.get(pid, 0), high_water(pid))
            time.sleep(0.004)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return sum(peaks.values()) / 1e6


def children(pid: int) -> list[int]:
    """Pids of a process's children, grandchildren and so on; none when it has gone."""
    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def high_water(pid: int) -> int:
    """Bytes that a process had resident at most, as the kernel counts; 0 when it has gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def main() -> None:
    """Run both."""
    smoke = options(__doc__ or "").parse_args().smoke
    with TemporaryDirectory(prefix="bench_prepare-") as name:
        folder = Path(name)
        counts = (18, 6) if smoke else (60, 20)
        names = large_photographs(folder / "photos", counts[0])
        few = names[: 4 if smoke else 12]
        bench_rate(table_of(folder / "photos", few), folder, smoke=smoke)
        bench_memory(folder, names, counts, rounds=1 if smoke else 3)


if __name__ == "__main__":
    main()
