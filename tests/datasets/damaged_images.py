"""Image files damaged in every way that a seed chooses: cut, flipped, with chunks and metadata changed."""

import io
import struct
import zlib
from collections.abc import Iterator
from functools import cache

import numpy as np
from PIL import Image

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
_SIZE = (24, 16)


def damaged_images(count: int, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """`count` files, each with a name that says how it came about."""
    for k in range(count):
        rng = np.random.default_rng([seed, k])
        form = FORMATS[k % len(FORMATS)]
        mode = str(rng.choice(["RGB", "L", "P", "RGBA", "CMYK"]))
        whole = _image(form, mode, int(rng.integers(0, 4)), odd_exif(rng) if rng.random() < 0.6 else b"")
        how, data = _damage(whole, rng)
        yield f"{k:05}-{mode}-{how}.{form.lower()}", data


def exif(orientation: bytes, kind: int = 3, count: int = 1, more: bytes = b"", entries: int = 1) -> bytes:
    """An EXIF block of an orientation of any type, and further entries of 12 bytes each."""
    entry = struct.pack("<HHL", 274, kind, count) + orientation[:4].ljust(4, b"\0")
    return b"Exif\0\0II*\0" + struct.pack("<LH", 8, entries) + entry + more + bytes(4)


def odd_exif(rng: np.random.Generator) -> bytes:
    """EXIF as broken cameras and programs write it."""
    pick = int(rng.integers(0, 9))
    value = int(rng.integers(0, 12))
    if pick == 0:
        return exif(struct.pack("<H", value))
    if pick == 1:
        return exif(b"6\0", 2, 2)
    if pick == 2:
        return exif(bytes([value]), 7)
    if pick == 3:
        return exif(struct.pack("<H", value), int(rng.integers(0, 14)), int(rng.integers(0, 5)))
    if pick == 4:  # a rational of negative or zero parts
        parts = rng.choice([-1, 0, 1, -(2**31), 72], 2).tolist()
        kind = int(rng.choice([5, 10]))
        more = struct.pack("<HHLL", 282, kind, 1, 38) + struct.pack("<HHL4s", 296, 3, 1, b"\2")
        return exif(struct.pack("<H", value), more=more, entries=3) + struct.pack("<ll", *parts)
    if pick == 5:
        return b"Exif\0\0" + rng.bytes(int(rng.integers(0, 60)))
    if pick == 6:
        return exif(struct.pack("<H", value), more=rng.bytes(36), entries=4)
    if pick == 7:  # further directories that lead nowhere, or round
        more = struct.pack("<HHLL", 34665, 4, 1, int(rng.choice([8, 2**31, 2**32 - 1])))
        return exif(struct.pack("<H", value), more=more, entries=2)
    return b"MM\0*" + rng.bytes(20)


@cache
def _pixels(mode: str) -> Image.Image:
    noise = np.random.default_rng(1).integers(0, 256, (_SIZE[1], _SIZE[0], 3), np.uint8)
    return Image.fromarray(noise).convert(mode)


@cache
def _plain(form: str, mode: str, variant: int) -> bytes:
    image = _pixels(mode)
    options: dict[str, object] = {}
    if form == "JPEG":
        image = image if mode in {"L", "CMYK"} else image.convert("RGB")
        options = {"progressive": variant % 2 == 0, "quality": 70, "icc_profile": b"no profile" if variant else None}
    elif form == "TIFF":
        options = {"compression": (None, "tiff_lzw", "packbits", "tiff_adobe_deflate")[variant]}
    elif form == "WEBP":
        image = image.convert("RGBA" if mode == "RGBA" else "RGB")
        options = {"lossless": variant % 2 == 0}
    elif form in {"PNG", "BMP", "GIF"}:
        image = image.convert("RGB") if mode == "CMYK" else image
        if variant == 3 and form != "BMP":
            options = {"save_all": True, "append_images": [image.transpose(Image.Transpose.ROTATE_180)]}
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def _image(form: str, mode: str, variant: int, block: bytes) -> bytes:
    data = _plain(form, mode, variant)
    return with_exif(form, data, block, variant) if block else data


def with_exif(form: str, data: bytes, block: bytes, variant: int = 0) -> bytes:
    """The file `data` with an EXIF block in the way of its format, whatever the block holds."""
    if form == "JPEG":
        return data[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + data[2:]
    if form == "PNG":
        body = block.removeprefix(b"Exif\0\0")
        name, place = b"eXIf", 33 if variant % 2 else len(data) - 12
        if variant > 1:
            name = b"zTXt"
            text = f"\nexif\n{len(block):8}\n{block.hex()}\n".encode()
            body = b"Raw profile type exif\0\0" + zlib.compress(text)
        return data[:place] + png_chunk(name, body) + data[place:]
    if form == "WEBP":
        file = io.BytesIO()
        with Image.open(io.BytesIO(data)) as image:
            image.save(file, "WEBP", exif=block, lossless=True)
        return file.getvalue()
    if form == "TIFF":
        return _tiff_with(data, block.removeprefix(b"Exif\0\0"))
    return data


def _tiff_with(data: bytes, block: bytes) -> bytes:
    """A new first directory behind the file, which has the block's entries as well."""
    (start,) = struct.unpack_from("<L", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    entries = [bytes(data[start + 2 + 12 * k : start + 14 + 12 * k]) for k in range(count)]
    entries += [block[at : at + 12] for at in range(10, len(block) - 11, 12)]
    directory = (
        struct.pack("<H", len(entries)) + b"".join(sorted(entries, key=lambda one: bytes(one[1::-1]))) + bytes(4)
    )
    padded = data + bytes(len(data) % 2)
    return padded[:4] + struct.pack("<L", len(padded)) + padded[8:] + directory


def png_chunk(name: bytes, body: bytes) -> bytes:
    """A chunk with a checksum that is right."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _damage(whole: bytes, rng: np.random.Generator) -> tuple[str, bytes]:
    how = str(rng.choice(["whole", "cut", "flip", "flips", "head", "zeros", "drop", "double", "insert", "swap"]))
    data = bytearray(whole)
    at = int(rng.integers(0, len(data)))
    length = int(rng.integers(1, 40))
    if how == "cut":
        del data[at:]
    elif how == "flip":
        data[at] ^= 1 << int(rng.integers(0, 8))
    elif how == "flips":
        for place in rng.integers(0, len(data), 8).tolist():
            data[place] = int(rng.integers(0, 256))
    elif how == "head":
        data[at % 64] = int(rng.integers(0, 256))
    elif how == "zeros":
        data[at : at + length] = bytes(len(data[at : at + length]))
    elif how == "drop":
        del data[at : at + length]
    elif how == "double":
        data[at:at] = data[at : at + length]
    elif how == "insert":
        data[at:at] = rng.bytes(length)
    elif how == "swap":
        other = int(rng.integers(0, len(data)))
        data[at : at + 4], data[other : other + 4] = data[other : other + 4], data[at : at + 4]
    return how, bytes(data)
