"""Opens the pixel store of a folder's images in a process of its own, which may be killed."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from iqa_train.datasets.images import store_copy
from iqa_train.datasets.images.pixel_store import open_store
from iqa_train.datasets.table import ImageTable

_ROOT = Path(__file__).parents[2]
BLOCK = 1 << 16  # bytes in a step of copying, in these processes


def opener(
    root: Path, cache: Path | str, tell: str = "quiet", size: tuple[int, int] = (96, 64)
) -> "subprocess.Popen[str]":
    """With `tell`, each step is printed."""
    command = [sys.executable, "-P", "-m", __name__, str(root), str(cache), tell, *map(str, size)]
    return subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(_ROOT)}, stdout=subprocess.PIPE, text=True)


def result(process: "subprocess.Popen[str]") -> tuple[int, str]:
    """How many steps it took, and a digest of all pixels."""
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    _, steps, digest = out.splitlines()[-1].split()
    return int(steps), digest


def _open(root: Path, cache: str, tell: str, width: str, height: str) -> None:
    store_copy._BLOCK = BLOCK
    names = tuple(sorted(path.name for path in root.iterdir()))
    table = ImageTable("many", root, names, np.zeros(len(names)), (0, 1), resize=(int(width), int(height)))
    steps: list[int] = []

    def progress(done: int, total: int) -> None:
        del total
        steps.append(done)
        if tell == "tell":
            print(done, flush=True)

    store = open_store(table, cache_dir=cache, workers=1, progress=progress)
    pixels = hashlib.sha256(b"".join(store.image(k).tobytes() for k in range(len(names)))).hexdigest()
    print("opened", len(steps), pixels, flush=True)


if __name__ == "__main__":
    _open(Path(sys.argv[1]), *sys.argv[2:])
