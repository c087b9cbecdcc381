"""Finds the line of a study file that a key stands on, for error messages. No answer rather than a wrong one."""

import re

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?$")


def line_of(text: str, table: str, key: str = "", index: int | None = None) -> int | None:
    """The line, from 1, of `key` in `[table]`, or in the `index`th `[[table]]`; without a key, that of the header.

    None where the scan cannot be sure: the key stands there several times, or the file has multi-line strings.
    """
    if '"""' in text or "'''" in text:
        return None
    lines = text.splitlines()
    start, end = _extent(lines, table, index)
    if start is None:
        return None
    if not key:
        return start + 1
    spelt = re.compile(rf"""(?:^|[\s{{,.])["']?{re.escape(key)}["']?\s*=""")
    hits = [n for n in range(start + 1, end) if spelt.search(_without_comment(lines[n]))]
    return hits[0] + 1 if len(hits) == 1 else None


def _extent(lines: list[str], table: str, index: int | None) -> tuple[int | None, int]:
    """Line of the table's header, from 0, and the line after its end; tables inside it belong to it."""
    start, seen = None, -1
    for n, line in enumerate(lines):
        header = _HEADER.match(line)
        if header is None:
            continue
        name = re.sub(r"[\s\"']", "", header[2])
        if name == table:
            seen += 1
        if start is not None and not name.startswith(table + "."):
            return start, n
        if start is None and name == table and seen == (index or 0):
            start = n
    return start, len(lines)


def _without_comment(line: str) -> str:
    return re.sub(r"""("[^"]*"|'[^']*')|#.*""", lambda m: m[1] or "", line)
