"""CSV files as data sets publish them and as spreadsheet programs save them."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from iqa_train.datasets.records import Records
from iqa_train.datasets.spelling import clean
from iqa_train.datasets.tabletext import TableText, read_table_text
from iqa_train.errors import DataError

_EXPECTED = "a UTF-8 CSV file"
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}

Row = tuple[int, list[str]]  # its first line in the file, its cells


def read_csv(path: Path, required: Sequence[str] = ()) -> Records:
    """Read a table whose first row names the columns, of which `required` must be there.

    Separated by commas; by semicolons or tabs, with a note, where these give the columns. Blank lines, and columns
    without a name and content, are skipped. Raises `DataError` when the file is missing, empty, not text, has ragged
    rows or a quote that is not closed, names a column twice, or lacks one.
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
        raise DataError(f"{path}: there is a header but not one image; add a row per image")
    return records


def _separator(text: str, required: Sequence[str]) -> str:
    """The one that gives the columns, else the one that gives several; a comma, if in doubt."""
    found: dict[str, set[str]] = {}
    for separator in _SEPARATORS:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        try:
            head = next((row for row in reader if any(map(clean, row))), [])
        except csv.Error:  # it is told when the rows are read
            head = []
        found[separator] = {clean(cell) for cell in head}
    wanted = set(required)
    return max(found, key=lambda one: (wanted <= found[one], len(found[one]) > 1 and len(found[one]), one == ","))


def _rows(path: Path, source: TableText, separator: str) -> Iterator[Row]:
    """Rows with any content. Raises DataError for a quote that is opened and not closed, with its line."""
    reader = csv.reader(io.StringIO(source.text, newline=""), delimiter=separator)
    width = last = spans = 0
    while True:
        line = source.first_line + reader.line_num
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise DataError(f"{path}, row {line}: {_unclosed([])} ({error})") from None
        if row is None:
            break
        last, spans = line, reader.line_num + source.first_line - line
        if not any(clean(cell) for cell in row):
            continue
        if spans > 1 and width and len(row) != width:
            raise DataError(f"{path}, row {line}: {_unclosed(row)}")
        width = width or len(row)
        yield line, row
    if spans > 1 and _is_open(source.text, last - source.first_line, separator):
        raise DataError(f"{path}, row {last}: {_unclosed([])}")


def _unclosed(row: list[str]) -> str:
    cell = next((cell for cell in row if "\n" in cell or "\r" in cell), "")
    start = cell.splitlines()[0][:40] if cell.splitlines() else ""
    before = f' before "{start}"' if start else ""
    return f'a quote (") opens a field{before} and is not closed in that row; take it away or close it'


def _is_open(text: str, skipped: int, separator: str) -> bool:
    """Whether the row that begins after `skipped` lines is ended by nothing but the end of the file."""
    lines = io.StringIO(text, newline="")
    for _ in range(skipped):
        next(lines)
    try:
        next(csv.reader(lines, delimiter=separator, strict=True))
    except csv.Error as error:
        return "unexpected end of data" in str(error)
    return False


def _check(path: Path, line: int, row: list[str], width: int, named: int) -> None:
    """Raise DataError for a row with too few cells for the `width` columns that have names, or with content beyond."""
    if len(row) < width or any(clean(cell) for cell in row[named:]):
        raise DataError(
            f"{path}, row {line}: {len(row)} fields where the header has {width}; put fields that hold commas in quotes"
        )


def _note(path: Path, source: TableText, separator: str) -> tuple[str, ...]:
    if separator == "," or source.separator:
        return ()
    return (f"{path.name} is separated by {_SEPARATORS[separator]}, and decimal commas in it are read as such",)
