"""The built-in demo set: small, quick to make, and in the layout of KonIQ-10k.

1,050 dead-leaves reference images of 128 x 96 pixels (`dead_leaves`), two differently distorted versions of each
(`distortions`), 16 simulated raters per image (`raters`). The splits divide references: 750 for training, 100 for
validation, 200 for testing. The folder of images is called 512x384 because KonIQ's reader looks for that name.

    koniq10k_distributions_sets.csv      image_name,c1,...,c5,c_total,MOS,SD,set
    512x384/r0412_jpeg4.jpg              reference 412, JPEG coding at level 4; all other distortions are PNG files
    demo.json                            version and count; written last: without it the set is incomplete
"""

import csv
import errno
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path

import numpy as np

from iqa_train.datasets.demo.dead_leaves import dead_leaves
from iqa_train.datasets.demo.distortions import DEPTHS, JPEG, KINDS, LEVELS, jpeg_bytes, latent_quality
from iqa_train.datasets.demo.raters import rate
from iqa_train.datasets.image_files import files_in
from iqa_train.datasets.published import koniq
from iqa_train.datasets.published.koniq import FOLDERS, SETS_CSV
from iqa_train.datasets.table import ImageTable
from iqa_train.errors import DataError
from iqa_train.files import DamagedFileError, read_json
from iqa_train.locks import locked
from iqa_train.regular import real_path

NAME = "demo"
VERSION = 1  # raise it with every change to the bytes: older folders are then replaced
WIDTH, HEIGHT = 128, 96
PER_REFERENCE = 2
REFERENCES = {"training": 750, "validation": 100, "test": 200}
MARKER = "demo.json"
FOLDER = FOLDERS[-1]
_SEED = 20240817
_PRISTINE_SHARE = 0.12  # of the references: the first of their images is undistorted

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class _Sample:
    reference: int
    kind: str
    level: int  # 0: undistorted
    part: str  # the word in the column "set"

    @property
    def file(self) -> str:
        what = f"{self.kind}{self.level}" if self.level else "pristine"
        return f"r{self.reference:04d}_{what}.{'jpg' if self.level and self.kind == JPEG else 'png'}"


def read(root: Path) -> ImageTable:
    """The demo set in `root`, by KonIQ's reader, with references, at its own size. Raises `DataError`."""
    if not (root / MARKER).is_file():
        raise DataError(f"{root}: there is no demo set; create it with `iqa-train data make-demo`")
    table = koniq.read(root, name=NAME, resize=None)
    return replace(table, references=tuple(image.partition("_")[0] for image in table.images))


def make_demo(root: Path, progress: Progress | None = None) -> None:
    """Create the demo set in `root`, unless it is there, complete and of this version.

    A version always has the same bytes. The folder appears at once, by a rename; other processes wait meanwhile, and
    leftovers of a killed one are removed. `progress` is called with (references done, all references). Raises
    `DataError` if `root` contains other files or cannot be written.
    """
    if _is_whole(root):
        return
    root = real_path(root)
    try:
        with locked(root.parent / f".{root.name}.lock", patient=True):
            if _is_whole(root):
                return
            _refuse_foreign(root)
            making = root.parent / f".{root.name}.making"
            outdated = root.parent / f".{root.name}.outdated"
            for left_over in (making, outdated):
                if left_over.exists():
                    shutil.rmtree(left_over)
            try:
                (making / FOLDER).mkdir(parents=True)
                _write_all(making, progress)
                if root.exists():
                    root.rename(outdated)
                making.rename(root)
            finally:
                shutil.rmtree(making, ignore_errors=True)
                shutil.rmtree(outdated, ignore_errors=True)
    except OSError as error:
        mend = "free some space or " if error.errno in {errno.ENOSPC, errno.EDQUOT} else ""
        raise DataError(
            f"{root}: the demo set cannot be written there: {error.strerror or error}; "
            f"{mend}name another folder with --data_dir"
        ) from None


def _is_whole(root: Path) -> bool:
    try:
        marker = read_json(root / MARKER) or {}
    except (OSError, DamagedFileError):
        return False
    return (
        marker.get("version") == VERSION
        and len(files_in(root / FOLDER)) >= sum(REFERENCES.values()) * PER_REFERENCE
        and (root / SETS_CSV).is_file()
    )


def _refuse_foreign(root: Path) -> None:
    """Raise DataError unless `root` is an earlier demo set, an empty folder, or missing."""
    if not root.exists():
        return
    if not root.is_dir():
        raise DataError(f"{root}: is a file, but the demo set needs a folder; name another with --data_dir")
    found = {path.name for path in root.iterdir() if not path.name.startswith(".")}
    if found and (MARKER not in found or found - {MARKER, FOLDER, SETS_CSV}):
        raise DataError(f"{root}: has files that are not the demo set's; name an empty folder with --data_dir")


def _plan() -> list[_Sample]:
    """Every image, in the order of the CSV. The versions of a reference always have different kinds of distortion."""
    rng = np.random.default_rng([_SEED, 0])
    parts = [part for part, count in REFERENCES.items() for _ in range(count)]
    kinds = list(DEPTHS)
    samples = []
    for reference, at in enumerate(rng.permutation(len(parts)).tolist()):
        chosen = rng.permutation(len(kinds))[:PER_REFERENCE].tolist()
        levels = rng.integers(1, LEVELS + 1, PER_REFERENCE).tolist()
        if rng.random() < _PRISTINE_SHARE:
            levels[0] = 0
        samples += [_Sample(reference, kinds[k], level, parts[at]) for k, level in zip(chosen, levels, strict=True)]
    return samples


def _write_all(folder: Path, progress: Progress | None) -> None:
    samples = _plan()
    references = len(samples) // PER_REFERENCE
    for reference in range(references):
        _write_reference(folder / FOLDER, samples[reference * PER_REFERENCE : (reference + 1) * PER_REFERENCE])
        if progress is not None:
            progress(reference + 1, references)
    (folder / SETS_CSV).write_text(_table(samples), encoding="utf-8", newline="")
    marker = {"version": VERSION, "images": len(samples)}
    (folder / MARKER).write_text(json.dumps(marker) + "\n", encoding="utf-8")


def _write_reference(folder: Path, samples: list[_Sample]) -> None:
    rng = np.random.default_rng([_SEED, 1, samples[0].reference])
    pristine = dead_leaves(rng, WIDTH, HEIGHT)
    for sample in samples:
        path = folder / sample.file
        if sample.level and sample.kind == JPEG:
            path.write_bytes(jpeg_bytes(pristine, sample.level))
        else:
            image = KINDS[sample.kind](rng, pristine, sample.level) if sample.level else pristine
            image.save(path, "PNG", compress_level=1)


def _table(samples: list[_Sample]) -> str:
    """The text of the CSV: opinions per category, their mean on 0 to 100 and standard deviation on 1 to 5."""
    quality = np.array([latent_quality(sample.kind, sample.level) for sample in samples])
    opinions = rate(np.random.default_rng([_SEED, 2]), quality)
    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["image_name", "c1", "c2", "c3", "c4", "c5", "c_total", "MOS", "SD", "set"])
    for sample, counts, mos, sd in zip(
        samples, opinions.counts.tolist(), opinions.mos.tolist(), opinions.sd.tolist(), strict=True
    ):
        writer.writerow([sample.file, *counts, sum(counts), f"{mos:.4f}", f"{sd:.6f}", sample.part])
    return buffer.getvalue()
