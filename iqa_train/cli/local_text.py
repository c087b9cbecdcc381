"""What `iqa-train devices` says of `[local]`: the limits of the study file at hand and of what is queued."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iqa_train.errors import UserError
from iqa_train.scheduler.queue import read_queue
from iqa_train.study.find import FILE_NAME
from iqa_train.study.manners import UNLIMITED, Manners
from iqa_train.text import plural


@dataclass(frozen=True)
class LocalLimits:
    """Manners, and whose they are: a study file's, or those of some runs in the queue. `error`: they are not known."""

    where: str
    manners: Manners = UNLIMITED
    study: str | None = None
    runs: int | None = None
    error: str = ""

    def text(self) -> str:
        """A line for a person."""
        if self.error:
            return f"{self.where}: {self.error}"
        runs = "" if self.runs is None else f", study {self.study} ({plural(self.runs, 'run')})"
        quiet = self.manners.quiet_now(time.time())
        limits = "; ".join(self.manners.words()) or "no limit"
        return f"{self.where}{runs}: {limits}{f' (now: {quiet})' if quiet else ''}"

    def as_json(self) -> dict[str, Any]:
        """An entry of `local` of `iqa-train devices --json`."""
        quiet = self.manners.quiet_now(time.time())
        return {
            "where": self.where, "study": self.study, "runs": self.runs, **self.manners.as_json(),
            "quiet_now": quiet, "error": self.error,
        }  # fmt: skip


def local_limits(study_file: Path | None, runs_dir: Path) -> list[LocalLimits]:
    """Those of the study file, if there is one here or it is named, then those of the queue's local runs, by study."""
    path = study_file or Path(FILE_NAME)
    found = [_of_file(path)] if study_file is not None or path.exists() else []
    try:
        return [*found, *_of_queue(runs_dir)]
    except UserError as error:
        return [*found, LocalLimits(str(runs_dir), error=str(error))]


def _of_file(path: Path) -> LocalLimits:
    from iqa_train.study.load import load_study  # pydantic takes long to import

    where = f"[local] of {path}"
    try:
        return LocalLimits(where, load_study(path).local.manners)
    except UserError as error:
        words = str(error).removeprefix(f"{path}: ")
        mine = words.startswith("[local]: ")
        return LocalLimits(where if mine else str(path), error=words.removeprefix("[local]: "))


def _of_queue(runs_dir: Path) -> Iterator[LocalLimits]:
    runs: dict[tuple[str, Manners], int] = {}
    for item in read_queue(runs_dir).items:
        if item.slurm is None:
            runs[item.study, item.local] = runs.get((item.study, item.local), 0) + 1
    for (study, manners), count in runs.items():
        yield LocalLimits(f"queue of {runs_dir}", manners, study, count)
