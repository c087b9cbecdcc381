"""SPAQ, as published: 11,125 smartphone photographs of up to 13 megapixels, scores on 0 to 100, higher is better.

Source: Fang, Zhu, Zeng, Ma & Wang, "Perceptual quality assessment of smartphone photography", CVPR 2020.

    Annotations/MOS and Image attribute scores.xlsx      Image name,MOS,Brightness,...
    TestImage/
"""

from pathlib import Path
from zipfile import BadZipFile

from iqa_train.datasets.records import Records
from iqa_train.datasets.table import ImageTable
from iqa_train.errors import DataError

NAME = "spaq"
TABLE = "Annotations/MOS and Image attribute scores.xlsx"
FOLDER = "TestImage"
_RANGE = (0.0, 100.0)


def read_spaq(folder: Path) -> ImageTable:
    """SPAQ in `folder`; no official split. Raises `DataError` when folder or table is missing or does not read."""
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder; unpack SPAQ there (Annotations/ and {FOLDER}/)")
    if not (folder / FOLDER).is_dir():
        raise DataError(f"{folder}: there is no {FOLDER}/; unpack SPAQ's images there")
    records = read_xlsx(folder / TABLE)
    records.require(("Image name", "MOS"))
    return ImageTable(
        name=NAME,
        root=folder / FOLDER,
        images=records.names("Image name"),
        scores=records.scores("MOS", _RANGE),
        score_range=_RANGE,
        resize=(512, 384),
    )


def read_xlsx(path: Path) -> Records:
    """The first sheet of an Excel workbook whose first row names the columns; blank rows are skipped."""
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    if not path.is_file():
        raise DataError(f"{path}: there is no such file; put the data set's table there")
    try:
        book = load_workbook(path, read_only=True, data_only=True)
        table = [tuple(row) for row in book.worksheets[0].iter_rows(values_only=True)]
        book.close()
    except (BadZipFile, InvalidFileException, KeyError, IndexError, ValueError, OSError, SyntaxError) as error:
        raise DataError(f"{path}: is no Excel workbook (.xlsx), or a damaged one: {error}") from None
    rows = [(n, row) for n, row in enumerate(table, 1) if any(cell is not None for cell in row)]
    if len(rows) < 2:
        raise DataError(f"{path}: the first sheet has no rows under a header")
    columns = tuple("" if cell is None else str(cell).strip() for cell in rows[0][1])
    return Records(path, columns, tuple(row for _, row in rows[1:]), tuple(n for n, _ in rows[1:]))
