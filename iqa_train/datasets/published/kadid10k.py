"""KADID-10k: 10,125 distorted versions of 81 reference images, scores on 1 to 5; higher is better, despite their name.

dmos.csv      dist_img,ref_img,dmos,var
images/       the distorted images, I01_01_01.png, and the reference images, I01.png, which have no score
"""

from pathlib import Path

import numpy as np

from iqa_train.datasets.image_files import as_on_disk
from iqa_train.datasets.published.facts import DatasetFacts
from iqa_train.datasets.table import ImageTable
from iqa_train.datasets.tables.csv_table import read_csv

NAME = "kadid-10k"
FACTS = DatasetFacts(
    name=NAME,
    title="KADID-10k",
    images=10_125,
    references=81,
    score_range=(1.0, 5.0),
    archives=("kadid10k.zip",),
    citation='H. Lin, V. Hosu, D. Saupe: "KADID-10k: A Large-scale Artificially Distorted IQA Database". '
    "International Conference on Quality of Multimedia Experience (QoMEX), 1-3 (2019)",
    table="dmos.csv",
    holds="images/",
)
_LARGEST_VARIANCE = 4.0  # of opinions on 1 to 5
_VOTES = 30.0  # on each image (Lin et al. 2019)


def read(folder: Path) -> ImageTable:
    """KADID-10k in `folder`; no official split. Raises `DataError` if a file is missing or cannot be read."""
    home = FACTS.home(folder)
    root = FACTS.within(home, "images")
    records = read_csv(home / FACTS.table, ("dist_img", "ref_img", "dmos"))
    spread = np.sqrt(records.scores("var", (0.0, _LARGEST_VARIANCE))) if "var" in records.columns else None
    return ImageTable(
        name=NAME,
        root=root,
        images=as_on_disk(root, records.names("dist_img")),
        scores=records.scores("dmos", FACTS.score_range),
        score_range=FACTS.score_range,
        sd=spread,
        votes=np.full(len(records), _VOTES),
        references=tuple(name.lower() for name in records.texts("ref_img")),
        notes=records.notes,
    )
