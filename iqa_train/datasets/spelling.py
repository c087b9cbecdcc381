"""One name written in several ways: other letters, another Unicode form, characters that nobody sees."""

import os
import unicodedata


def clean(text: str) -> str:
    """`text` without invisible characters, and without blanks at its ends; others than a space become one."""
    if text.isascii():
        return text.strip()
    seen = (c for c in text if unicodedata.category(c) != "Cf")  # zero-width spaces, marks of order and direction
    return "".join(" " if c.isspace() and c not in "\n\r\t" else c for c in seen).strip()


def folded(name: str) -> str:
    """What all spellings of `name` have in common: in lower case, composed (NFC), without invisible characters."""
    if name.isascii():
        return name.strip().lower()
    text = unicodedata.normalize("NFC", clean(_decoded(name)))
    return unicodedata.normalize("NFC", text.lower())


def _decoded(name: str) -> str:
    """A file's name as text, whatever encoding this process takes for that of file names."""
    if not any("\udc80" <= c <= "\udcff" for c in name):
        return name
    try:
        data = os.fsencode(name)
    except UnicodeEncodeError:
        return name
    for encoding in ("utf-8", "cp1252"):  # unpacked from an archive that a Windows program made
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")
