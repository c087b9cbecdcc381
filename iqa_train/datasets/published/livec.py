"""LIVE In the Wild Image Quality Challenge (LIVEC): 1,162 photographs, scores on 0 to 100, higher is better.

The first 7 of the 1,169 listed images trained the raters and are left out.

    Data/AllImages_release.mat  AllMOS_release.mat  AllStdDev_release.mat      each has a variable of its own name
    Images/
"""

from pathlib import Path

from iqa_train.datasets.published.facts import DatasetFacts
from iqa_train.datasets.table import ImageTable
from iqa_train.datasets.tables.mat import read_mat, texts_of
from iqa_train.datasets.tables.records import Records
from iqa_train.errors import DataError

NAME = "livec"
TRAINING_EXAMPLES = 7
FACTS = DatasetFacts(
    name=NAME,
    title="LIVE In the Wild (LIVEC)",
    images=1_162,
    score_range=(0.0, 100.0),
    archives=("ChallengeDB_release.zip",),
    citation='D. Ghadiyaram, A. C. Bovik: "Massive Online Crowdsourced Study of Subjective and Objective Picture '
    'Quality". IEEE Transactions on Image Processing 25(1), 372-387 (2016)',
    table="Data/AllMOS_release.mat",
    holds="Images/",
)


def read(folder: Path) -> ImageTable:
    """LIVEC in `folder`; no official split. Raises `DataError` if a file is missing or cannot be read."""
    home = FACTS.home(folder)
    root = FACTS.within(home, "Images")
    stems = {"image": "AllImages_release", "MOS": "AllMOS_release", "SD": "AllStdDev_release"}
    values = {column: read_mat(home / "Data" / f"{stem}.mat", [stem])[stem] for column, stem in stems.items()}
    names = texts_of(values["image"])
    for column, stem in stems.items():
        if len(values[column]) != len(names):
            raise DataError(
                f"{home / 'Data' / stem}.mat: has {len(values[column])} values for {len(names)} images; "
                "take the three files from the same archive"
            )
    rows = tuple(zip(names, values["MOS"].tolist(), values["SD"].tolist(), strict=True))[TRAINING_EXAMPLES:]
    if not rows:
        raise DataError(
            f"{home}: lists {len(names)} images, of which the first {TRAINING_EXAMPLES} only trained the raters; take "
            "the files from the whole archive"
        )
    lines = tuple(range(TRAINING_EXAMPLES + 1, len(names) + 1))
    records = Records(home / "Data", ("image", "MOS", "SD"), rows, lines)
    return ImageTable(
        name=NAME,
        root=root,
        images=records.names("image"),
        scores=records.scores("MOS", FACTS.score_range),
        score_range=FACTS.score_range,
        sd=records.numbers("SD"),
    )
