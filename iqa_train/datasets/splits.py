"""Who trains, who selects, who tests: the official split where one is published, else 80/20 by seed.

Images of one reference never part. References (or images) are dealt out in the order of a hash of (seed, name), so a
split depends on the names and the seed alone: not on the rows' order, nor on the version of any library.
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
VAL_SHARE = 1 / 8  # of what is not tested on
_OF_CAMERAS = frozenset({".arw", ".cr2", ".cr3", ".dng", ".heic", ".heif", ".jxl", ".nef", ".orf", ".raf", ".rw2"})
"""Suffixes of reference images that this program does not read, and that need not be there."""
_FEWEST = 2  # images in a split: fewer have no order
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

    An official split is kept; without validation images, 1/8 of its training images (whole references) become them.
    With no official split, 1/5 is tested on and 1/8 of the rest validates. Raises `DataError` when a split has fewer
    than two images or all its scores are equal.
    """
    units = np.array(table.references if table.references is not None else table.images)
    if table.splits is None:
        parts = _deal(units, np.full(len(table), "train", dtype="<U5"), "test", TEST_SHARE, seed)
    else:
        parts = np.array(table.splits, dtype="<U5")
    if not (parts == "val").any():
        parts = _deal(units, parts, "val", VAL_SHARE, seed)
    for name in ("test", "train", "val"):  # report missing test images before missing validation images
        _check(table, name, np.flatnonzero(parts == name))
    train, val, test = (np.flatnonzero(parts == name).astype(np.int64) for name in SPLITS)
    return Split(train, val, test)


def _deal(units: NDArray[np.str_], parts: NDArray[np.str_], to: str, share: float, seed: int) -> NDArray[np.str_]:
    """`parts` with about `share` of the units that train, and at least two images, moved to `to`."""
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
    """The column as "train", "val" or "test" per row; any other word is a `DataError`."""
    words = records.texts(column)
    for word, line in zip(words, records.lines, strict=True):
        if word.lower() not in _WORDS:
            raise DataError(
                f'{records.path}, row {line}: "{word}" in the column "{column}" is no split; '
                "allowed are training, validation and test"
            )
    return tuple(_WORDS[word.lower()] for word in words)


def split_origin(table: ImageTable) -> str:
    """Where the split of `table` comes from, in words: published or imported, carved out of it, or all by seed."""
    unit = "reference" if table.references is not None else "image"
    if table.splits is None:
        return f"split by seed, {unit} by {unit}"
    if "val" in table.splits:
        return table.split_origin or "official split"
    given = table.split_origin or "official training and test images"
    return f"{given}; validation carved out of training by seed, {unit} by {unit}"


def united_references(references: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """References of one name as the first of them is written, and a note where there are others.

    Names that differ in case, Unicode form, invisible characters or an image's extension are one: images of one
    picture must not part because of how its name was typed.
    """
    first: dict[str, str] = {}
    one = tuple(first.setdefault(_bare(name), name) for name in references)
    other = [(name, kept) for name, kept in zip(references, one, strict=True) if name != kept]
    if not other:
        return references, ()
    says = f'{len(set(other))} references are another\'s in other letters, "{other[0][0]}" of "{other[0][1]}" first'
    return one, (visible(f"{says}: they count as one"),)


def _bare(reference: str) -> str:
    name = folded(reference.replace("\\", "/"))
    stem, dot, suffix = name.rpartition(".")
    return stem if stem and dot + suffix in IMAGE_SUFFIXES | _OF_CAMERAS else name


def parted_references(references: tuple[str, ...] | None, splits: tuple[str, ...] | None) -> tuple[str, ...]:
    """A note where the splits given part the images of a reference, so that one has seen what another asks."""
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
    return (f"{says}: results on content that was seen before are too good",)


def fingerprint(table: ImageTable, split: Split) -> str:
    """Sixteen hex digits of names, scores and split: equal on two hosts that hold the same data."""
    digest = hashlib.sha256(name_bytes("\n".join(table.images)))
    for part in (table.scores, split.train, split.val, split.test):
        digest.update(part.tobytes())
    return digest.hexdigest()[:16]
