"""Splits a data set into training, validation and test images: officially where a split is published, else by seed.

All images of a reference are in one split. References (or images) are ordered by a hash of (seed, name), so a split
depends only on the names and the seed, not on the order of rows or the version of a library.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

from iqa_train.datasets.image_files import IMAGE_SUFFIXES
from iqa_train.datasets.spelling import folded
from iqa_train.datasets.table import SPLITS, ImageTable, Split
from iqa_train.datasets.tables.records import Records
from iqa_train.errors import DataError, visible
from iqa_train.escape import name_bytes

TEST_SHARE = 1 / 5
VAL_SHARE = 1 / 8  # of what is not test
_OF_CAMERAS = frozenset({".arw", ".cr2", ".cr3", ".dng", ".heic", ".heif", ".jxl", ".nef", ".orf", ".raf", ".rw2"})
"""Suffixes of reference images, which this program does not read and which need not exist."""
_FEWEST = 2  # images in a split: fewer cannot be ranked
_WORDS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


def split_table(table: ImageTable, seed: int) -> Split:
    """The split of `table` for the round of `seed`.

    An official split is kept; if it has no validation images, 1/8 of its training images (whole references) become
    validation images. Without an official split, 1/5 is test and 1/8 of the rest is validation. Raises `DataError` if a
    split has fewer than two images or all its scores are equal.
    """
    units = np.array(table.references if table.references is not None else table.images)
    if table.splits is None:
        parts = _deal(units, np.full(len(table), "train", dtype="<U5"), "test", TEST_SHARE, seed)
    else:
        parts = np.array(table.splits, dtype="<U5")
    if not (parts == "val").any():
        parts = _deal(units, parts, "val", VAL_SHARE, seed)
    for name in ("test", "train", "val"):  # a missing test split is reported first
        _check(table, name, np.flatnonzero(parts == name))
    train, val, test = (np.flatnonzero(parts == name).astype(np.int64) for name in SPLITS)
    return Split(train, val, test)


def _deal(units: NDArray[np.str_], parts: NDArray[np.str_], to: str, share: float, seed: int) -> NDArray[np.str_]:
    """`parts` with about `share` of the training units, and at least two images, moved to `to`."""
    training = parts == "train"
    names, images = np.unique(units[training], return_counts=True)
    size = dict(zip(names.tolist(), images.tolist(), strict=True))
    order = sorted(size, key=lambda name: _rank(name, to, seed))
    count = max(1, round(share * len(order)))
    while count < len(order) and sum(size[name] for name in order[:count]) < _FEWEST:
        count += 1
    return np.where(training & np.isin(units, order[:count]), to, parts)


def _rank(name: str, to: str, seed: int) -> bytes:
    return hashlib.blake2b(name_bytes(f"{to}\0{seed}\0{name}"), digest_size=16).digest()


def _check(table: ImageTable, name: str, indices: NDArray[np.intp]) -> None:
    how = f"by {'reference' if table.references is not None else 'image'}"
    if table.splits is not None:
        how = table.split_origin or "official"
    if len(indices) < _FEWEST:
        have = "no image" if len(indices) == 0 else "one image"
        raise DataError(
            f'{table.root}: the {name} split ({how}) of "{table.name}" has {have}, and at least {_FEWEST} are needed; '
            f"the set has {len(table)} images in all"
        )
    if np.ptp(table.scores[indices]) == 0:
        raise DataError(
            f'{table.root}: all {len(indices)} scores of the {name} split ({how}) of "{table.name}" are '
            f"{table.scores[indices[0]]:g}, so there is nothing to rank; check the score column and the split"
        )


def split_names(records: Records, column: str) -> tuple[str, ...]:
    """The column as "train", "val" or "test" for each row. Raises `DataError` for any other word."""
    words = records.texts(column)
    for word, line in zip(words, records.lines, strict=True):
        if word.lower() not in _WORDS:
            raise DataError(
                f'{records.path}, row {line}: "{word}" in the column "{column}" is not a split; '
                "allowed are training, validation and test"
            )
    return tuple(_WORDS[word.lower()] for word in words)


def split_origin(table: ImageTable) -> str:
    """Where the split of `table` comes from, in words: official, from a file, or by seed."""
    unit = "reference" if table.references is not None else "image"
    if table.splits is None:
        return f"split by seed, {unit} by {unit}"
    if "val" in table.splits:
        return table.split_origin or "official split"
    given = table.split_origin or "official training and test images"
    return f"{given}; validation images taken from training by seed, {unit} by {unit}"


def united_references(references: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """References that differ only in spelling replaced by the first spelling, and a note if there are any.

    Names that differ in case, Unicode form, invisible characters or an image suffix count as one: the images of a
    reference must not be divided because its name is spelt in two ways.
    """
    first: dict[str, str] = {}
    kept_names = tuple(first.setdefault(_bare(name), name) for name in references)
    other = [(name, kept) for name, kept in zip(references, kept_names, strict=True) if name != kept]
    if not other:
        return references, ()
    count = len(set(other))
    are = "1 reference is another spelling" if count == 1 else f"{count} references are other spellings"
    return kept_names, (
        visible(f'{are} of a reference and counted as that, such as "{other[0][0]}" for "{other[0][1]}"'),
    )


def _bare(reference: str) -> str:
    name = folded(reference.replace("\\", "/"))
    stem, dot, suffix = name.rpartition(".")
    return stem if stem and dot + suffix in IMAGE_SUFFIXES | _OF_CAMERAS else name


def parted_references(references: tuple[str, ...] | None, splits: tuple[str, ...] | None) -> tuple[str, ...]:
    """A note if the given splits divide the images of a reference, so that content is both trained on and tested."""
    if references is None or splits is None:
        return ()
    found: dict[str, set[str]] = {}
    for reference, split in zip(references, splits, strict=True):
        found.setdefault(reference, set()).add(split)
    parted = [name for name, where in found.items() if len(where) > 1]
    if not parted:
        return ()
    first = " and ".join(name for name in SPLITS if name in found[parted[0]])
    count = f"{len(parted)} of {len(found)} references {'is' if len(parted) == 1 else 'are'} in several splits"
    says = f'reference "{visible(parted[0])}" has images in {first} ({count})'
    return (f"{says}: results on content that was seen in training are too good",)


def fingerprint(table: ImageTable, split: Split) -> str:
    """Sixteen hex digits of names, scores and split: equal on two hosts that have the same data."""
    digest = hashlib.sha256(name_bytes("\n".join(table.images)))
    for part in (table.scores, split.train, split.val, split.test):
        digest.update(part.tobytes())
    return digest.hexdigest()[:16]
