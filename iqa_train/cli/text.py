"""Messages and text tables; nothing from a file reaches the terminal unfiltered."""

import contextlib
import os
import sys
import unicodedata
from collections.abc import Sequence
from typing import TextIO


def say(text: str, stream: TextIO | None = None) -> None:
    """Print, to stderr by default; a closed pipe is ignored."""
    with contextlib.suppress(OSError, ValueError):
        print(text, file=stream or sys.stderr, flush=True)


def output_width() -> int | None:
    """The width of the terminal, None if stdout is not one."""
    return terminal_width() if sys.stdout.isatty() else None


def terminal_width() -> int:
    """$COLUMNS, else the width of the terminal, else 80: as shutil.get_terminal_size, which is slow to import."""
    with contextlib.suppress(ValueError):
        if (columns := int(os.environ.get("COLUMNS", "0"))) > 0:
            return columns
    with contextlib.suppress(AttributeError, ValueError, OSError):
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80  # type: ignore[union-attr]
    return 80


def plain(text: str) -> str:
    """`text` on one line, without control characters."""
    return "".join(" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c)[0] != "C")


def text_table(head: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None) -> list[str]:
    """The lines of a table, columns as wide as needed, cut at `width` characters."""
    clean = [[plain(cell) for cell in row] for row in rows]
    widths = [max(len(line[k]) for line in [head, *clean]) for k in range(len(head))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in [head, *clean]]
    lines.insert(1, "-" * max(map(len, lines)))
    return [line if width is None or len(line) <= width else line[: width - 1] + "…" for line in lines]
