"""What an output's encoding cannot hold is written as an escape: nothing is lost, and nothing raises an error.

File names are bytes, and Python reads those that are no text as lone surrogates; terminals and pipes may be ASCII or
GBK. Either is written as \\uXXXX, in UTF-16 units, which JSON reads back as the same text.
"""

import codecs
import re
import sys

_BYTE = re.compile(r"\\u(dc[89a-f][0-9a-f])")


def escape(error: UnicodeError) -> tuple[str, int]:
    """The handler of errors when text is encoded, registered as `ESCAPED`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_escaped, error.object[error.start : error.end])), error.end


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


ESCAPED = "iqa-train-escape"
"""For `errors=` wherever text that may hold a file's name is encoded."""
codecs.register_error(ESCAPED, escape)


def unescaped(text: str) -> str:
    """`text` with the escapes of bytes that are no text, as `ESCAPED` writes them into a table, undone."""
    return _BYTE.sub(lambda match: chr(int(match[1], 16)), text)


def name_bytes(text: str) -> bytes:
    """The bytes of a file's name, for digests: the same whatever encoding Python takes for that of file names."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a character, as JSON can hold it
        return text.encode("utf-8", "surrogatepass")


def escape_outputs() -> None:
    """Let standard output and standard error, whatever their encoding, take any text."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=ESCAPED)
