"""The words data sets use for their splits."""

from iqa_train.datasets.tables.records import Records
from iqa_train.errors import DataError

_WORDS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


def split_names(records: Records, column: str) -> tuple[str, ...]:
    """The column as "train", "val" or "test" per row; any other word is a `DataError`."""
    words = records.texts(column)
    for word, line in zip(words, records.lines, strict=True):
        if word.lower() not in _WORDS:
            raise DataError(
                f'{records.path}, row {line}: "{word}" in the column "{column}" is no split; '
                "allowed are training, validation and test"
            )
    return tuple(_WORDS[word.lower()] for word in words)
