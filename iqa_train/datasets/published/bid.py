"""BID, the Blurred Image Database: 586 photographs, scores on 0 to 5, higher is better.

DatabaseGrades.xlsx       a picture's number and its mean score, under a header of any words, or none
DatabaseImage0001.JPG     the pictures, beside the table or in folders
"""

from pathlib import Path

from iqa_train.datasets.image_files import as_on_disk, subfolders
from iqa_train.datasets.published.facts import DatasetFacts
from iqa_train.datasets.table import ImageTable
from iqa_train.datasets.tables.records import Records, is_number
from iqa_train.datasets.tables.xlsx import read_xlsx_by_place
from iqa_train.errors import DataError

NAME = "bid"
FACTS = DatasetFacts(
    name=NAME,
    title="BID",
    images=586,
    score_range=(0.0, 5.0),
    archives=("ImageDatabase (DatabaseGrades.xlsx, DatabaseImage0001.JPG to DatabaseImage0586.JPG)",),
    citation="A. Ciancio, A. L. N. T. da Costa, E. A. B. da Silva, A. Said, R. Samadani, P. Obrador: "
    '"No-Reference Blur Assessment of Digital Pictures Based on Multifeature Classifiers". '
    "IEEE Transactions on Image Processing 20(1), 64-75 (2011)",
    table="DatabaseGrades.xlsx",
    holds="DatabaseImage0001.JPG, ...",
)


def read(folder: Path) -> ImageTable:
    """BID in `folder`; no official split. Raises `DataError` if a file is missing or cannot be read."""
    home = FACTS.home(folder)
    records = read_xlsx_by_place(home / FACTS.table, ("number", "MOS"))
    rows = tuple(
        (_file(records.path, row[0], line), row[1]) for row, line in zip(records.rows, records.lines, strict=True)
    )
    records = Records(records.path, ("image", "MOS"), rows, records.lines)
    return ImageTable(
        name=NAME,
        root=home,
        images=as_on_disk(home, records.names("image"), subfolders(home)),
        scores=records.scores("MOS", FACTS.score_range),
        score_range=FACTS.score_range,
        resize=(512, 512),
    )


def _file(path: Path, number: object, line: int) -> str:
    """The file of a picture's number."""
    if not is_number(number) or not float(str(number)).is_integer() or not 1 <= float(str(number)) <= 9999:
        raise DataError(
            f'{path}, row {line}: "{number}" is not the number of a picture; expected: a whole number from 1'
        )
    return f"DatabaseImage{int(float(str(number))):04d}.JPG"
