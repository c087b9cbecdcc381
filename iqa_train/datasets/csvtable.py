"""CSV files as data sets publish them: with or without a byte order mark, any line ends, quoted fields."""

import csv
from collections.abc import Sequence
from pathlib import Path

from iqa_train.datasets.records import Records
from iqa_train.errors import DataError


def read_csv(path: Path, required: Sequence[str] = ()) -> Records:
    """Read a comma-separated UTF-8 file whose first row names the columns, of which `required` must be there.

    Blank lines are skipped. Raises `DataError` when the file is missing, empty, not text, has ragged rows, names a
    column twice, or lacks one.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            table = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file; put the data set's CSV there or name its folder") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise DataError(f"{path}: cannot be read as a UTF-8 CSV file: {reason}") from None
    if not table:
        raise DataError(f"{path}: the file is empty; its first row must name the columns")
    columns = tuple(cell.strip() for cell in table[0][1])
    if any("\0" in column for column in columns):
        raise DataError(f"{path}: is no text, but a binary or damaged file; expected is a UTF-8 CSV file")
    if len(columns) == 1 and (";" in columns[0] or "\t" in columns[0]):
        raise DataError(f"{path}: the columns are not separated by commas; save it as a comma-separated file")
    for column in columns:
        if columns.count(column) > 1:
            raise DataError(f'{path}: two columns are called "{column}"; rename one')
    rows = table[1:]
    for line, row in rows:
        if len(row) != len(columns):
            raise DataError(
                f"{path}, row {line}: {len(row)} fields where the header has {len(columns)}; "
                "put fields that hold commas in quotes"
            )
    records = Records(path, columns, tuple(tuple(row) for _, row in rows), tuple(line for line, _ in rows))
    records.require(required)
    if not rows:
        raise DataError(f"{path}: there is a header but not one image; add a row per image")
    return records
