"""LIVE In the Wild Image Quality Challenge (LIVEC): 1,162 photographs, scores on 0 to 100, higher is better.

Source: Ghadiyaram & Bovik, "Massive online crowdsourced study of subjective and objective picture quality", IEEE TIP 25
(2016). The first 7 of the 1,169 listed images trained the raters and are left out.

    Data/AllImages_release.mat  AllMOS_release.mat  AllStdDev_release.mat      each holds a variable of its own name
    Images/
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from iqa_train.datasets.records import Records
from iqa_train.datasets.table import ImageTable
from iqa_train.errors import DataError

NAME = "livec"
TRAINING_EXAMPLES = 7
_RANGE = (0.0, 100.0)


def read_livec(folder: Path) -> ImageTable:
    """LIVEC in `folder`; no official split. Raises `DataError` when a file is missing or does not read."""
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder; unpack LIVEC there (Data/ and Images/)")
    if not (folder / "Images").is_dir():
        raise DataError(f"{folder}: there is no Images/; unpack LIVEC's images there")
    names = [str(np.squeeze(cell)) for cell in read_mat(folder / "Data" / "AllImages_release.mat")]
    columns = {"MOS": "AllMOS_release", "SD": "AllStdDev_release"}
    values = {column: read_mat(folder / "Data" / f"{stem}.mat") for column, stem in columns.items()}
    for column, stem in columns.items():
        if len(values[column]) != len(names):
            raise DataError(
                f"{folder / 'Data' / stem}.mat: holds {len(values[column])} values for {len(names)} images; "
                "the three files must belong together"
            )
    rows = tuple(zip(names, values["MOS"].tolist(), values["SD"].tolist(), strict=True))[TRAINING_EXAMPLES:]
    if not rows:
        raise DataError(
            f"{folder}: lists {len(names)} images, of which the first {TRAINING_EXAMPLES} only trained the raters"
        )
    lines = tuple(range(TRAINING_EXAMPLES + 1, len(names) + 1))
    records = Records(folder / "Data", ("image", "MOS", "SD"), rows, lines)
    return ImageTable(
        name=NAME,
        root=folder / "Images",
        images=records.names("image"),
        scores=records.scores("MOS", _RANGE),
        score_range=_RANGE,
        sd=records.numbers("SD"),
    )


def read_mat(path: Path) -> NDArray[np.generic]:
    """The variable of a MATLAB file that is called like the file, flattened to (N,)."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    if not path.is_file():
        raise DataError(f"{path}: there is no such file; put the data set's table there")
    try:
        content = loadmat(path)
    except NotImplementedError:
        raise DataError(f"{path}: is a MATLAB 7.3 file; save it as version 7 or older (save -v7)") from None
    except (MatReadError, ValueError, TypeError, OSError, EOFError) as error:
        raise DataError(f"{path}: is no MATLAB file (.mat), or a damaged one: {error}") from None
    if path.stem not in content:
        found = ", ".join(k for k in content if not k.startswith("__")) or "nothing"
        raise DataError(f'{path}: holds no variable "{path.stem}"; it holds {found}')
    values: NDArray[np.generic] = np.ravel(content[path.stem])
    return values
