"""What is known about a published data set before its files are opened: facts to check them against, and the source."""

from dataclasses import dataclass
from pathlib import Path

from iqa_train.errors import DataError


@dataclass(frozen=True)
class DatasetFacts:
    """A data set as its authors published it.

    `images` is the number of scored images, `references` that of the reference images they were made from (None if
    there are none). `score_range` and `higher_is_better` are as published; readers reverse scores if lower is better.
    `table` is the file of scores in the set's folder, `holds` says what else must be there. `archives` are the files to
    download, by their official names.
    """

    name: str
    title: str
    images: int
    score_range: tuple[float, float]
    archives: tuple[str, ...]
    citation: str
    table: str
    holds: str
    references: int | None = None
    higher_is_better: bool = True

    def home(self, folder: Path) -> Path:
        """`folder`, or the only folder in it that has the table, as an archive unpacks it. Raises DataError.

        If neither has the table, `folder`: the reader then reports what is missing.
        """
        if not folder.is_dir():
            raise DataError(f"{folder}: there is no such folder; unpack {self.title} there ({self.needs})")
        if (folder / self.table).is_file():
            return folder
        try:
            below = [inside for inside in folder.iterdir() if (inside / self.table).is_file()]
        except OSError as error:
            raise DataError(f"{folder}: cannot be listed: {error.strerror}; correct its permissions") from None
        return below[0] if len(below) == 1 else folder

    def within(self, home: Path, name: str) -> Path:
        """The folder `name` in `home`. Raises DataError if there is none."""
        if not (home / name).is_dir():
            raise DataError(f"{home}: there is no folder {name}/; unpack {self.title}'s images there ({self.needs})")
        return home / name

    @property
    def needs(self) -> str:
        """What the set's folder must contain, in words."""
        return f"{self.table} and {self.holds}"

    def count_note(self, images: int) -> tuple[str, ...]:
        """A note if the table does not list as many images as were published."""
        if images == self.images:
            return ()
        return (f"lists {images:,} images where {self.title} as published has {self.images:,}",)
