"""Compares names that are spelt differently: in case, in Unicode form, or in invisible characters."""

import os
import unicodedata


def clean(text: str) -> str:
    """`text` without invisible characters and without blanks at its ends; other blanks become spaces."""
    if text.isascii():
        return text.strip()
    seen = (c for c in text if unicodedata.category(c) != "Cf")  # zero-width spaces, marks of order and direction
    return "".join(" " if c.isspace() and c not in "\n\r\t" else c for c in seen).strip()


def folded(name: str) -> str:
    """The form that all spellings of `name` share: in lower case, composed (NFC), without invisible characters."""
    if name.isascii():
        return name.strip().lower()
    text = unicodedata.normalize("NFC", clean(_decoded(name)))
    return unicodedata.normalize("NFC", text.lower())


def _decoded(name: str) -> str:
    """A file name as text, whatever encoding this process uses for file names."""
    if not any("\udc80" <= c <= "\udcff" for c in name):
        return name
    try:
        data = os.fsencode(name)
    except UnicodeEncodeError:
        return name
    for encoding in ("utf-8", "cp1252"):  # the second: unpacked from an archive made on Windows
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")
