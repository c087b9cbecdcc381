"""Writes characters that an output's encoding cannot represent as escapes, instead of raising an error.

File names are bytes, which Python reads as lone surrogates if they cannot be decoded; terminals and pipes may be ASCII
or GBK. Both are written as \\uXXXX, in UTF-16 units, which JSON reads back as the same text.
"""

import codecs
import re
import sys

_BYTE = re.compile(r"\\u(dc[89a-f][0-9a-f])")


def escape(error: UnicodeError) -> tuple[str, int]:
    """The encoding error handler that is registered as `ESCAPED`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_escaped, error.object[error.start : error.end])), error.end


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


ESCAPED = "iqa-train-escape"
"""The value of `errors=` wherever text that may contain a file name is encoded."""
codecs.register_error(ESCAPED, escape)


def unescaped(text: str) -> str:
    """`text` with the escapes that `ESCAPED` writes for undecodable bytes undone."""
    return _BYTE.sub(lambda match: chr(int(match[1], 16)), text)


def name_bytes(text: str) -> bytes:
    """The bytes of a file name, for digests: the same whatever encoding Python uses for file names."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can contain
        return text.encode("utf-8", "surrogatepass")


def escape_outputs() -> None:
    """Make standard output and standard error accept any text, whatever their encoding."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=ESCAPED)
