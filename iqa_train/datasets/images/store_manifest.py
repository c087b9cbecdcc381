"""The manifest of a pixel store: which image files it holds, at which sizes, and whether they are still the same."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypedDict

from iqa_train.datasets.images.stored_image import Target, stored_size
from iqa_train.datasets.table import ImageTable
from iqa_train.errors import DataError
from iqa_train.files import DamagedFileError, write_json
from iqa_train.schema import Span, read_document

VERSION = 2  # of the bytes: decoding, resizing, layout
FILE_MODE = 0o664  # never writable by all users: what they can write to is not trusted
_Side = Annotated[int, Span(1, 1 << 20)]


@dataclass(frozen=True)
class Source:
    """An image file as it was when it was stored, and the size it is stored at."""

    name: str
    size: int  # bytes
    mtime_ns: int
    height: int
    width: int

    def row(self) -> list[Any]:
        return [self.name, self.size, self.mtime_ns, self.height, self.width]


class _Manifest(TypedDict, total=False):
    """Rows as `Source.row` makes them."""

    images: list[tuple[str, Annotated[int, Span(0, 2**63)], Annotated[int, Span(-(2**63), 2**63)], _Side, _Side]]
    boot: str
    schema_version: int


def read_manifest(path: Path) -> dict[str, Any]:
    """Empty if it is missing or damaged: the store is then built again."""
    try:
        return dict(read_document(path, _Manifest) or {})
    except (DamagedFileError, NotADirectoryError):
        return {}


def write_manifest(path: Path, sources: Sequence[Source], **more: str) -> None:
    """Write the manifest of `sources`, with `more` keys."""
    write_json(path, _content(sources) | more, FILE_MODE)


def sources_of(table: ImageTable, target: Target, folder: Path, workers: int) -> list[Source]:
    """The table's images in order. Sizes come from the manifest in `folder` where the file is unchanged."""
    known = {row[0]: row for row in read_manifest(folder / "manifest.json").get("images", [])}

    def source(index: int) -> Source:
        name, path = table.images[index], table.path(index)
        try:
            stat = path.stat()
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error.strerror})") from None
        row = known.get(name)
        # Earlier versions took the size of a TIFF that is stored on its side for that of the upright picture.
        is_tiff = path.suffix.lower() in {".tif", ".tiff"}
        if row is not None and row[1:3] == [stat.st_size, stat.st_mtime_ns] and not is_tiff:
            return Source(*row)
        try:
            height, width = stored_size(path, target)
        except DataError:  # reported with all others like it when its pixels are read
            height, width = 1, 1
        return Source(name, stat.st_size, stat.st_mtime_ns, height, width)

    with ThreadPoolExecutor(max(1, workers)) as pool:
        return list(pool.map(source, range(len(table))))


def is_current(folder: Path, sources: Sequence[Source]) -> bool:
    """Whether the store in `folder` holds these files, with every byte in place.

    Reading beyond the end of a mapped file would kill the process.
    """
    is_whole = size_of(folder / "pixels.u8") == total_bytes(sources)
    return is_whole and read_manifest(folder / "manifest.json") == _content(sources)


def total_bytes(sources: Sequence[Source]) -> int:
    """Of all pixels."""
    return sum(s.height * s.width * 3 for s in sources)


def size_of(path: Path) -> int | None:
    """Bytes of a file; None if there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _content(sources: Sequence[Source]) -> dict[str, Any]:
    return {"schema_version": VERSION, "images": [s.row() for s in sources]}
