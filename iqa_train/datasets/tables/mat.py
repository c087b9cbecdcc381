"""Reads MATLAB files (.mat, version 7 or older) of data sets."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from iqa_train.datasets.content_kind import instead
from iqa_train.datasets.tables.records import import_reader
from iqa_train.errors import DataError


def read_mat(path: Path, wanted: Sequence[str], optional: Sequence[str] = ()) -> dict[str, NDArray[np.generic]]:
    """The variables `wanted` of a MATLAB file, and those of `optional` that it has, each flattened to (N,).

    Raises DataError for a file that is missing, damaged, of version 7.3, or without a variable in `wanted`.
    """
    if not path.is_file():
        raise DataError(f"{path}: there is no such file; put the data set's table there")
    loadmat = import_reader(path, "scipy.io", "scipy").loadmat
    try:
        content = loadmat(path)
    except NotImplementedError:
        raise DataError(f"{path}: is a MATLAB 7.3 file; save it as version 7 or older (save -v7)") from None
    except Exception as error:  # noqa: BLE001 - scipy lets exceptions of its parser through: zlib.error, IndexError
        kind = instead(path, "a MATLAB file")
        if kind:
            raise DataError(f"{path}: is not a MATLAB file (.mat), but {kind}") from None
        raise DataError(f"{path}: is not a MATLAB file (.mat), or a damaged one: {error}") from None
    for name in wanted:
        if name not in content:
            found = ", ".join(k for k in content if not k.startswith("__")) or "nothing"
            raise DataError(f'{path}: has no variable "{name}"; it has {found}')
    return {name: np.ravel(content[name]) for name in (*wanted, *optional) if name in content}


def texts_of(cells: NDArray[np.generic]) -> list[str]:
    """The strings of a flattened cell array."""
    return [str(np.squeeze(cell)) for cell in cells]
