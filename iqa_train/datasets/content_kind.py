"""Recognises by its first bytes what a file is that should be a table or an image."""

import re
from pathlib import Path

HEAD = 1024
"""Bytes that are enough to recognise a file."""

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook (.xlsx)"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (.xls)"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"MATLAB 5.0 MAT-file", "a MATLAB file (.mat)"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file or a MATLAB 7.3 file (.mat)"),
    (b"\x93NUMPY", "a NumPy array (.npy)"),
    (b"PAR1", "a Parquet file"),
)
_HTML = re.compile(rb"<(!doctype\s+html|html|head|body|script)\b", re.IGNORECASE)
_HTML_START = re.compile(
    rb"<(table|meta|title|style|link|div|p|!--)(?![\w:])", re.IGNORECASE
)  # only at the start; elsewhere it may be part of a text
_LFS = b"version https://git-lfs.github.com/spec/"
_ANNEX = re.compile(rb"^\S*/?annex/objects/")


def content_kind(data: bytes) -> str:
    """In words, what a file that begins with `data` is; empty for plain text, an unknown format or an empty file.

    It knows what a failed download, a wrong file or a pointer to another store leaves, not all formats of images.
    """
    found = next((words for magic, words in _MAGIC if data.startswith(magic)), "")
    if found or not data:
        return found
    text = _ascii(data)
    if _HTML.search(text) or _HTML_START.match(text):
        return "an HTML page, such as a download that failed; download the file again"
    if text.startswith((b"<?xml", b"<Error", b"<svg")):
        return "an XML document, such as a download that failed; download the file again"
    if re.match(rb"[{]\s*[\"}]|\[\s*[\[{\"]", text):
        return "a JSON document"
    if text.startswith(_LFS):
        return "a Git LFS pointer; fetch the file with: git lfs pull"
    if _ANNEX.match(text):
        return "a git-annex pointer; fetch the file with: git annex get"
    return ""


def instead(path: Path, expected: str) -> str:
    """The kind of the file at `path` in words; empty if it is unknown or begins with `expected`."""
    try:
        with path.open("rb") as file:
            kind = content_kind(file.read(HEAD))
    except OSError:
        return ""
    return "" if kind.startswith(expected) else kind


def _ascii(data: bytes) -> bytes:
    """`data` without a byte order mark and leading blanks, and without the zero bytes of UTF-16."""
    start = data[:HEAD].removeprefix(b"\xef\xbb\xbf")
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        start = start[2:].replace(b"\0", b"")
    elif start[:2].count(0) == 1:
        start = start.replace(b"\0", b"")
    return start.lstrip()
