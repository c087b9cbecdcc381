"""Lists every known data set: its folder, how much of it is there, and where to get the rest."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from iqa_train.datasets.catalogue import PUBLISHED, READERS, folder_of, read_table
from iqa_train.datasets.demo import dataset as demo
from iqa_train.datasets.image_files import missing_images
from iqa_train.datasets.splits import split_origin
from iqa_train.errors import DataError
from iqa_train.study.spec import DataSource

State = Literal["complete", "incomplete", "unreadable", "absent"]


@dataclass(frozen=True)
class DatasetEntry:
    """A data set and what was found of it.

    `images` is the number that its table lists (None if it cannot be read), `present` how many of them are on disk,
    `expected` the published number (None for a user's own set). `problem` is one sentence, empty for a complete set.
    The score range and direction are as published or declared.
    """

    name: str
    title: str
    folder: Path
    state: State
    images: int | None
    present: int | None
    expected: int | None
    problem: str
    split: str
    score_range: tuple[float, float] | None
    higher_is_better: bool
    archives: tuple[str, ...] = ()
    citation: str = ""


def inventory(sources: Mapping[str, DataSource]) -> list[DatasetEntry]:
    """The sets known by name, then those that are only declared in `sources` ([datasets] of a study file)."""
    names = dict.fromkeys([*READERS, *sources])
    return [_entry(name, sources.get(name, DataSource())) for name in names]


def _entry(name: str, source: DataSource) -> DatasetEntry:
    folder = folder_of(name, "", source)
    published = None if source.csv else PUBLISHED.get(name)
    is_demo = name == demo.NAME and not source.csv
    made = demo.PER_REFERENCE * sum(demo.REFERENCES.values()) if is_demo else None
    state: State = "complete"
    images, present, problem, split = None, None, "", ""
    score_range, higher = source.score_range, source.higher_is_better
    if published:
        score_range, higher = published.score_range, published.higher_is_better
    if not folder.is_dir() or (is_demo and not (folder / demo.MARKER).exists()):
        state, problem = "absent", _how_to_get(name, source, folder)
    else:
        try:
            table = read_table(name, source)
            missing = missing_images(table)
        except DataError as error:
            state, problem = "unreadable", str(error)
        else:
            images, present, split = len(table), len(table) - len(missing), split_origin(table)
            score_range, higher = table.score_range, table.higher_is_better
            if missing:
                state = "incomplete"
                counted = f"{len(missing):,} of the {len(table):,} images listed"
                problem = f'{table.root}: {counted} are missing, "{missing[0]}" first'
    return DatasetEntry(
        name=name,
        title=published.title if published else "the built-in demo set" if is_demo else "your own",
        folder=folder,
        state=state,
        images=images,
        present=present,
        expected=published.images if published else made,
        problem=problem,
        split=split,
        score_range=score_range,
        higher_is_better=higher,
        archives=published.archives if published else (),
        citation=published.citation if published else "",
    )


def _how_to_get(name: str, source: DataSource, folder: Path) -> str:
    if source.csv:
        return f"there is no folder {folder}; set path in [datasets.{name}] to the folder of {source.csv}"
    if name == demo.NAME:
        return f"{folder} is created by the first run, or by `iqa-train data make-demo`"
    if name not in PUBLISHED:
        return f"there is no folder {folder}, and [datasets.{name}] names no csv; set both"
    published = PUBLISHED[name]
    return f"unpack {' and '.join(published.archives)} into {folder}, or set path in [datasets.{name}]"
