"""Words in cells of CSV files that people open in a spreadsheet: none of them is a formula there."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_QUOTE = "'"  # what spreadsheets themselves put before text


def plain_cell(text: str) -> str:
    """`text` with a quote before it where a spreadsheet would compute it; a number stays a number."""
    return _QUOTE + text if text.startswith(_FORMULA) and not _is_number(text) else text


def without_quote(text: str) -> str:
    """What `plain_cell` was given."""
    rest = text.removeprefix(_QUOTE)
    return rest if plain_cell(rest) == text else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.isascii() and not text[:1].isspace() and "_" not in text
