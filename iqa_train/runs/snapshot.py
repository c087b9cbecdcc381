"""A snapshot of a run: its documents and its processes, read once, in an order that no change meanwhile can mislead.

An exit.json is final. Without one, the run's lock says whether it is alive; where the lock is free, exit.json is read
again, since a runner writes it before it lets go of the lock. State, progress, item status and row are functions of
snapshots (`runs.state`, `runs.progress`, `scheduler.item_status`, `scheduler.overview`) and read nothing.
"""

import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from iqa_train.locks import is_held, locks_lie
from iqa_train.mounts import NETWORK, mount_of
from iqa_train.procfs import boot_id
from iqa_train.runs.attempt_facts import worker_identity
from iqa_train.runs.document_cache import Damage, DocumentCache, unreadable
from iqa_train.runs.documents import (
    ExitFacts,
    ProvenanceFacts,
    ResultFacts,
    RunnerFacts,
    SpecFacts,
    read_exit,
    read_provenance,
    read_result,
    read_runner,
    read_spec_facts,
)
from iqa_train.runs.identity import ProcessIdentity, identity_from, origin_from, suspension_words
from iqa_train.runs.layout import Attempt, RunFolder, is_attempt, is_outcome, run_folders
from iqa_train.runs.marks import marked
from iqa_train.runs.metrics import Metrics, epochs_until_taken_over
from iqa_train.runs.outcome import WITH_RESULT
from iqa_train.runs.server_clock import server_ahead
from iqa_train.runs.slurm_job import slurm_watch
from iqa_train.runs.state_names import FINISHED
from iqa_train.slurm.answer import Answer

T = TypeVar("T")

_FEW = 64
_DOUBTFUL = 30.0  # seconds since a sign of life, from which on it matters whose clock it is by
LATEST = 75.0
"""Seconds after which a file of another host shows: clients of NFS look again after 60 at most."""


@dataclass(frozen=True)
class ProcessSnapshot:
    """A runner or a worker. `condition` is the kernel's letter for it; None where it is gone or cannot be seen."""

    pid: int | None
    condition: str | None = None

    @property
    def alive(self) -> bool:
        return self.condition is not None

    def suspension(self, since: str = "") -> str:
        """That it is suspended, and how to continue it; "" if it is not."""
        return suspension_words(self.pid, self.condition, since)


@dataclass(frozen=True)
class Origin:
    """The host or container that an attempt was started in, as seen from here."""

    here: bool
    place: str = ""
    preposition: str = "on"
    earlier_boot: bool = False

    @property
    def where(self) -> str:
        return f"{self.preposition} {self.place}"


@dataclass(frozen=True)
class Liveness:
    """What was seen of the processes of an attempt without an exit.json. The signs of life are times of files."""

    origin: Origin | None = None
    rebooted: bool = False
    runner: ProcessSnapshot | None = None
    worker: ProcessSnapshot | None = None
    others: bool = False  # processes that the attempt started, looked for where no worker is known
    begun: bool = False  # there are metrics
    stop_requested: bool = False
    heartbeat: float | None = None
    worker_sign: float | None = None
    last_sign: float = 0.0
    ahead: float = 0.0  # of this host's clock: that of the signs of life, where they may decide
    hidden: bool = False  # on a network file system, a runner.json that another host has written may not show yet


@dataclass(frozen=True)
class AttemptSnapshot:
    """`metrics`, and `exit` of attempts before the last, are None also where not wanted: see `SnapshotReader.read`."""

    files: Attempt
    runner: RunnerFacts | Damage | None = None
    exit: ExitFacts | Damage | None = None
    metrics: Metrics | Damage | None = None
    set_aside: bool = False  # results lie in its folder, so that the next attempt started over
    result: ResultFacts | Damage | None = None  # as `provenance`, of one whose results were set aside
    provenance: ProvenanceFacts | Damage | None = None

    @property
    def number(self) -> int:
        return self.files.number

    @property
    def facts(self) -> RunnerFacts:
        """Its runner.json; empty where that is missing or damaged."""
        return {} if self.runner is None or isinstance(self.runner, Damage) else self.runner

    @property
    def has_result(self) -> bool:
        """Whether it had finished, and its result lies in its folder."""
        if not isinstance(self.result, dict):
            return False
        if isinstance(self.exit, dict):
            return self.exit["state"] in FINISHED
        end = self.metrics.end if isinstance(self.metrics, Metrics) else None  # where its runner was killed
        return end is not None and end["code"] in WITH_RESULT


@dataclass(frozen=True)
class RunSnapshot:
    """A run at `time`. Of the last attempt: `exit`; `locked`, `live` and `job`, None where it has an exit.json.

    `job` is what Slurm says of the job that the attempt is part of.
    """

    run: RunFolder
    attempts: tuple[AttemptSnapshot, ...] | Damage = ()
    exit: ExitFacts | Damage | None = None
    locked: bool | Damage | None = False
    live: Liveness | Damage | None = None
    job: Answer | None = None
    spec: SpecFacts | Damage | None = None
    result: ResultFacts | Damage | None = None
    provenance: ProvenanceFacts | Damage | None = None
    is_there: bool = True
    time: float = 0.0

    @property
    def known_attempts(self) -> tuple[AttemptSnapshot, ...]:
        """None where they cannot be read; the state says so."""
        return () if isinstance(self.attempts, Damage) else self.attempts

    @property
    def last(self) -> AttemptSnapshot | None:
        return self.known_attempts[-1] if self.known_attempts else None


class SnapshotReader:
    """Takes snapshots; what has not changed since the one before is not read again. Not for several threads at once.

    A run that is not read any more is forgotten: see `_documents_of`.
    """

    def __init__(self) -> None:
        self._known: dict[str, DocumentCache] = {}
        self._recent: set[str] = set()
        self._reads = 0
        self._seen: dict[str, tuple[RunSnapshot, bool]] | None = None

    @contextmanager
    def one_moment(self) -> Iterator[None]:
        """Within the block every look at a run that has not finished is the same look."""
        self._seen = {}
        try:
            yield
        finally:
            self._seen = None

    @property
    def remembered(self) -> frozenset[str]:
        """The folders of the runs whose documents it holds."""
        return frozenset(self._known)

    def _documents_of(self, path: str) -> DocumentCache:
        """What is known of the run in `path`.

        After as many reads as cover every run twice, those that were in none of them are forgotten. They have been
        removed, or have left the queue; counting the reads takes no look at the disk.
        """
        if self._reads > 2 * len(self._known) + _FEW:
            self._known = {known: documents for known, documents in self._known.items() if known in self._recent}
            self._recent, self._reads = set(), 0
        self._recent.add(path)
        self._reads += 1
        return self._known.setdefault(path, DocumentCache())

    def read_each(self, runs: Iterable[RunFolder], *, whole: bool = False) -> list[RunSnapshot]:
        """Those of `runs`, in their order."""
        return [self.read(run, whole=whole) for run in runs]

    def read_all(self, runs_dir: Path, study: str | None = None, *, whole: bool = False) -> list[RunSnapshot]:
        """Those of a runs folder, or of one study in it, by study, experiment and seed."""
        return self.read_each(run_folders(runs_dir, study), whole=whole)

    def read(self, run: RunFolder, *, whole: bool = False) -> RunSnapshot:
        """A run now; with `whole` also its provenance, and earlier attempts and the metrics of one with a result."""
        if self._seen is None:
            return self._read(run, whole=whole)
        seen, was_whole = self._seen.get(str(run.path), (None, False))
        if seen is None or (whole and not was_whole):
            known, seen = seen, self._read(run, whole=whole)
            if known is not None and known.exit is None:  # what it has come to since is for the next moment
                seen = replace(known, provenance=seen.provenance)
            self._seen[str(run.path)] = seen, whole
        return seen

    def _read(self, run: RunFolder, *, whole: bool) -> RunSnapshot:
        path = str(run.path)
        documents = self._documents_of(path)
        found = documents.read(path, _attempt_names)
        if found is None or isinstance(found, Damage):
            return RunSnapshot(run, found or (), is_there=found is not None, time=time.time())
        attempts = [Attempt(run.path / name) for name in found]
        ended, facts = None, None
        locked: bool | Damage | None = None
        live: Liveness | Damage | None = None
        job: Answer | None = None
        if attempts:
            ended, facts, locked = _read_last(documents, run, attempts[-1])
        else:
            locked = _attempted(lambda: is_held(run.lock))
        if attempts and ended is None:
            known = {} if facts is None or isinstance(facts, Damage) else facts
            live = _attempted(lambda: _look_at_processes(attempts[-1], known, locked=locked is True))
            job = slurm_watch().answer(attempts[-1].folder, known.get("slurm"))
            if job is not None and (found_now := documents.read(f"{attempts[-1].folder}/exit.json", read_exit)):
                ended, locked, live, job = found_now, None, None, None  # written while squeue was asked
        result = documents.read(f"{path}/result.json", read_result)
        finished = isinstance(ended, dict) and ended["state"] in FINISHED and isinstance(result, dict)
        every = whole or not finished
        snapshots = [_read_attempt(documents, AttemptSnapshot(a), every=every, whole=whole) for a in attempts[:-1]]
        if attempts:
            last = AttemptSnapshot(attempts[-1], facts, ended)
            snapshots.append(_read_attempt(documents, last, every=every, whole=whole, is_last=True))
            snapshots = _without_late_epochs(snapshots)
        spec = documents.read(f"{path}/spec.json", read_spec_facts)
        provenance = documents.read(f"{path}/provenance.json", read_provenance) if whole else None
        return RunSnapshot(run, tuple(snapshots), ended, locked, live, job, spec, result, provenance, time=time.time())


def read_snapshot(run: RunFolder, *, whole: bool = False) -> RunSnapshot:
    """One look at one run, as `SnapshotReader.read` takes it."""
    return SnapshotReader().read(run, whole=whole)


def _read_last(
    documents: DocumentCache, run: RunFolder, attempt: Attempt
) -> tuple[ExitFacts | Damage | None, RunnerFacts | Damage | None, bool | Damage | None]:
    """Exit, runner and lock; the lock only where there is no exit."""
    path = str(attempt.folder)
    ended = documents.read(f"{path}/exit.json", read_exit)
    facts = documents.read(f"{path}/runner.json", read_runner)
    if ended is not None:
        return ended, facts, None
    locked = _attempted(lambda: is_held(run.lock))
    if locked is False:  # written since: the lock is let go of only after it
        ended = documents.read(f"{path}/exit.json", read_exit)
    return ended, facts, locked if ended is None else None


def _read_attempt(
    documents: DocumentCache, known: AttemptSnapshot, *, every: bool, whole: bool, is_last: bool = False
) -> AttemptSnapshot:
    """`known` with what it lacks; its provenance only if the run is read `whole`."""
    if not every:
        return known
    path = str(known.files.folder)
    facts, ended = known.runner, known.exit
    if facts is None:
        facts = documents.read(f"{path}/runner.json", read_runner)
    if ended is None and not is_last:
        ended = documents.read(f"{path}/exit.json", read_exit)
    found = documents.read_metrics(known.files.metrics)
    metrics = found if found is None or isinstance(found, Damage) else found.metrics
    set_aside = documents.read(path, _has_outcome)
    seen = set_aside if isinstance(set_aside, Damage) else metrics
    result = documents.read(f"{path}/result.json", read_result) if set_aside is True else None
    provenance = documents.read(f"{path}/provenance.json", read_provenance) if whole and result else None
    return AttemptSnapshot(known.files, facts, ended, seen, bool(set_aside), result, provenance)


def _without_late_epochs(attempts: list[AttemptSnapshot]) -> list[AttemptSnapshot]:
    known = [(a, a.metrics) for a in attempts if isinstance(a.metrics, Metrics)]
    if not any("took_over" in attempt.facts for attempt in attempts):
        return attempts
    kept = epochs_until_taken_over([(a.number, a.facts, m.epochs) for a, m in known])
    cut = {a.number: replace(m, epochs=epochs) for (a, m), epochs in zip(known, kept, strict=True)}
    return [replace(a, metrics=cut.get(a.number, a.metrics)) for a in attempts]


def _attempted(look: Callable[[], T]) -> T | Damage:
    try:
        return look()
    except OSError as error:
        return unreadable(error)


def _attempt_names(folder: Path) -> tuple[str, ...]:
    """The folders of the attempts, the oldest first."""
    names = [entry for entry in os.listdir(folder) if is_attempt(entry)]  # noqa: PTH208
    return tuple(sorted(names, key=lambda name: int(re.sub(r"\D", "", name))))


def _has_outcome(folder: Path) -> bool:
    return any(is_outcome(name) for name in os.listdir(folder))  # noqa: PTH208


def _look_at_processes(attempt: Attempt, facts: RunnerFacts, *, locked: bool) -> Liveness:
    """Processes are looked for in all of /proc only where the lock is held and runner.json names none."""
    origin, runner, worker = origin_from(facts), None, None
    others = False
    named = identity_from(facts, "runner")
    if named is not None and (origin is None or origin.is_here) and (locked or _lives_unlocked(attempt, facts)):
        runner = _process(named)
        worker = _process(worker_identity(attempt, facts))
        others = locked and worker is None and not (runner and runner.alive) and bool(marked(attempt.folder))
    signs = [_mtime(path) for path in (attempt.heartbeat, attempt.metrics, attempt.runner)]
    last = max((s for s in signs if s), default=0.0)
    runs_dir, ahead, hidden = attempt.folder.absolute().parents[3], 0.0, False
    if not locked and (origin is None or not origin.is_here):
        if abs(time.time() - last) > _DOUBTFUL:
            ahead = server_ahead(runs_dir)
        if not facts:
            young = abs(time.time() + ahead - (_mtime(attempt.folder) or 0.0)) < LATEST
            hidden = young and mount_of(runs_dir).kind in NETWORK
    return Liveness(
        _seen_from_here(origin), bool(facts) and facts.get("boot_id") != boot_id(), runner, worker, others,
        signs[1] is not None, attempt.stop.exists(), signs[0], signs[1], last, ahead, hidden,
    )  # fmt: skip


def _lives_unlocked(attempt: Attempt, facts: RunnerFacts) -> bool:
    """Whether a process is alive whose lock only looks free, on a file system whose locks do nothing."""
    named = (identity_from(facts, "runner"), worker_identity(attempt, facts))
    return any(one is not None and one.alive for one in named) and locks_lie(RunFolder(attempt.folder.parent).lock)


def _process(named: ProcessIdentity | None) -> ProcessSnapshot | None:
    return None if named is None else ProcessSnapshot(named.pid, named.condition)


def _seen_from_here(origin: ProcessIdentity | None) -> Origin | None:
    if origin is None or origin.is_here:
        return None if origin is None else Origin(here=True)
    preposition = origin.where.partition(" ")[0]
    return Origin(False, origin.place, preposition, origin.may_be_an_earlier_boot)


def _mtime(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return None
