"""Decodes image files to 8-bit RGB, whatever their format, and reports what was converted or ignored.

Of the metadata only an EXIF orientation of 1 to 8 counts; XMP and colour profiles are ignored, and metadata that
prevent a file from being decoded are removed. Every image is opened here, so that verification, preparation, training
and prediction see the same pixels.
"""

import ctypes
import logging
import os
import stat
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import IO, TypeVar

import numpy as np
from PIL import Image, UnidentifiedImageError

from iqa_train.datasets.content_kind import HEAD, content_kind
from iqa_train.datasets.images.metadata import without_metadata
from iqa_train.errors import DataError, visible

LARGEST = 300_000_000  # pixels; today's photographs are well below
_WIDTH, _HEIGHT, _ORIENTATION = 256, 257, 274  # tags of TIFF, and so of EXIF
_BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339  # tags of TIFF; where they are missing: 1
_SIGNED = 2
_PNG_MAGIC = 8  # bytes
_SIZED = frozenset({"JPEG", "MPO", "PNG", "BMP", "DIB", "TIFF", "WEBP", "GIF", "JPEG2000", "PPM", "AVIF", "TGA"})
_FIRST_ON_ITS_SIDE = 5  # orientations 5 to 8 swap width and height
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_T = TypeVar("_T")
_DAMAGED = "its metadata are damaged and are ignored"
Image.MAX_IMAGE_PIXELS = LARGEST  # Pillow warns above this, and refuses twice as many
# Pillow's warnings on odd metadata are for programmers. A filter instead of a context, because threads share both.
warnings.filterwarnings("ignore", module=r"PIL\.")
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
logging.getLogger("PIL").addHandler(logging.NullHandler())


def _silence_libtiff() -> None:
    """Keep libtiff from writing to stderr itself; Pillow raises an error anyway."""
    try:
        maps = Path("/proc/self/maps").read_text(errors="replace").splitlines()
        library = next(line.split(maxsplit=5)[5] for line in maps if "/libtiff" in line)
        ctypes.CDLL(library).TIFFSetErrorHandler(None)
    except (OSError, StopIteration, AttributeError):  # elsewhere, or linked in another way
        return


_silence_libtiff()


@dataclass(frozen=True)
class Header:
    """What is known about an image before its pixels are decoded.

    `size` is (width, height) upright, before any reduction; `orientation` is EXIF's, or 1 if there is no valid one, and
    `remark` says what was ignored. `mode` is Pillow's; `deep` means more than 8 bits per sample.
    """

    size: tuple[int, int]
    orientation: int
    format: str
    mode: str
    deep: bool
    remark: str


def read_header(path: Path) -> Header:
    """The header of the image at `path`. Raises DataError as `decode` does for the same file."""
    return _read(path, lambda _, header: header)


def decode(path: Path, reduced_to: tuple[int, int] | None = None) -> Image.Image:
    """The image at `path` as RGB, upright as its EXIF says; grey, palette, alpha, CMYK and 16-bit are converted.

    If it will be resized to `reduced_to`, (width, height), a JPEG file of at least four times that size is decoded at
    1/2, 1/4 or 1/8 of its size, never below twice the target: in a fraction of the time and memory.

    Raises DataError, one sentence, for a file that is missing, not an image, cut short, damaged, or of floats or
    integers for which no value is defined as white.
    """
    return decode_with_header(path, reduced_to)[0]


def decode_with_header(path: Path, reduced_to: tuple[int, int] | None = None) -> tuple[Image.Image, Header]:
    """As `decode`, with the header."""
    return _read(path, lambda image, header: (_pixels(path, image, header, reduced_to), header))


def _read(path: Path, use: Callable[[Image.Image, Header], _T]) -> _T:
    """The result of `use` on the file, or on the file without its metadata if that fails."""
    header: Header | None = None
    with _named(path):
        try:
            with _opened(path) as image:
                header = _header(image)
                return use(image, header)
        except DataError:
            raise
        except Exception as error:  # noqa: BLE001 - Pillow lets exceptions of its parsers through, of any type
            with _opened(_stripped(path, error)) as image:
                header = replace(header or _header(image), remark=_DAMAGED)
                return use(image, header)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Turn any error with the file at `path` into a DataError that names it."""
    try:
        yield
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"{path} is missing; restore it, or remove it from the table or list that names it") from None
    except PermissionError:
        raise DataError(
            f"{path} cannot be read (Permission denied); give yourself read permission (chmod +r)"
        ) from None
    except UnidentifiedImageError:
        raise DataError(f"{path} is not an image{_instead(path)}") from None
    except MemoryError:
        raise DataError(f"{path} cannot be decoded: there is not enough memory for it") from None
    except OSError as error:
        if error.errno is not None:
            raise DataError(f"{path} cannot be read ({error.strerror})") from None
        raise DataError(_undecodable(path, error)) from None
    except Exception as error:  # noqa: BLE001 - as above
        raise DataError(_undecodable(path, error)) from None


def _undecodable(path: Path, error: Exception) -> str:
    reason = " ".join(visible(str(error)).split()) or type(error).__name__
    return f"{path} cannot be decoded ({reason}); replace it with an intact copy"


def _instead(path: Path) -> str:
    """What the file is instead of an image, as the end of a sentence."""
    try:
        with path.open("rb") as file:
            start = file.read(HEAD)
    except OSError:
        return "; replace it"
    if not start.strip(b"\0"):
        return "; it is empty; replace it" if not start else "; it begins with zeros; replace it with an intact copy"
    kind = content_kind(start)
    if kind.endswith(" image"):
        name = kind.removesuffix(" image")
        return f" that can be decoded, but {name} file with a damaged or unsupported header; replace it"
    return f", but {kind}" if kind else " in a known format; replace it"


@contextmanager
def _opened(source: Path | BytesIO) -> Iterator[Image.Image]:
    if isinstance(source, Path):
        mode = source.stat().st_mode
        if not stat.S_ISREG(mode):  # opening a pipe would wait for a writer
            kind = "is a folder" if stat.S_ISDIR(mode) else "is not a file"
            raise DataError(f"{source} {kind}; name an image file")
    with Image.open(source) as image:
        yield image


def _stripped(path: Path, error: Exception) -> BytesIO:
    """The file without its metadata. Raises `error` again if the metadata cannot be the reason for it."""
    is_of_the_system = isinstance(error, OSError) and error.errno is not None
    if is_of_the_system or isinstance(error, MemoryError | Image.DecompressionBombError):
        raise error
    data = without_metadata(path.read_bytes())
    if data is None:
        raise error
    return BytesIO(data)


def _header(image: Image.Image) -> Header:
    deep = _is_deep(image)
    form, file = image.format or "", getattr(image, "fp", None)  # Pillow drops `fp` when it has decoded
    # Icons contain several images, and only decoding chooses one; the EXIF of a PNG may follow the pixels.
    if form not in _SIZED or (form == "PNG" and "exif" not in image.info):
        image.load()
    if form == "PNG" and "exif" not in image.info and getattr(image, "is_animated", False) and file is not None:
        exif = _late_exif(file)  # Pillow has stopped before the second frame
        if exif is not None:
            image.info["exif"] = exif
    tags = getattr(image, "tag_v2", None)  # of a TIFF, whose size Pillow gives as if it were already upright
    width, height = image.size if tags is None else (int(tags[_WIDTH]), int(tags[_HEIGHT]))
    if width <= 0 or height <= 0:
        raise ValueError(f"it has {width} x {height} pixels")
    orientation, remark = _orientation(image)
    turned = orientation >= _FIRST_ON_ITS_SIDE
    return Header((height, width) if turned else (width, height), orientation, form, image.mode, deep, remark)


def _late_exif(file: IO[bytes]) -> bytes | None:
    """The first intact eXIf chunk of a PNG file, in Pillow's form. The position in the file is kept."""
    place = file.tell()
    try:
        file.seek(_PNG_MAGIC)
        while len(head := file.read(8)) == 8:
            size, name = struct.unpack(">L4s", head)
            if name != b"eXIf":
                file.seek(size + 4, os.SEEK_CUR)
                continue
            body, check = file.read(size), file.read(4)
            return b"Exif\0\0" + body if check == struct.pack(">L", zlib.crc32(name + body)) else None
    finally:
        file.seek(place)
    return None


def _orientation(image: Image.Image) -> tuple[int, str]:
    """The EXIF orientation, 1 to 8, and in words why it is ignored if it is none of these."""
    try:
        value = _exif_value(image)
    except Exception:  # noqa: BLE001 - an error of Pillow's EXIF parser says nothing about the pixels
        return 1, "its EXIF cannot be read and is ignored"
    if value is None:
        return 1, ""
    if value in range(1, 9):  # 6.0 and 6/1, too: Pillow rotates a TIFF by these
        return int(value), ""
    return 1, f"its EXIF orientation {visible(repr(value)[:20])} is not one of 1 to 8 and is ignored"


def _exif_value(image: Image.Image) -> int | None:
    tags = getattr(image, "tag_v2", None)
    if tags is not None:
        value: int | None = tags.get(_ORIENTATION)
        return value
    data = image.info.get("exif")
    profile = image.info.get("Raw profile type exif")  # ImageMagick's form: a name, a length, and digits
    if data is None and profile is not None:
        data = bytes.fromhex("".join(profile.split("\n")[3:]))
    if data is None:
        return None
    exif = Image.Exif()
    exif.load(data)
    found: int | None = exif.get(_ORIENTATION)
    return found


def _pixels(path: Path, image: Image.Image, header: Header, reduced_to: tuple[int, int] | None) -> Image.Image:
    if image.mode == "F":
        raise DataError(f"{path} has floating-point samples, for which white is undefined; save it with 8 or 16 bits")
    _require_unsigned(path, image)
    if reduced_to is not None:
        width, height = (2 * side for side in reduced_to)
        on_its_side = header.orientation >= _FIRST_ON_ITS_SIDE
        image.draft(image.mode, (height, width) if on_its_side else (width, height))
    vars(image)["getexif"] = Image.Exif  # so that Pillow does not read metadata, or rotate, while it decodes
    image.load()
    if image.mode.startswith("I"):
        image = _grey(path, image)
    turn = _TURNS.get(header.orientation)
    upright = image if turn is None else image.transpose(turn)
    return upright if upright.mode == "RGB" else upright.convert("RGB")


def _require_unsigned(path: Path, image: Image.Image) -> None:
    """Raise DataError for signed and for 32-bit integers. Pillow opens signed 8-bit samples of a TIFF as unsigned."""
    tags = getattr(image, "tag_v2", None)
    if tags is None:
        return
    bits, is_signed = int(tags.get(_BITS, (1,))[0]), _SIGNED in tags.get(_SAMPLE_FORMAT, (1,))
    if is_signed or (bits > 16 and image.mode.startswith("I")):
        kind = f"{'signed ' if is_signed else ''}{bits}-bit integers"
        raise DataError(f"{path} has {kind}, for which white is undefined; save it as unsigned 8 or 16 bits")


def _is_deep(image: Image.Image) -> bool:
    """Whether a sample has more than 8 bits; Pillow opens 16-bit RGB as RGB, so only the raw mode shows it."""
    if image.mode.startswith("I"):
        return True
    tiles = getattr(image, "tile", [])
    return bool(tiles) and "16" in str(tiles[0][3])


def _grey(path: Path, image: Image.Image) -> Image.Image:
    """8-bit grey of an image with more bits, in any mode of Pillow's; `convert` would clip."""
    tags = getattr(image, "tag_v2", None)
    bits, is_negative = 16, False
    if tags is not None:
        bits, is_negative = int(tags.get(_BITS, (1,))[0]), tags.get(_PHOTOMETRIC) == 0  # 0 is white
    white = 2**bits - 1
    grey = np.asarray(image).astype(np.int64).clip(0, white)
    if is_negative:
        grey = white - grey
    return Image.fromarray(((grey * 255 + white // 2) // white).astype(np.uint8))
