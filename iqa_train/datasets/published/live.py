"""LIVE, release 2: 779 distorted versions of 29 reference images, scores on 0 to 100, lower is better; reversed here.

    dmos_realigned.mat      dmos_new, the scores; orgs, 1 for a reference image among the distorted; dmos_std
    refnames_all.mat        refnames_all, the reference image of each
    jp2k/  jpeg/  wn/  gblur/  fastfading/      img1.bmp, img2.bmp, ...

The variables list the images of the folders in this order. Reference images are left out.
"""

from pathlib import Path

import numpy as np

from iqa_train.datasets.published.facts import DatasetFacts
from iqa_train.datasets.table import ImageTable
from iqa_train.datasets.tables.mat import read_mat, texts_of
from iqa_train.datasets.tables.records import Records
from iqa_train.errors import DataError

NAME = "live"
FOLDERS = {"jp2k": 227, "jpeg": 233, "wn": 174, "gblur": 174, "fastfading": 174}
FACTS = DatasetFacts(
    name=NAME,
    title="LIVE (release 2)",
    images=779,
    references=29,
    score_range=(0.0, 100.0),
    higher_is_better=False,
    archives=("databaserelease2.zip", "dmos_realigned.mat"),
    citation='H. R. Sheikh, M. F. Sabir, A. C. Bovik: "A Statistical Evaluation of Recent Full Reference Image Quality '
    'Assessment Algorithms". IEEE Transactions on Image Processing 15(11), 3440-3451 (2006)',
    table="dmos_realigned.mat",
    holds=f"refnames_all.mat, {', '.join(f'{name}/' for name in FOLDERS)}",
)
_SLACK = 20.0  # realigned scores of the best and the worst images are slightly outside the range


def read(folder: Path) -> ImageTable:
    """LIVE in `folder`; no official split. Raises `DataError` if a file is missing or cannot be read."""
    home = FACTS.home(folder)
    for name in FOLDERS:
        FACTS.within(home, name)
    table = home / FACTS.table
    values = read_mat(table, ["dmos_new", "orgs"], ["dmos_std"])
    values |= read_mat(home / "refnames_all.mat", ["refnames_all"])
    images = [f"{name}/img{k}.bmp" for name, count in FOLDERS.items() for k in range(1, count + 1)]
    for variable, cells in values.items():
        if len(cells) != len(images):
            where = home / "refnames_all.mat" if variable == "refnames_all" else table
            parts = ", ".join(f"{name} {count}" for name, count in FOLDERS.items())
            raise DataError(f"{where}: {variable} has {len(cells)} values; expected: {len(images)} ({parts})")
    damaged = np.flatnonzero(values["orgs"] == 0).tolist()
    if not damaged:
        raise DataError(f"{table}: orgs is 1 for every image; it must be 0 for distorted images")
    columns = {"image": images, "dmos_new": values["dmos_new"].tolist(), "ref": texts_of(values["refnames_all"])}
    rows = tuple(tuple(cells[k] for cells in columns.values()) for k in damaged)
    records = Records(table, tuple(columns), rows, tuple(k + 1 for k in damaged))
    low, high = FACTS.score_range
    return ImageTable(
        name=NAME,
        root=home,
        images=records.names("image"),
        scores=low + high - records.scores("dmos_new", (low - _SLACK, high + _SLACK)),
        score_range=(low, high),
        higher_is_better=FACTS.higher_is_better,
        sd=values["dmos_std"].astype(np.float64)[damaged] if "dmos_std" in values else None,
        references=tuple(name.lower() for name in records.texts("ref")),
    )
