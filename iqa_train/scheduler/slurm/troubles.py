"""Why runs could not be submitted, or their jobs ended before they began; and when each may be tried again."""

import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from iqa_train.files import SCHEMA_VERSION, DamagedFileError, read_json, write_json
from iqa_train.runs.layout import SlurmFiles
from iqa_train.schema import build
from iqa_train.slurm.reasons import at_clock

_PAUSE = (10.0, 600.0)  # seconds until a run is submitted again, first and at most


@dataclass(frozen=True)
class Trouble:
    """What has happened, and the moment before which the run is not tried again: its job begins no earlier.

    `given_up`: it has no job until a person asks for it. `lasting`: waiting alone does not help. `refused`: Slurm has
    taken no job for it. `failures` are those of the `tries` that count; so many as `most` are made (0: any number).
    """

    words: str
    until: float
    tries: int
    given_up: bool = False
    lasting: bool = False
    refused: bool = False
    failures: int = 0
    most: int = 0

    @property
    def next_words(self) -> str:
        """What follows from it, for a person."""
        if self.given_up:
            return f"given up after try {self.failures}; iqa-train queue resume submits it again"
        when = at_clock(self.until) if time.time() < self.until else "by the next iqa-train command"
        return f"submitted again {when}" + (f", try {self.failures + 1} of {self.most}" if self.most else "")


def read_troubles(runs_dir: Path) -> dict[str, Trouble]:
    """All that are known, by the key of the item; none where the file is missing or damaged."""
    with suppress(DamagedFileError, ValueError, TypeError):
        document = read_json(SlurmFiles(runs_dir).troubles)
        if document is not None:
            return {key: build(Trouble, entry) for key, entry in document.get("runs", {}).items()}
    return {}


class Troubles:
    """Those of the runs that wait; read once, and written where they have changed."""

    def __init__(self, runs_dir: Path, waiting: Collection[str]) -> None:
        self._runs_dir = runs_dir
        self._before = read_troubles(runs_dir)
        self._now = {key: one for key, one in self._before.items() if key in waiting}

    def bars(self, key: str, *, hurried: bool = False) -> str:
        """Why the run may not be submitted now; "" if it may. `hurried`: what was refused is tried without a pause."""
        one = self._now.get(key)
        barred = one is not None and (one.given_up or (one.refused and not hurried and time.time() < one.until))
        return one.words if one is not None and barred else ""

    def begin(self, key: str) -> float:
        """When a job that is submitted for the run now may begin (seconds since 1970); 0 for at once."""
        one = self._now.get(key)
        return one.until if one is not None and not one.refused and time.time() < one.until else 0.0

    def note(
        self, key: str, words: str, *, retries: int | None = None, lasting: bool = False, refused: bool = False
    ) -> None:
        """Add one, with a longer pause each time; after more than `retries` (None: never) the run is given up."""
        before = self._now.get(key)
        tries = before.tries + 1 if before else 1
        failures = (before.failures if before else 0) + (retries is not None)
        given_up = retries is not None and failures > retries
        until = time.time() + min(_PAUSE[0] * 2 ** min(tries - 1, 10), _PAUSE[1])
        most = 0 if retries is None else retries + 1
        self._now[key] = Trouble(words, until, tries, given_up, lasting or given_up, refused, failures, most)

    def forgive(self) -> None:
        """Forget all: a person has asked for the runs to be submitted."""
        self._now.clear()

    def save(self) -> None:
        """Write what has changed."""
        if self._now == self._before:
            return
        path = SlurmFiles(self._runs_dir).troubles
        if self._now:
            runs = {key: asdict(one) for key, one in self._now.items()}
            write_json(path, {"schema_version": SCHEMA_VERSION, "runs": runs})
        else:
            path.unlink(missing_ok=True)
