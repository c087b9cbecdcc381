"""Checks every image of a data set: missing, unreadable, unlisted, too small, or not what its name says."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from iqa_train.datasets.image_files import SUFFIXES, missing_images, unlisted_images
from iqa_train.datasets.images.decode import decode_with_header
from iqa_train.datasets.images.stored_image import fitted, target_size
from iqa_train.datasets.table import ImageTable
from iqa_train.errors import DataError

Code = Literal["missing", "unreadable", "unlisted", "other-format", "converted", "metadata", "small"]
Severity = Literal["error", "note"]

_REMEDY = "lower patch_size, set resize to a larger size, or remove it from the table"
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
class ImageProblem:
    """Something about one image. Errors prevent a run from starting, notes do not."""

    code: Code
    severity: Severity
    image: str
    message: str


def verify(
    table: ImageTable,
    crops: Mapping[str, int] | None = None,
    workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> list[ImageProblem]:
    """Decode every image of `table` completely, in `workers` threads, and list the problems in the table's order.

    `crops` holds the side in pixels of the crops that are trained on for each setting `resize`: images that are stored
    smaller than a crop are errors, because a run refuses them. `progress` is called with (done, total). Unlisted images
    come last.
    """
    missing = set(missing_images(table))
    findings = [
        ImageProblem("missing", "error", name, f"{table.root / name}: is listed but missing")
        for name in table.images
        if name in missing
    ]
    present = [name for name in table.images if name not in missing]
    with ThreadPoolExecutor(max(1, workers)) as pool:
        jobs = pool.map(lambda name: _look(table, name, crops or {}), present)
        for done, found in enumerate(jobs, 1):
            findings += found
            if progress is not None:
                progress(done, len(present))
    return findings + [
        ImageProblem("unlisted", "note", name, f"{table.root / name}: is not listed, so it is not used")
        for name in unlisted_images(table)
    ]


def _look(table: ImageTable, name: str, crops: Mapping[str, int]) -> list[ImageProblem]:
    path = table.root / name
    try:
        _, header = decode_with_header(path, table.resize)
        sizes = {fitted(path, header.size, target_size(resize, table.resize)): side for resize, side in crops.items()}
    except DataError as error:
        return [ImageProblem("unreadable", "error", name, str(error))]
    findings = []
    if path.suffix.lower() not in SUFFIXES.get(header.format, (path.suffix.lower(),)):
        message = f"{path}: is a {header.format} file in spite of its name; it is read as one"
        findings.append(ImageProblem("other-format", "note", name, message))
    mode = " ".join(filter(None, ("16-bit" if header.deep else "", _MODES.get(header.mode, ""))))
    if mode:
        findings.append(ImageProblem("converted", "note", name, f"{path}: is {mode} and converted to 8-bit RGB"))
    if header.remark:
        findings.append(ImageProblem("metadata", "note", name, f"{path}: {header.remark}"))
    for (height, width), side in sizes.items():
        if min(width, height) < side:
            message = f"{path}: {width} x {height} pixels are smaller than a crop of {side}; {_REMEDY}"
            findings.append(ImageProblem("small", "error", name, message))
    return findings
