"""TID2013: 3,000 distorted versions of 25 reference images, scores on 0 to 9, higher is better.

mos_with_names.txt      a score and a name per line: 5.51429 I01_01_1.bmp
mos_std.txt             the standard deviations of the opinions, in the same order; may be missing
distorted_images/       names in mixed case: I01_01_1.bmp, i01_01_2.BMP
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from iqa_train.datasets.image_files import as_on_disk
from iqa_train.datasets.published.facts import DatasetFacts
from iqa_train.datasets.table import ImageTable
from iqa_train.datasets.tables.text_table import read_words
from iqa_train.errors import DataError

NAME = "tid2013"
SPREAD = "mos_std.txt"
FACTS = DatasetFacts(
    name=NAME,
    title="TID2013",
    images=3_000,
    references=25,
    score_range=(0.0, 9.0),
    archives=("tid2013.rar",),
    citation="N. Ponomarenko, L. Jin, O. Ieremeiev, V. Lukin, K. Egiazarian, J. Astola, B. Vozel, K. Chehdi, M. Carli, "
    'F. Battisti, C.-C. J. Kuo: "Image database TID2013: Peculiarities, results and perspectives". '
    "Signal Processing: Image Communication 30, 57-77 (2015)",
    table="mos_with_names.txt",
    holds="distorted_images/",
)


def read(folder: Path) -> ImageTable:
    """TID2013 in `folder`; no official split. Raises `DataError` if a file is missing or cannot be read."""
    home = FACTS.home(folder)
    root = FACTS.within(home, "distorted_images")
    records = read_words(home / FACTS.table, ("MOS", "name"))
    names = records.names("name")
    return ImageTable(
        name=NAME,
        root=root,
        images=as_on_disk(root, names),
        scores=records.scores("MOS", FACTS.score_range),
        score_range=FACTS.score_range,
        sd=_spread(home / SPREAD, len(names)),
        references=tuple(name.lower().partition("_")[0] for name in names),
        notes=records.notes,
    )


def _spread(path: Path, images: int) -> NDArray[np.float64] | None:
    if not path.is_file():
        return None
    values = read_words(path, ("SD",)).numbers("SD")
    if len(values) != images:
        raise DataError(f"{path}: has {len(values)} values for {images} images; take it from the same archive")
    return values
