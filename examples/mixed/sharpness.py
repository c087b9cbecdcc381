"""Writes predictions.csv: the log variance of the Laplacian of each picture, a measure that needs no training.

python sharpness.py FOLDER_OF_IMAGES > predictions.csv
"""

import csv
import sys
from pathlib import Path

import numpy as np
from PIL import Image


def sharpness(path: Path) -> float:
    """Of a picture's luminance; a single number, higher for more detail."""
    grey = np.asarray(Image.open(path).convert("L"), dtype=np.float64)
    inner = grey[1:-1, 1:-1]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * inner
    return float(np.log(laplacian.var() + 1e-9))


if __name__ == "__main__":
    rows = csv.writer(sys.stdout, lineterminator="\n")
    rows.writerow(("image", "prediction"))
    for file in sorted(Path(sys.argv[1]).iterdir()):
        rows.writerow((file.stem, round(sharpness(file), 4)))
