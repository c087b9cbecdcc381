"""Keeps text in CSV files from being read as a formula when the file is opened in a spreadsheet."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_QUOTE = "'"  # what spreadsheets themselves put before text


def plain_cell(text: str) -> str:
    """`text`, with a quote before it if a spreadsheet would take it for a formula; numbers are left alone."""
    return _QUOTE + text if text.startswith(_FORMULA) and not _is_number(text) else text


def without_quote(text: str) -> str:
    """The inverse of `plain_cell`."""
    rest = text.removeprefix(_QUOTE)
    return rest if plain_cell(rest) == text else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.isascii() and not text[:1].isspace() and "_" not in text
