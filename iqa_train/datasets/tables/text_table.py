"""Reads plain lists of a file name and a number per line, as older data sets publish them."""

import re
from pathlib import Path

from iqa_train.datasets.spelling import clean
from iqa_train.datasets.tables.open_text import read_table_text
from iqa_train.datasets.tables.records import Records
from iqa_train.errors import DataError

_BETWEEN = re.compile(r"[\s,;]+")


def read_words(path: Path, columns: tuple[str, ...]) -> Records:
    """Lines of as many words as there are `columns`, separated by blanks, tabs, commas or semicolons.

    A header (a first line without a digit), blank lines and Windows line ends are allowed. Raises DataError for a file
    that is missing, is not text, has other lines, or none.
    """
    source = read_table_text(path, "a UTF-8 text file", "put the data set's list there")
    lines = [(n, clean(line)) for n, line in enumerate(source.text.splitlines(), source.first_line)]
    rows = [(n, tuple(_BETWEEN.split(line))) for n, line in lines if line]
    if rows and not any(character.isdigit() for word in rows[0][1] for character in word):
        del rows[0]
    for n, words in rows:
        if len(words) != len(columns):
            raise DataError(f"{path}, row {n}: has {len(words)} words; expected: a line of {' and '.join(columns)}")
    if not rows:
        raise DataError(f"{path}: lists no image; expected: lines of {' and '.join(columns)}")
    return Records(path, columns, tuple(words for _, words in rows), tuple(n for n, _ in rows), source.notes)
