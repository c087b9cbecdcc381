"""Whatever a file holds: all paths accept the same files at the same size, or refuse them in one sentence."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from iqa_train.datasets.images.decode import read_header
from iqa_train.datasets.images.loose_images import read_picture
from iqa_train.datasets.images.pixel_store import open_store
from iqa_train.datasets.images.stored_image import stored_pixels, stored_size
from iqa_train.datasets.table import ImageTable
from iqa_train.datasets.verify import verify
from iqa_train.errors import DataError
from tests.datasets.damaged_images import damaged_images

pytestmark = pytest.mark.filterwarnings("ignore")  # pytest undoes the filter of the decoder
TARGETS: tuple[tuple[int, int] | int | None, ...] = (None, 8, (5, 4))


def table_of(root: Path, resize: tuple[int, int] | None = None) -> ImageTable:
    names = tuple(sorted(path.name for path in root.iterdir() if path.is_file()))
    return ImageTable("fuzz", root, names, np.arange(len(names), dtype=np.float64), (0.0, 1e6), resize=resize)


def outcome(path: Path, target: tuple[int, int] | int | None) -> str:
    """The shape that is stored, or "refused"."""
    try:
        height, width = stored_size(path, target)
        pixels = stored_pixels(path, height, width, target)
    except DataError as error:
        assert str(path) in str(error)
        assert str(error).isprintable()
        with pytest.raises(DataError):
            read_picture(path, target, 1)
        return "refused"
    assert pixels.shape == (height, width, 3)
    assert np.array_equal(read_picture(path, target, 1), pixels)
    return str(pixels.shape[:2])


def examine(folder: Path, count: int, seed: int) -> Counter[bool]:
    """Write the files and put each through every path; how many are accepted and how many refused."""
    found: Counter[bool] = Counter()
    for name, data in damaged_images(count, seed):
        (folder / name).write_bytes(data)
    refused = {finding.image for finding in verify(table_of(folder)) if finding.severity == "error"}
    reduced = {finding.image for finding in verify(table_of(folder, (5, 4))) if finding.severity == "error"}
    assert refused == reduced
    for name in table_of(folder).images:
        path = folder / name
        outcomes = [outcome(path, target) for target in TARGETS]
        assert {one == "refused" for one in outcomes} == {name in refused}, (name, outcomes)
        if name not in refused:
            width, height = read_header(path).size
            assert outcomes[0] == f"({height}, {width})", name
        found[name in refused] += 1
    return found


def test_a_few_damaged_images(tmp_path: Path) -> None:
    found = examine(tmp_path, 240, 1)
    assert min(found[True], found[False]) > 50, found


@pytest.mark.slow
def test_thousands_of_damaged_images(tmp_path: Path) -> None:
    found = examine(tmp_path, 2400, 0)
    assert min(found[True], found[False]) > 500, found


def test_a_store_is_made_of_what_verify_accepts_and_of_nothing_else(tmp_path: Path) -> None:
    root = tmp_path / "set"
    root.mkdir()
    for name, data in damaged_images(60, 2):
        (root / name).write_bytes(data)
    table = table_of(root)
    with pytest.raises(DataError, match="iqa-train data verify lists them"):
        open_store(table, cache_dir=str(tmp_path / "cache"))
    for finding in verify(table):
        if finding.severity == "error":
            (root / finding.image).unlink()
    store = open_store(table_of(root), cache_dir=str(tmp_path / "cache"))
    assert len(store) > 10
