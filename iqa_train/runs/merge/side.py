"""A run as one of the two sides of a merge: its state, its attempts by what identifies them, its predictions."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

from iqa_train.errors import RunError
from iqa_train.files import read_json
from iqa_train.runs.counted_result import epochs_of
from iqa_train.runs.document_cache import Damage, undamaged
from iqa_train.runs.documents import DataFacts, HostFacts, ProvenanceFacts, ResultFacts, SpecFacts
from iqa_train.runs.kind import RunKind, kind_of
from iqa_train.runs.layout import Attempt, RunFolder
from iqa_train.runs.snapshot import Liveness, RunSnapshot, read_snapshot
from iqa_train.runs.state import RunState, state_of
from iqa_train.runs.state_names import LOST
from iqa_train.text import plural

ASIDE = "merged-"
"""Folders of that name in a run's hold the same run as another machine left it: whole, and not counted."""

_OF_A_PLACE = ("log", "cwd", "environment")  # what joining may change in a runner.json


@dataclass(frozen=True)
class Side:
    """A run in one of the folders. `tries` identify its attempts, oldest first; `kept` those of runs set aside in it;
    `unended` are those of both without a recorded end.

    `results` is a digest of the predictions of a finished run, and `last_sign` the time of the last sign of life of an
    attempt without a recorded end (0.0 where none is of interest).
    """

    run: RunFolder
    state: RunState
    spec: SpecFacts | Damage | None = None
    result: ResultFacts = field(default_factory=ResultFacts)
    provenance: ProvenanceFacts = field(default_factory=ProvenanceFacts)
    tries: tuple[str, ...] = ()
    kept: frozenset[str] = frozenset()
    unended: frozenset[str] = frozenset()
    epochs: int = 0
    results: str = ""
    ended: str = ""
    last_sign: float = 0.0
    away: bool = False  # its last attempt was made on another host, or in another container
    damage: str = ""

    @property
    def finished(self) -> bool:
        return self.state.finished

    @property
    def kind(self) -> RunKind:
        return kind_of(self.spec, self.provenance)

    @property
    def srcc(self) -> float | None:
        return self.result.get("srcc") if self.finished else None

    @property
    def fingerprint(self) -> str:
        """Of the data that it was trained on; "" if not recorded."""
        return self.provenance.get("data", DataFacts()).get("fingerprint", "")

    @property
    def host(self) -> str:
        return self.provenance.get("host", HostFacts()).get("host", "")

    @property
    def words(self) -> str:
        """Its state, with SRCC or epochs."""
        value = f", SRCC {self.srcc:.4f}" if self.srcc is not None else ""
        return (
            f"{self.state.name}{value}" if self.finished else f"{self.state.name} after {plural(self.epochs, 'epoch')}"
        )


def read_side(run: RunFolder) -> Side:
    """What there is of `run` now; one that cannot be read has nothing but its `damage`."""
    try:
        return _read_side(run)
    except OSError as error:
        words = f"{error.filename or run.path} cannot be read: {error.strerror}"
        return Side(run, RunState(LOST, words), damage=words)


def _read_side(run: RunFolder) -> Side:
    found = read_snapshot(run, whole=True)
    state = state_of(found)
    last = found.last
    facts = last.facts if last is not None else {}
    live = found.live if isinstance(found.live, Liveness) else Liveness()
    ended, provenance = undamaged(found.exit), undamaged(found.provenance) or ProvenanceFacts()
    tries = [(attempt_id(attempt.files), attempt.files) for attempt in found.known_attempts]
    kept = [(attempt_id(attempt), attempt) for aside in asides(run.path) for attempt in _attempts_below(aside)]
    return Side(
        run,
        state,
        found.spec,
        undamaged(found.result) or ResultFacts(),
        provenance,
        tuple(name for name, _ in tries),
        frozenset(name for name, _ in kept),
        frozenset(name for name, attempt in [*tries, *kept] if not attempt.exit.exists()),
        len(epochs_of(found) or ()),
        results_digest(run) if state.finished else "",
        (ended.get("ended", "") if ended else "") or facts.get("started", ""),
        live.last_sign if last is not None and found.exit is None else 0.0,
        live.origin is not None and not live.origin.here,
        _damage(found),
    )


def attempt_id(attempt: Attempt) -> str:
    """Sixteen hex digits of who made the attempt, when and with which command; where the run lies does not matter."""
    try:
        facts = read_json(attempt.runner)
    except (RunError, OSError):
        facts = None
    if facts is None or facts.get("imported"):  # of an import, only its log says which it is
        return _digest([path for path in (attempt.metrics, attempt.exit) if path.is_file()])
    known = {name: value for name, value in facts.items() if name not in _OF_A_PLACE}
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode(errors="surrogatepass")).hexdigest()[:16]


def asides(folder: Path) -> list[Path]:
    """The runs that were set aside in a run's folder, in the order of their numbers."""
    found = [path for path in folder.glob(f"{ASIDE}*") if path.is_dir()]
    return sorted(found, key=lambda path: (len(path.name), path.name))


def results_digest(run: RunFolder) -> str:
    """Of the predictions on validation and test images of every round; of result.json where none were kept."""
    names = ("predictions-val.csv", "predictions-test.csv")
    files = [path for folder in (run.path, *sorted(run.path.glob("round-*"))) for path in map(folder.joinpath, names)]
    there = [path for path in files if path.is_file()]
    return _digest(there or [run.result], run.path)


def _attempts_below(folder: Path) -> list[Attempt]:
    """Those of a run that was set aside, and of runs that had been set aside in that."""
    return RunFolder(folder).attempts() + [attempt for aside in asides(folder) for attempt in _attempts_below(aside)]


def _digest(files: list[Path], root: Path | None = None) -> str:
    digest = hashlib.sha256()
    for path in files:
        name = path.name if root is None else str(path.relative_to(root))
        content = path.read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def _damage(found: RunSnapshot) -> str:
    """The first of its documents that is damaged, in words; "" if none is."""
    documents: list[object] = [found.attempts, found.spec, found.exit, found.result, found.provenance]
    for attempt in found.known_attempts:
        documents += [attempt.runner, attempt.exit, attempt.metrics]
    return next((one.words for one in documents if isinstance(one, Damage)), "")
