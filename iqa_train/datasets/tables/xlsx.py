"""Reads Excel workbooks (.xlsx) of data sets."""

from collections.abc import Sequence
from pathlib import Path

from iqa_train.datasets.content_kind import instead
from iqa_train.datasets.spelling import clean
from iqa_train.datasets.tables.records import Records, import_reader, is_number
from iqa_train.errors import DataError

_TITLE_ROWS = 5  # rows above the first image, at most


def read_xlsx(path: Path, required: Sequence[str]) -> Records:
    """The first sheet of an Excel workbook, from the row that names the columns; `required` ones must be among them.

    Blank rows, and rows of a title above the header, are skipped. Raises DataError if no row names all of them.
    """
    rows = _cells(path)
    heads = [tuple("" if cell is None else clean(str(cell)) for cell in row) for _, row in rows[:_TITLE_ROWS]]
    at = next((k for k, head in enumerate(heads) if set(required) <= set(head)), 0)
    if len(rows) < at + 2:
        raise DataError(f"{path}: the first sheet has no rows under a header; expected: one row per image")
    records = _records(path, heads[at], rows[at + 1 :])
    records.require(required)
    return records


def read_xlsx_by_place(path: Path, columns: tuple[str, ...]) -> Records:
    """The first columns of the first sheet, named `columns`, with or without a header of any words.

    The first rows count as title and header as long as none of these cells is a number.
    """
    rows = [(n, row[: len(columns)]) for n, row in _cells(path)]
    heads = next((k for k, (_, row) in enumerate(rows) if any(is_number(cell) for cell in row)), len(rows))
    del rows[: min(heads, _TITLE_ROWS)]
    for n, row in rows:
        if len(row) < len(columns):
            raise DataError(f"{path}, row {n}: has fewer than {len(columns)} columns; expected: {', '.join(columns)}")
    rows = [(n, row) for n, row in rows if any(cell is not None for cell in row)]
    if not rows:
        raise DataError(f"{path}: the first sheet lists no image; expected: rows of {', '.join(columns)}")
    return _records(path, columns, rows)


def _records(path: Path, columns: tuple[str, ...], rows: list[tuple[int, tuple[object, ...]]]) -> Records:
    return Records(path, columns, tuple(row for _, row in rows), tuple(n for n, _ in rows))


def _cells(path: Path) -> list[tuple[int, tuple[object, ...]]]:
    """(row number from 1, cells) of each row of the first sheet that is not blank."""
    if not path.is_file():
        raise DataError(f"{path}: there is no such file; put the data set's table there")
    load_workbook = import_reader(path, "openpyxl", "openpyxl").load_workbook
    try:
        book = load_workbook(path, read_only=True, data_only=True)
        table = [tuple(row) for row in book.worksheets[0].iter_rows(values_only=True)]
        book.close()
    except Exception as error:  # noqa: BLE001 - openpyxl lets exceptions of its parser through: zlib.error, TypeError
        kind = instead(path, "a ZIP archive")
        if kind:
            raise DataError(f"{path}: is not an Excel workbook (.xlsx), but {kind}") from None
        raise DataError(f"{path}: is not an Excel workbook (.xlsx), or a damaged one: {error}") from None
    return [(n, row) for n, row in enumerate(table, 1) if any(_filled(cell) for cell in row)]


def _filled(cell: object) -> bool:
    return cell is not None and clean(str(cell)) != ""
