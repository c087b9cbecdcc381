"""KonIQ-10k, as published and as repacked for earlier studies.

10,073 photographs; official split 7058/1000/2015. Scores are on 0 to 100, higher is better.

    koniq10k_distributions_sets.csv          image_name,c1..c5,c_total,MOS,SD,set: official split, MOS on 0-100
    koniq10k_scores_and_distributions.csv    image_name,...,MOS,SD,MOS_zscore: no split, MOS on 1-5, MOS_zscore on 0-100
    1024x768/  or  512x384/                  the images

or, with training and test images given and no validation images,

    train/  test/  koniq_train.json  koniq_test.json      lists of {"image": ..., "score": ...}, score optional
"""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from iqa_train.datasets.image_files import as_on_disk, folder_with_most_images, listed_images
from iqa_train.datasets.published.facts import DatasetFacts
from iqa_train.datasets.splits import split_names
from iqa_train.datasets.table import ImageTable
from iqa_train.datasets.tables.csv_table import read_csv
from iqa_train.datasets.tables.open_text import read_table_text
from iqa_train.datasets.tables.records import Records
from iqa_train.errors import DataError
from iqa_train.regular import real_path

NAME = "koniq-10k"
SETS_CSV = "koniq10k_distributions_sets.csv"
SCORES_CSV = "koniq10k_scores_and_distributions.csv"
FOLDERS = ("1024x768", "512x384")
PARTS = (("train", "koniq_train.json"), ("test", "koniq_test.json"))
CATEGORIES = ("c1", "c2", "c3", "c4", "c5")
RESIZE = (512, 384)
FACTS = DatasetFacts(
    name=NAME,
    title="KonIQ-10k",
    images=10_073,
    score_range=(0.0, 100.0),
    archives=("koniq10k_1024x768.zip", "koniq10k_distributions_sets.csv"),
    citation='V. Hosu, H. Lin, T. Sziranyi, D. Saupe: "KonIQ-10k: An Ecologically Valid Database for Deep Learning of '
    'Blind Image Quality Assessment". IEEE Transactions on Image Processing 29, 4041-4056 (2020)',
    table=SETS_CSV,
    holds=f"{FOLDERS[0]}/ or {FOLDERS[1]}/",
)
_RANGE = FACTS.score_range


def read(folder: Path, name: str = NAME, resize: tuple[int, int] | None = RESIZE) -> ImageTable:
    """KonIQ-10k in `folder`, in its sub-folder koniq-10k/, or in its parent.

    Raises `DataError` if the folder, its table or its image folder is missing or cannot be read.
    """
    real, notes = _locate(folder)
    has_images = any((real / f).is_dir() for f in FOLDERS)
    if has_images or not _has_parts(real):
        if (real / SETS_CSV).is_file():
            return _read_sets(real, name, resize, notes)
        if (real / SCORES_CSV).is_file():
            return _read_scores(real, name, resize, notes)
    return _read_parts(real, name, resize, notes)


def _has_table(folder: Path) -> bool:
    return (folder / SETS_CSV).is_file() or (folder / SCORES_CSV).is_file() or _has_parts(folder)


def _has_parts(folder: Path) -> bool:
    return all((folder / table).is_file() for _, table in PARTS)


def _locate(folder: Path) -> tuple[Path, tuple[str, ...]]:
    if not folder.is_dir():
        raise DataError(
            f"{folder}: there is no such folder; unpack KonIQ-10k there ({SETS_CSV} and {FOLDERS[0]}/) "
            "or name its folder with --data_dir"
        )
    if _has_table(folder):
        return folder, ()
    others = [f for f in (folder / NAME, real_path(folder).parent) if _has_table(f)]
    if len(others) == 1:
        return others[0], (f"read from {others[0]}, because the tables are there and not in {folder}",)
    if others:
        raise DataError(f"{folder}: KonIQ-10k is both in {others[0]} and in {others[1]}; name the one you mean")
    raise DataError(
        f"{folder}: there is no table of KonIQ-10k; it needs {SETS_CSV}, {SCORES_CSV}, or "
        f"{PARTS[0][1]} and {PARTS[1][1]}"
    )


def _read_sets(folder: Path, name: str, resize: tuple[int, int] | None, notes: tuple[str, ...]) -> ImageTable:
    records = read_csv(folder / SETS_CSV, ("image_name", "MOS", "set"))
    root = _image_folder(folder, records.names("image_name", folder))
    images, renamed = listed_images(records, "image_name", root)
    distribution, unused = _distribution(records)
    return ImageTable(
        name=name,
        root=root,
        images=images,
        scores=records.scores("MOS", _RANGE),
        score_range=_RANGE,
        sd=_spread(records),
        votes=_votes(records),
        distribution=distribution,
        splits=split_names(records, "set"),
        resize=resize,
        notes=(*notes, *records.notes, *renamed, *unused),
    )


def _read_scores(folder: Path, name: str, resize: tuple[int, int] | None, notes: tuple[str, ...]) -> ImageTable:
    records = read_csv(folder / SCORES_CSV, ("image_name", "MOS_zscore"))
    root = _image_folder(folder, records.names("image_name", folder))
    images, renamed = listed_images(records, "image_name", root)
    distribution, unused = _distribution(records)
    split_by_seed = f"there is no {SETS_CSV}: scores are MOS_zscore, and the split is by seed instead of official"
    return ImageTable(
        name=name,
        root=root,
        images=images,
        scores=records.scores("MOS_zscore", _RANGE),
        score_range=_RANGE,
        sd=_spread(records),
        votes=_votes(records),
        distribution=distribution,
        resize=resize,
        notes=(*notes, *records.notes, *renamed, *unused, split_by_seed),
    )


def _spread(records: Records) -> NDArray[np.float64] | None:
    """The standard deviation of the opinions in units of the score, 25 per category; None without such a column."""
    if "SD" not in records.columns:
        return None
    sd = records.numbers("SD")
    return sd * 25 if sd.max() <= 4 else sd  # opinions are 1 to 5, so their SD cannot exceed 4


def _votes(records: Records) -> NDArray[np.float64] | None:
    """The number of opinions on each image; None without such a column."""
    return records.numbers("c_total") if "c_total" in records.columns else None


def _distribution(records: Records) -> tuple[NDArray[np.float64] | None, tuple[str, ...]]:
    """The shares (N, 5) of the opinions 1 to 5, None unless there are valid columns of them; a note on invalid ones."""
    if not set(CATEGORIES) <= set(records.columns):
        return None, ()
    try:
        return records.shares(CATEGORIES), ()
    except DataError as error:
        return None, (f"the distribution of the opinions is not used: {error}",)


def _image_folder(folder: Path, images: tuple[str, ...]) -> Path:
    """The folder with most of the images; of equals, that of the larger images."""
    there = [folder / f for f in FOLDERS if (folder / f).is_dir()]
    if not there:
        raise DataError(f"{folder}: there is neither {FOLDERS[0]}/ nor {FOLDERS[1]}/; unpack the images into one")
    return folder_with_most_images(there, images)


def _read_parts(folder: Path, name: str, resize: tuple[int, int] | None, notes: tuple[str, ...]) -> ImageTable:
    images: list[str] = []
    splits: list[str] = []
    given: list[float | None] = []
    seen: dict[str, str] = {}
    for part, table in PARTS:
        if not (folder / part).is_dir():
            raise DataError(f"{folder}: there is {table} but no folder {part}/; put its images there")
        for base, score in _entries(folder / table):
            if base in seen:
                raise DataError(f'{folder}: image "{base}" is listed in {seen[base]} and in {table}; list it once')
            seen[base] = table
            images.append(f"{part}/{base}")
            splits.append(part)
            given.append(score)
    if any(score is None for score in given):
        scores, source = _scores_from_csv(folder, images)
        score_range = _RANGE
        notes = (*notes, f"scores are from {source}")
    else:
        scores = np.array(given, dtype=np.float64)
        score_range = _RANGE if scores.max() > 5 else (1.0, 5.0)
        for image, score in zip(images, scores.tolist(), strict=True):
            if not score_range[0] <= score <= score_range[1]:
                raise DataError(
                    f'{folder}: the score {score:g} of "{image}" is outside {score_range[0]:g} to {score_range[1]:g}; '
                    "scores must be on 1 to 5 or on 0 to 100"
                )
    return ImageTable(
        name=name,
        root=folder,
        images=as_on_disk(folder, images),
        scores=scores,
        score_range=score_range,
        splits=tuple(splits),
        resize=resize,
        notes=notes,
    )


def _entries(path: Path) -> list[tuple[str, float | None]]:
    """(file name, score or None) for each entry of a JSON list."""
    try:
        entries = json.loads(read_table_text(path, "a UTF-8 JSON file", "put the data set's list there").text)
    except (RecursionError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as JSON: {error}") from None
    if not isinstance(entries, list) or not entries:
        raise DataError(f'{path}: must be a list of {{"image": ..., "score": ...}}, with one entry or more')
    return [_entry(path, number, entry) for number, entry in enumerate(entries, 1)]


def _entry(path: Path, number: int, entry: object) -> tuple[str, float | None]:
    image = entry.get("image") if isinstance(entry, dict) else None
    base = image.replace("\\", "/").rpartition("/")[2] if isinstance(image, str) else ""
    if not base or base == "..":
        raise DataError(f'{path}, entry {number}: needs an "image" that names a file')
    assert isinstance(entry, dict)
    score = entry.get("score")
    if score is None:
        return base, None
    try:
        value = float(score)
    except (TypeError, ValueError):
        value = float("nan")
    if not np.isfinite(value) or isinstance(score, bool):
        raise DataError(f'{path}, entry {number}: the score {score!r} of "{base}" is not a finite number')
    return base, value


def _scores_from_csv(folder: Path, images: list[str]) -> tuple[NDArray[np.float64], Path]:
    """Scores by file name from a published table in `folder` or one level up, and the path of that table."""
    places = (folder, real_path(folder).parent)
    for place, table, column in ((p, t, c) for p in places for t, c in ((SETS_CSV, "MOS"), (SCORES_CSV, "MOS_zscore"))):
        path = place / table
        if not path.is_file():
            continue
        records = read_csv(path, ("image_name", column))
        known = dict(zip(records.names("image_name"), records.scores(column, _RANGE).tolist(), strict=True))
        lost = [image for image in images if image.rpartition("/")[2] not in known]
        if lost:
            raise DataError(f'{path}: has no score for {len(lost)} of the images in {folder}, such as "{lost[0]}"')
        return np.array([known[image.rpartition("/")[2]] for image in images]), path
    raise DataError(
        f"{folder}: {PARTS[0][1]} and {PARTS[1][1]} have images without a score, and neither {SETS_CSV} nor "
        f"{SCORES_CSV} is in that folder or one level up; put one of them there"
    )
