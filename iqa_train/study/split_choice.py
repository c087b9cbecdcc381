"""A split file that is named on the command line, in place of `split` in a data set's table."""

from collections.abc import Collection
from pathlib import Path

from iqa_train.errors import UsageError, visible
from iqa_train.study.model import Study
from iqa_train.study.spec import DataSource


def split_from(file: str, source: DataSource | None) -> DataSource:
    """The source with the split in `file`. Raises UsageError for a file that cannot be read."""
    try:
        Path(file).open("rb").close()
    except OSError as error:
        why = "there is no such file" if isinstance(error, FileNotFoundError) else error.strerror
        raise UsageError(
            f"--split {visible(file)}: {why}; name a CSV of image,split, as `iqa-train data split` writes it"
        ) from None
    return (source or DataSource()).model_copy(update={"split": file, "split_digest": ""})


def with_split_for(study: Study, file: str, datasets: Collection[str]) -> Study:
    """The study with the split in `file` for its data set. Raises UsageError where its runs have several."""
    if len(datasets) > 1:
        raise UsageError(
            f"--split {file} is the split of one data set, and these runs train on {' and '.join(sorted(datasets))}; "
            "set split in each [datasets.NAME] instead"
        )
    (name,) = datasets
    return study.model_copy(update={"datasets": {**study.datasets, name: split_from(file, study.datasets.get(name))}})
