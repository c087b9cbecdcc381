"""FLIVE (LIVE-FB, of PaQ-2-PiQ): about 39,800 photographs, scores on 0 to 100, higher is better.

labels_image.csv      name,mos,...; a name may begin with a folder: voc_emotic_ava/....jpg
database/             the images, which may also be beside the table
"""

from pathlib import Path

from iqa_train.datasets.image_files import folder_with_most_images, listed_images
from iqa_train.datasets.published.facts import DatasetFacts
from iqa_train.datasets.table import ImageTable
from iqa_train.datasets.tables.csv_table import read_csv

NAME = "flive"
FACTS = DatasetFacts(
    name=NAME,
    title="FLIVE (LIVE-FB)",
    images=39_810,
    score_range=(0.0, 100.0),
    archives=("FLIVE_Database (database/, labels_image.csv)",),
    citation='Z. Ying, H. Niu, P. Gupta, D. Mahajan, D. Ghadiyaram, A. C. Bovik: "From Patches to Pictures '
    '(PaQ-2-PiQ): Mapping the Perceptual Space of Picture Quality". IEEE/CVF Conference on Computer Vision and Pattern '
    "Recognition (CVPR), 3575-3585 (2020)",
    table="labels_image.csv",
    holds="database/",
)


def read(folder: Path) -> ImageTable:
    """FLIVE in `folder`; no official split. Raises `DataError` if a file is missing or cannot be read."""
    home = FACTS.home(folder)
    records = read_csv(home / FACTS.table, ("name", "mos"))
    root = folder_with_most_images([home / "database", home], records.names("name", home))
    images, renamed = listed_images(records, "name", root)
    return ImageTable(
        name=NAME,
        root=root,
        images=images,
        scores=records.scores("mos", FACTS.score_range),
        score_range=FACTS.score_range,
        resize=(512, 512),
        notes=(*records.notes, *renamed),
    )
