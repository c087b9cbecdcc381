"""CSIQ: 866 distorted versions of 30 reference images, scores on 0 to 1, lower is better as published; reversed here.

csiq_label.txt      a name and a score a line: 1600.AWGN.1.png 0.062, the name with or without .png
dst_imgs/           the distorted images, in one folder or in one for each distortion (awgn/, blur/, ...);
                    or dst_imgs_all/, as programs of the HyperIQA family have it
src_imgs/           the reference images, 1600.png, which are not used
"""

from pathlib import Path

from iqa_train.datasets.image_files import as_on_disk, subfolders
from iqa_train.datasets.published.facts import DatasetFacts
from iqa_train.datasets.table import ImageTable
from iqa_train.datasets.tables.text_table import read_words

NAME = "csiq"
SUFFIX = ".png"
_REPACKED = "dst_imgs_all"
FACTS = DatasetFacts(
    name=NAME,
    title="CSIQ",
    images=866,
    references=30,
    score_range=(0.0, 1.0),
    higher_is_better=False,
    archives=("dst_imgs.zip", "src_imgs.zip", "csiq_label.txt (from csiq.DMOS.xlsx)"),
    citation='E. C. Larson, D. M. Chandler: "Most apparent distortion: full-reference image quality assessment and the '
    'role of strategy". Journal of Electronic Imaging 19(1), 011006 (2010)',
    table="csiq_label.txt",
    holds="dst_imgs/",
)


def read(folder: Path) -> ImageTable:
    """CSIQ in `folder`; no official split. Raises `DataError` if a file is missing or cannot be read."""
    home = FACTS.home(folder)
    root = home / _REPACKED if (home / _REPACKED).is_dir() else FACTS.within(home, "dst_imgs")
    records = read_words(home / FACTS.table, ("name", "score"))
    listed = [name.rpartition("/")[2] for name in records.names("name")]
    names = [name if name.lower().endswith(SUFFIX) else name + SUFFIX for name in listed]
    low, high = FACTS.score_range
    return ImageTable(
        name=NAME,
        root=root,
        images=as_on_disk(root, names, subfolders(root)),
        scores=low + high - records.scores("score", (low, high)),
        score_range=(low, high),
        higher_is_better=FACTS.higher_is_better,
        references=tuple(name.partition(".")[0].lower() for name in names),
        notes=records.notes,
    )
