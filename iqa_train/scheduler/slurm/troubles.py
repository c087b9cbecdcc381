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
    """What has happened, and until when the run is not submitted again.

    `given_up`: not before a person asks for it. `lasting`: waiting alone does not help. `most`: so many `tries` are
    made; 0: any number.
    """

    words: str
    until: float
    tries: int
    given_up: bool = False
    lasting: bool = False
    most: int = 0

    @property
    def next_words(self) -> str:
        """What follows from it, for a person."""
        if self.given_up:
            return f"given up after try {self.tries}; iqa-train queue resume submits it again"
        when = at_clock(self.until) if time.time() < self.until else "by the next iqa-train command"
        return f"submitted again {when}" + (f", try {self.tries + 1} of {self.most}" if self.most else "")


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

    def bars(self, key: str) -> str:
        """Why the run may not be submitted now; "" if it may."""
        one = self._now.get(key)
        return one.words if one is not None and (one.given_up or time.time() < one.until) else ""

    def note(self, key: str, words: str, *, retries: int | None = None, lasting: bool = False) -> None:
        """Add one, with a longer pause each time; after more than `retries` (None: never) the run is given up."""
        before = self._now.get(key)
        tries = before.tries + 1 if before else 1
        given_up = retries is not None and tries > retries
        until = time.time() + min(_PAUSE[0] * 2 ** (tries - 1), _PAUSE[1])
        most = 0 if retries is None else retries + 1
        self._now[key] = Trouble(words, until, tries, given_up, lasting or given_up, most)

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
