"""AGIQA-3K: 2,982 generated pictures, scores on 0 to 5, higher is better.

    data.csv      name,prompt,adj1,adj2,style,mos_quality,std_quality,mos_align,std_align
    images/       the pictures, which may also be in AGIQA-3K/ or beside the table

The scores are for perceived quality, not for alignment with the prompt.
"""

from pathlib import Path

from iqa_train.datasets.image_files import folder_with_most_images, listed_images
from iqa_train.datasets.published.facts import DatasetFacts
from iqa_train.datasets.table import ImageTable
from iqa_train.datasets.tables.csv_table import read_csv

NAME = "agiqa-3k"
FACTS = DatasetFacts(
    name=NAME,
    title="AGIQA-3K",
    images=2_982,
    score_range=(0.0, 5.0),
    archives=("AGIQA-3K.zip", "data.csv"),
    citation='C. Li, Z. Zhang, H. Wu, W. Sun, X. Min, X. Liu, G. Zhai, W. Lin: "AGIQA-3K: An Open Database for '
    'AI-Generated Image Quality Assessment". IEEE Transactions on Circuits and Systems for Video Technology 34(8), '
    "6833-6846 (2024)",
    table="data.csv",
    holds="the pictures, in images/, in AGIQA-3K/ or beside it",
)
_FOLDERS = ("images", "AGIQA-3K", "")


def read(folder: Path) -> ImageTable:
    """AGIQA-3K in `folder`; no official split. Raises `DataError` if a file is missing or cannot be read."""
    home = FACTS.home(folder)
    records = read_csv(home / FACTS.table, ("name", "mos_quality"))
    root = folder_with_most_images([home / inside for inside in _FOLDERS], records.names("name", home))
    images, renamed = listed_images(records, "name", root)
    return ImageTable(
        name=NAME,
        root=root,
        images=images,
        scores=records.scores("mos_quality", FACTS.score_range),
        score_range=FACTS.score_range,
        sd=records.numbers("std_quality") if "std_quality" in records.columns else None,
        notes=(*records.notes, *renamed),
    )
