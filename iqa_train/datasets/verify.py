"""Every image of a data set looked at: missing, unreadable, unlisted, or readable but not what it seems."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image, UnidentifiedImageError

from iqa_train.datasets.decode import decode
from iqa_train.datasets.presence import missing_images, unlisted_images
from iqa_train.datasets.table import ImageTable
from iqa_train.errors import DataError

Code = Literal["missing", "unreadable", "unlisted", "other-format", "converted", "small"]
Severity = Literal["error", "note"]

_SUFFIXES = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "MPO": (".jpg", ".jpeg", ".mpo"),
    "PNG": (".png",),
    "BMP": (".bmp", ".dib"),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "JPEG2000": (".jp2", ".j2k", ".jpf"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
}
_MODES = {
    "1": "black and white",
    "L": "grey",
    "LA": "grey with transparency",
    "P": "palette",
    "PA": "palette with transparency",
    "RGBA": "transparent",
    "CMYK": "CMYK",
    "YCbCr": "YCbCr",
    "LAB": "Lab",
    "HSV": "HSV",
}


@dataclass(frozen=True)
class Finding:
    """One thing about one image; errors keep a run from starting, notes do not."""

    code: Code
    severity: Severity
    image: str
    message: str


def verify(
    table: ImageTable,
    patch_size: int | None = None,
    workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> list[Finding]:
    """Decode every image of `table` whole, in `workers` threads, and list what is amiss, in the table's order.

    `patch_size` is the crop's side in pixels, to name images smaller than it at the size they are trained on.
    `progress` is called with (done, total). Unlisted images come last.
    """
    missing = set(missing_images(table))
    findings = [
        Finding("missing", "error", name, f"{table.root / name}: is listed but not there")
        for name in table.images
        if name in missing
    ]
    present = [name for name in table.images if name not in missing]
    with ThreadPoolExecutor(max(1, workers)) as pool:
        jobs = pool.map(lambda name: _look(table, name, patch_size), present)
        for done, found in enumerate(jobs, 1):
            findings += found
            if progress is not None:
                progress(done, len(present))
    return findings + [
        Finding("unlisted", "note", name, f"{table.root / name}: is there but not listed, so it is not used")
        for name in unlisted_images(table)
    ]


def _look(table: ImageTable, name: str, patch_size: int | None) -> list[Finding]:
    path = table.root / name
    try:
        width, height = decode(path).size
        kind, mode = _as_stored(path)
    except DataError as error:
        return [Finding("unreadable", "error", name, str(error))]
    findings = []
    if path.suffix.lower() not in _SUFFIXES.get(kind, (path.suffix.lower(),)):
        message = f"{path}: is a {kind} file in spite of its name; it is read all the same"
        findings.append(Finding("other-format", "note", name, message))
    if mode:
        findings.append(Finding("converted", "note", name, f"{path}: is {mode} and converted to 8-bit RGB"))
    width, height = table.resize or (width, height)
    if patch_size is not None and min(width, height) < patch_size:
        message = f"{path}: {width} x {height} pixels are smaller than a crop of {patch_size}"
        findings.append(Finding("small", "note", name, message))
    return findings


def _as_stored(path: Path) -> tuple[str, str]:
    """The file's true format, and in words what it holds where that is not 8-bit RGB."""
    try:
        with Image.open(path) as image:
            depth = "16-bit" if _is_deep(image) else ""
            return image.format or "", " ".join(filter(None, (depth, _MODES.get(image.mode, ""))))
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError) as error:
        raise DataError(f"{path}: cannot be read as an image: {error}") from None


def _is_deep(image: Image.Image) -> bool:
    """Whether a sample has more than 8 bits; Pillow opens 16-bit RGB as RGB, and only the raw mode tells."""
    if image.mode.startswith("I"):
        return True
    tiles = getattr(image, "tile", [])
    return bool(tiles) and "16" in str(tiles[0][3])
