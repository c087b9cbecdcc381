"""SPAQ: 11,125 smartphone photographs of up to 13 megapixels, scores on 0 to 100, higher is better.

Annotations/MOS and Image attribute scores.xlsx      Image name,MOS,Brightness,...
TestImage/
"""

from pathlib import Path

from iqa_train.datasets.image_files import as_on_disk
from iqa_train.datasets.published.facts import DatasetFacts
from iqa_train.datasets.table import ImageTable
from iqa_train.datasets.tables.xlsx import read_xlsx

NAME = "spaq"
FOLDER = "TestImage"
FACTS = DatasetFacts(
    name=NAME,
    title="SPAQ",
    images=11_125,
    score_range=(0.0, 100.0),
    archives=("SPAQ.zip",),
    citation='Y. Fang, H. Zhu, Y. Zeng, K. Ma, Z. Wang: "Perceptual Quality Assessment of Smartphone Photography". '
    "IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR), 3677-3686 (2020)",
    table="Annotations/MOS and Image attribute scores.xlsx",
    holds=f"{FOLDER}/",
)


def read(folder: Path) -> ImageTable:
    """SPAQ in `folder`; no official split. Raises `DataError` if a file is missing or cannot be read."""
    home = FACTS.home(folder)
    root = FACTS.within(home, FOLDER)
    records = read_xlsx(home / FACTS.table, ("Image name", "MOS"))
    return ImageTable(
        name=NAME,
        root=root,
        images=as_on_disk(root, records.names("Image name")),
        scores=records.scores("MOS", FACTS.score_range),
        score_range=FACTS.score_range,
        resize=(512, 384),
    )
