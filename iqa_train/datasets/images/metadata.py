"""An image file without what says nothing of its pixels, for one whose metadata keep it from being decoded."""

import struct
from collections.abc import Iterator

_PNG = b"\x89PNG\r\n\x1a\n"
_SOS, _COMMENT = 0xDA, 0xFE
_KEPT_SEGMENTS = (0xE0, 0xEE)  # JFIF and Adobe say how colours are stored
_JFIF, _JFIF_BYTES = 0xE0, 14  # what a decoder reads of it; a shorter one says nothing
_FILL = (0x00, 0xFF, 0x01, *range(0xD0, 0xD8))
_WEBP_CHUNKS = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF"})
_WEBP_METADATA = 0x20 | 0x04  # flags of VP8X: there is a colour profile, XMP
# TIFF tags that say where the pixels are and how they are stored; resolution, text, EXIF, GPS, XMP and ICC are not.
_TIFF_TAGS = frozenset(
    {254, 255, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 292, 293, 317, 320, 322, 323, 324, 325, 332, 338}
    | {339, 340, 341, 347, *range(512, 522), 529, 530, 531, 532}
)


def without_metadata(data: bytes) -> bytes | None:
    """The JPEG, PNG, TIFF or WebP file `data` without metadata; None for others and where nothing can be left out."""
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
        is_metadata = 0xE0 <= marker <= 0xEF and marker not in _KEPT_SEGMENTS
        is_cut = marker == _JFIF and end < at + 4 + _JFIF_BYTES
        if not is_metadata and not is_cut and marker != _COMMENT:
            yield data[at:end]
        at = end
    yield data[at:]


def _png(data: bytes) -> Iterator[bytes]:
    """Only chunks that a decoder must know; transparency is dropped with the rest, as it is after decoding."""
    yield _PNG
    at = len(_PNG)
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data):
            break
        if not data[at + 4] & 0x20:  # a lower-case letter: ancillary
            yield data[at:end]
        at = end
    yield data[at:]


def _webp(data: bytes) -> bytes | None:
    """The chunks that hold pixels or say how they are stored, under a size that is theirs; None if one is cut short.

    And EXIF that is whole: it keeps no file from being decoded, and may say which side is up.
    """
    kept = []
    at = 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sL", data, at)
        body = data[at + 8 : at + 8 + size]
        is_whole = len(body) == size
        if name in _WEBP_CHUNKS and not is_whole:
            return None
        if name == b"VP8X" and body:
            body = bytes([body[0] & ~_WEBP_METADATA]) + body[1:]
        if name in _WEBP_CHUNKS or (name == b"EXIF" and is_whole):
            kept.append(data[at : at + 8] + body + bytes(size % 2))
        at += 8 + size + size % 2
    chunks = b"".join(kept)
    return b"RIFF" + struct.pack("<L", len(chunks) + 4) + b"WEBP" + chunks


def _tiff(data: bytes) -> bytes | None:
    """The first directory shortened in its place, so that every offset stays right."""
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
