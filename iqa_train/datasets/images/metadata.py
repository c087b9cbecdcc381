"""Removes the metadata of image files that cannot be decoded because of them."""

import re
import struct
import zlib
from collections.abc import Iterator

_PNG = b"\x89PNG\r\n\x1a\n"
_SOS, _COMMENT = 0xDA, 0xFE
_KEPT_SEGMENTS = (0xE0, 0xEE)  # JFIF and Adobe, which specify how colours are stored
_JFIF, _JFIF_BYTES = 0xE0, 14  # the part that a decoder reads; a shorter segment is useless
_FILL = (0x00, 0xFF, 0x01, *range(0xD0, 0xD8))
_JPEG_SEGMENT = re.compile(rb"\xff+[\xc0-\xcf\xda-\xef\xfe]")
_JPEG_TABLES = re.compile(rb"\xff(\xdb\x00[\x43\x84\xc5]|\xc0\x00[\x0b\x11]|\xc2\x00[\x0b\x11])")  # DQT, SOF0, SOF2
_PNG_PIXELS = re.compile(rb".{4}(PLTE|IDAT)", re.DOTALL)
_WEBP_CHUNKS = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF"})
_WEBP_PIXELS = re.compile(b"VP8 |VP8L|ALPH|ANIM|ANMF")
_WEBP_METADATA = 0x20 | 0x04  # flags of VP8X: there is a colour profile, XMP
# TIFF tags that specify where the pixels are and how they are stored; not resolution, text, EXIF, GPS, XMP and ICC.
_TIFF_TAGS = frozenset(
    {254, 255, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 292, 293, 317, 320, 322, 323, 324, 325, 332, 338}
    | {339, 340, 341, 347, *range(512, 522), 529, 530, 531, 532}
)


def without_metadata(data: bytes) -> bytes | None:
    """The JPEG, PNG, TIFF or WebP file `data` without metadata; None for others, and if nothing can be removed."""
    stripped: bytes | None = None
    if data.startswith(b"\xff\xd8"):
        stripped = b"".join(_jpeg(data))
    elif data.startswith(_PNG):
        stripped = b"".join(_png(data))
    elif data[:4] in (b"II*\0", b"MM\0*"):
        stripped = _tiff(data)
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        stripped = _webp(data)
    return None if stripped == data else stripped


def _jpeg(data: bytes) -> Iterator[bytes]:
    yield data[:2]
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] not in (*_FILL, _SOS):
        marker = data[at + 1]
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        is_metadata = (0xE0 <= marker <= 0xEF and marker not in _KEPT_SEGMENTS) or marker == _COMMENT
        is_cut = marker == _JFIF and end < at + 4 + _JFIF_BYTES
        if (is_metadata or is_cut) and not _JPEG_SEGMENT.match(data, end):
            end = next((found.start() for found in _JPEG_TABLES.finditer(data, at + 4)), end)  # its size is damaged
        if not is_metadata and not is_cut:
            yield data[at:end]
        at = end
    yield data[at:]


def _png(data: bytes) -> Iterator[bytes]:
    """Only the critical chunks; transparency is dropped with the rest, as it would be after decoding."""
    yield _PNG
    at = len(_PNG)
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        is_ancillary = bool(data[at + 4] & 0x20)  # a lower-case letter
        if is_ancillary and zlib.crc32(data[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            end = next((found.start() for found in _PNG_PIXELS.finditer(data, at + 8)), end)  # or its size is damaged
        if end > len(data):
            break
        if not is_ancillary:
            yield data[at:end]
        at = end
    yield data[at:]


def _webp(data: bytes) -> bytes | None:
    """The chunks for pixels and their format, with the total size corrected; None if one of them is cut short.

    An intact EXIF chunk is kept, too: it does not prevent decoding, and may contain the orientation.
    """
    kept: list[bytes] = []
    at = 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sL", data, at)
        body = data[at + 8 : at + 8 + size]
        is_whole = len(body) == size
        if name in _WEBP_CHUNKS and not is_whole:
            return None
        if name not in _WEBP_CHUNKS and not (is_whole and _may_follow(data, at + 8 + size + size % 2, kept)):
            at = _pixels_after(data, at + 8)  # its size is damaged
            continue
        if name == b"VP8X" and body:
            body = bytes([body[0] & ~_WEBP_METADATA]) + body[1:]
        if name in _WEBP_CHUNKS or (name == b"EXIF" and is_whole):
            kept.append(data[at : at + 8] + body + bytes(size % 2))
        at += 8 + size + size % 2
    chunks = b"".join(kept)
    return b"RIFF" + struct.pack("<L", len(chunks) + 4) + b"WEBP" + chunks


def _may_follow(data: bytes, at: int, kept: list[bytes]) -> bool:
    """Whether a WebP chunk begins at `at`, or the file ends there after its pixels."""
    if at >= len(data):
        return any(_WEBP_PIXELS.match(chunk) for chunk in kept)
    return data[at : at + 4] in {b"ICCP", b"EXIF", b"XMP ", *_WEBP_CHUNKS}


def _pixels_after(data: bytes, at: int) -> int:
    """The offset of the next intact chunk of pixels; the end of the file if there is none."""
    for found in _WEBP_PIXELS.finditer(data, at):
        if found.end() + 4 + int.from_bytes(data[found.end() : found.end() + 4], "little") <= len(data):
            return found.start()
    return len(data)


def _tiff(data: bytes) -> bytes | None:
    """The file with its first directory shortened in place, so that all offsets stay valid."""
    order = "<" if data[:2] == b"II" else ">"
    try:
        (start,) = struct.unpack_from(f"{order}L", data, 4)
        (count,) = struct.unpack_from(f"{order}H", data, start)
        entries = [data[start + 2 + 12 * k : start + 14 + 12 * k] for k in range(count)]
        kept = [entry for entry in entries if struct.unpack_from(f"{order}H", entry)[0] in _TIFF_TAGS]
    except struct.error:  # cut short
        return None
    directory = struct.pack(f"{order}H", len(kept)) + b"".join(kept) + bytes(4)  # there is no next directory
    return data[:start] + directory + data[start + len(directory) :]
