"""Opens tables that are text files: recognises other files, the encoding, and a declared separator."""

import codecs
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from iqa_train.datasets.content_kind import content_kind
from iqa_train.errors import DataError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark is the beginning of this one
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED = re.compile(r"\A(?:[ \t\r\n]*[\r\n])?\"?sep *= *(\\t|[^\w\s\"]|\t)\"?[,;\t ]*(?:\r\n|\r|\n)", re.IGNORECASE)
_LINE_END = re.compile(r"\r\n|\r|\n")
_LOOKED_AT = 512  # bytes, to recognise UTF-16 without a byte order mark


@dataclass(frozen=True)
class TableText:
    """The text of a table. `separator` is the one that a line `sep=` declares, empty without such a line.

    `first_line` is the number in the file of the first line of `text`. `notes` are sentences about irregularities.
    """

    text: str
    separator: str
    first_line: int
    notes: tuple[str, ...]


def read_table_text(path: Path, expected: str, missing: str) -> TableText:
    """The text in `path`: UTF-8 or UTF-16, with or without a byte order mark, else Windows-1252, with a note.

    `expected` is what the file should be, with an article ("a UTF-8 CSV file"), and `missing` what to do if there is
    none. Raises DataError for a file that is missing, cannot be read, is not text, or is another kind of document.
    """
    data = _bytes(path, expected, missing)
    kind = content_kind(data)
    if kind and not (kind == "a JSON document" and "JSON" in expected):
        raise DataError(f"{path}: is not a table, but {kind}; expected: {expected}")
    text, notes = _decoded(path, data, expected)
    if "\0" in text:
        raise DataError(f"{path}: is not text, but a binary or damaged file; expected: {expected}")
    text = text.lstrip("\ufeff")
    declared = _DECLARED.match(text)
    if declared is None:
        return TableText(text, "", 1, notes)
    separator = "\t" if declared[1] == r"\t" else declared[1]
    return TableText(text[declared.end() :], separator, len(_LINE_END.findall(declared[0])) + 1, notes)


def _bytes(path: Path, expected: str, missing: str) -> bytes:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise DataError(f"{path}: cannot be read as {expected}: it is not a file")
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file; {missing}") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read as {expected}: {error.strerror}") from None


def _decoded(path: Path, data: bytes, expected: str) -> tuple[str, tuple[str, ...]]:
    encoding, start = _encoding(data)
    try:
        text = data[start:].decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, start + error.start) + 1
        if encoding != "utf-8" or start:
            raise DataError(f"{path}: cannot be read as {expected}: {encoding} fails in line {line}") from None
    else:
        if encoding != "utf-8" and not any(c in text for c in " ,;\t\r\n"):
            raise DataError(f"{path}: cannot be read as {expected}: it begins as {encoding}, but has no lines")
        return text, ()
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        text = ""
    if not text or any(c < " " and c not in "\t\r\n\f" for c in text):
        raise DataError(f"{path}: cannot be read as {expected}: line {line} has bytes of another encoding")
    return text, (
        f"{path.name} is not UTF-8 (line {line}) and is read as Windows-1252; if names are wrong, save it as UTF-8",
    )


def _encoding(data: bytes) -> tuple[str, int]:
    """The encoding, by a byte order mark or by zeros between the bytes of ASCII; and the length of the mark."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding, len(mark)
    start = data[:_LOOKED_AT]
    if len(start) >= 4 and len(data) % 2 == 0:
        even, odd = start[::2].count(0), start[1::2].count(0)
        if even == 0 and odd > len(start) * 3 // 8:
            return "utf-16-le", 0
        if odd == 0 and even > len(start) * 3 // 8:
            return "utf-16-be", 0
    return "utf-8", 0
