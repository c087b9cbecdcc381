"""Parses numbers in logs: with decimal commas, with exponents, and words such as nan."""

import math
import re
from collections.abc import Sequence

_ROW = re.compile(r"\s*\d{1,6}(?:/\d{1,6})?:?[\t ;|]")
_COMMA = re.compile(r"(?<![\d.,])-?[01],\d{2,}")
_SURE_COMMA = re.compile(r"(?<![\d.,])(-?0|-?1(?!,\d{3}(?!\d))),(\d{2,18})(?!\d|[.,]\d)")  # 1,234 may be 1234
_POINT = re.compile(r"(?<![\d.,])-?[01]\.\d{2,}(?![\d,])")
_DECIMAL_COMMA = re.compile(r"(?<![\d.,])(\d{1,12}),(\d{1,18})(?![\d]|[.,]\d)")
_GROUPED = re.compile(r"(?<![\d.,])\d{1,3}(?:\.\d{3})+(?=,\d)")
_NUMBER = re.compile(r"[-+]?(?:\d{1,20}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][-+]?\d{1,4})?", re.ASCII)
_GROUPS = re.compile(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_NO_NUMBER = re.compile(
    r"[-+]?(?:nan|inf|infinity|none|null|n/?a|1\.#(?:qnan|snan|ind|inf)\d*|1\.#j\d*)|-{1,3}|[\u2013\u2014]",
    re.IGNORECASE,
)


def with_points(texts: Sequence[str]) -> list[str]:
    """The lines with decimal points, if the numbers in the rows of the table have decimal commas.

    If a log has both kinds, each number is decided for itself; without rows that show it, commas stay.
    """
    rows = [text for text in texts if _ROW.match(text)]
    if not any(_COMMA.search(row) for row in rows):
        return list(texts)
    if not any(_POINT.search(row) for row in rows):
        return [_pointed(text) for text in texts]
    if any(map(_is_mixed, rows)):
        return [_SURE_COMMA.sub(r"\1.\2", text) for text in texts]
    return [_pointed(text) if _COMMA.search(text) and not _POINT.search(text) else text for text in texts]


def has_commas(row: str) -> bool:
    """Whether a number in the row certainly has a decimal comma."""
    return _DECIMAL_COMMA.search(row) is not None


def _is_mixed(row: str) -> bool:
    return _COMMA.search(row) is not None and _POINT.search(row) is not None


def _pointed(text: str) -> str:
    return _DECIMAL_COMMA.sub(r"\1.\2", _GROUPED.sub(lambda found: found[0].replace(".", ""), text))


def number(cell: str) -> float | None:
    """The number; None for nan, inf and the like. Raises ValueError for text that is not a number."""
    plain = cell.strip().replace("\u2212", "-")
    if _NO_NUMBER.fullmatch(plain):
        return None
    if _GROUPS.fullmatch(plain) and ("." in plain or plain.count(",") > 1):
        plain = plain.replace(",", "")
    plain = re.sub(r"(?<=[\d.])[dD](?=[-+]?\d)", "e", plain)
    if not _NUMBER.fullmatch(plain):
        raise ValueError(f"{cell} is not a number")
    value = float(plain)
    return value if math.isfinite(value) else None


def decimals(cell: str) -> tuple[bool, int] | None:
    """Whether the number has an exponent, and how many decimals it is written with; None if it is not finite."""
    try:
        if number(cell) is None:
            return None
    except ValueError:
        return None
    mantissa, _, exponent = re.sub("[dD]", "e", cell.lower()).partition("e")
    return bool(exponent.lstrip("+-").strip("0")), len(mantissa.partition(".")[2])
