"""Reads CSV files as data sets publish them and as spreadsheet programs save them."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from iqa_train.datasets.image_files import IMAGE_SUFFIXES
from iqa_train.datasets.spelling import clean
from iqa_train.datasets.tables.open_text import TableText, read_table_text
from iqa_train.datasets.tables.records import Records, is_number
from iqa_train.errors import DataError

_EXPECTED = "a UTF-8 CSV file"
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}

Row = tuple[int, list[str]]  # number of its first line in the file, cells


def read_csv(path: Path, required: Sequence[str] = ()) -> Records:
    """Read a table whose first row names the columns; `required` ones must be among them.

    Fields are separated by commas, or, with a note, by semicolons or tabs. Blank lines, and columns without a name and
    content, are skipped. Raises `DataError` if the file is missing, empty or not text, has rows of different lengths or
    an unclosed quote, names a column twice, or lacks one.
    """
    source = read_table_text(path, _EXPECTED, "put the data set's CSV there or name its folder")
    separator = source.separator or _separator(source.text, required)
    table = list(_rows(path, source, separator))
    if not table:
        raise DataError(f"{path}: the file is empty; its first row must name the columns")
    columns = [clean(cell) for cell in table[0][1]]
    rows = table[1:]
    for column in filter(None, columns):
        if columns.count(column) > 1:
            raise DataError(f'{path}: two columns are called "{column}"; rename one')
    width = max((k for k, column in enumerate(columns, 1) if column), default=0)
    for line, row in rows:
        _check(path, line, row, width, len(columns))
    kept = [k for k, column in enumerate(columns) if column]
    records = Records(
        path,
        tuple(columns[k] for k in kept),
        tuple(tuple(row[k] for k in kept) for _, row in rows),
        tuple(line for line, _ in rows),
        (*source.notes, *_note(path, source, separator)),
        decimal_comma=separator != ",",
    )
    records.require(required)
    if not rows:
        raise DataError(f"{path}: there is a header but no image; add a row for each image")
    return records


def _separator(text: str, required: Sequence[str]) -> str:
    """The separator that yields the required columns, else the one that yields most; a comma if in doubt."""
    found: dict[str, set[str]] = {}
    for separator in _SEPARATORS:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        try:
            head = next((row for row in reader if any(map(clean, row))), [])
        except csv.Error:  # reported when the rows are read
            head = []
        found[separator] = {clean(cell) for cell in head}
    wanted = set(required)
    return max(found, key=lambda one: (wanted <= found[one], len(found[one]) > 1 and len(found[one]), one == ","))


def _rows(path: Path, source: TableText, separator: str) -> Iterator[Row]:
    """Rows with any content. Raises DataError, with the line, for a quote that is not closed in its row."""
    lines = list(io.StringIO(source.text, newline=""))
    reader = csv.reader(lines, delimiter=separator)
    width = 0
    while True:
        first = reader.line_num
        line = source.first_line + first
        try:
            row = next(reader, None)
        except csv.Error:
            raise DataError(f"{path}, row {line}: {_too_long(reader.line_num - first)}") from None
        if row is None:
            break
        spanned = lines[first : reader.line_num]
        if len(spanned) > 1 and (not _is_strict(spanned, separator) or _is_several(row, spanned, separator, width)):
            raise DataError(f"{path}, row {line}: {_unclosed(row)}")
        if any(clean(cell) for cell in row):
            width = width or len(row)
            yield line, row


def _too_long(spans: int) -> str:
    """Why the csv module refused a field as too long; it spans several lines only because of an unclosed quote."""
    limit = f"{csv.field_size_limit():,} characters"
    return f"a field is longer than {limit}; shorten it" if spans == 1 else f"{_unclosed([])} (within {limit})"


def _unclosed(row: list[str]) -> str:
    cell = next((cell for cell in row if "\n" in cell or "\r" in cell), "")
    start = cell.splitlines()[0][:40] if cell.splitlines() else ""
    before = f' before "{start}"' if start else ""
    return f'a quote (") opens a field{before} and is not closed in that row; remove or close it'


def _is_strict(lines: list[str], separator: str) -> bool:
    """Whether the row in `lines` is closed and has no text after a closing quote, where another row's quote opens."""
    try:
        next(csv.reader(lines, delimiter=separator, strict=True))
    except csv.Error:
        return False
    return True


def _is_several(row: list[str], lines: list[str], separator: str, width: int) -> bool:
    """Whether `row`, which spans `lines`, is really several rows that two stray quotes have joined.

    The last line of a comment of several lines often has, with the columns after it, as many fields as a row; so that
    counts only if the first line has as many, too.
    """
    if not width or not any(map(clean, row)):
        return False
    if len(row) != width:
        return True
    fields = [[clean(field).strip('"') for field in line.split(separator)] for line in lines]
    alike = [_is_alike(row, found) for found in fields]
    named = (len(found) > 1 and Path(found[0]).suffix.lower() in IMAGE_SUFFIXES for found in fields[1:])
    return any(alike[1:-1]) or (alike[0] and alike[-1]) or any(named)


def _is_alike(row: list[str], fields: list[str]) -> bool:
    """Whether there are as many fields as in `row`, with numbers in the same places."""
    pairs = zip(row, fields, strict=False)
    return len(row) == len(fields) and all(is_number(two) for one, two in pairs if is_number(one))


def _check(path: Path, line: int, row: list[str], width: int, named: int) -> None:
    """Raise DataError for a row with fewer cells than the `width` named columns, or with content beyond the header."""
    if len(row) < width or any(clean(cell) for cell in row[named:]):
        raise DataError(
            f"{path}, row {line}: {len(row)} fields where the header has {width}; quote fields that contain commas"
        )


def _note(path: Path, source: TableText, separator: str) -> tuple[str, ...]:
    if separator == "," or source.separator:
        return ()
    return (f"{path.name} is separated by {_SEPARATORS[separator]}; commas in its numbers are decimal commas",)
