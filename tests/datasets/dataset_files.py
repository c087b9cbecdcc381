"""Real files for data-set tests."""

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

Rows = Iterable[Iterable[object]]


def picture(path: Path, seed: int = 0, size: tuple[int, int] = (64, 48), **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, **options)
    return path


def write_csv(path: Path, header: Iterable[str], rows: Rows) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path
