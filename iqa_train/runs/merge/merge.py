"""Joins the runs of other machines' folders: decides on each run, carries it out, and reports what became of it."""

import errno
import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from iqa_train.errors import RunError
from iqa_train.locks import locked
from iqa_train.runs.design_file import SealedDesign, read_design
from iqa_train.runs.document_cache import Damage
from iqa_train.runs.layout import QueueFiles, RunFolder, run_folders, unreadable_folders
from iqa_train.runs.merge.copy_files import ChangedError
from iqa_train.runs.merge.decide import (
    ALIVE,
    CONFLICT,
    CONTINUES,
    FAILED,
    INCOMPLETE,
    NEW,
    REPEAT,
    SAME,
    WINS,
    Decision,
    alive_words,
    decide,
    other_data_words,
)
from iqa_train.runs.merge.designs import DesignDecision, decide_design, join_design
from iqa_train.runs.merge.intact import incomplete
from iqa_train.runs.merge.place import Place, recover
from iqa_train.runs.merge.side import Side, read_side
from iqa_train.runs.merge.source import Source


@dataclass(frozen=True)
class MergeOptions:
    """`queued`: the runs of this folder that its queue is to start, by their path in it. `study`: no other."""

    study: str | None = None
    as_repeat: bool = False
    gone: bool = False
    dry_run: bool = False
    queued: Collection[str] = ()


@dataclass(frozen=True)
class JoinedRun:
    """What became of a run of `source`; `target` is where it is, or would be, here. Values are test SRCCs."""

    source: Source
    there: Side
    target: Path
    decision: Decision
    here: Side | None = None
    tests: tuple[str, ...] = ()


@dataclass
class MergeReport:
    """`runs` in the order of their names, `designs` of studies where there was something to do or to say.

    `unreadable` are folders of a source in which runs may be, and why that is not known.
    """

    runs: list[JoinedRun] = field(default_factory=list)
    unreadable: list[tuple[Source, Path, str]] = field(default_factory=list)
    designs: list[tuple[Source, DesignDecision]] = field(default_factory=list)
    completed: list[RunFolder] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether nothing was left."""
        conflicts = any(one.conflict for _, one in self.designs)
        return not self.unreadable and not conflicts and not any(run.decision.left for run in self.runs)


def merge_runs(sources: Sequence[Source], runs_dir: Path, logs_dir: Path, options: MergeOptions) -> MergeReport:
    """Join the runs of `sources`. In which order these are given does not matter; one merge at a time is at work.

    Raises RunError where this runs folder cannot be worked in; what keeps a single run from being joined is reported.
    """
    with _at_work(runs_dir, options) as (require, completed):
        merge = _Merge(runs_dir, logs_dir, options, require)
        report = merge.run(sources)
        report.completed = completed
        return report


@contextmanager
def _at_work(runs_dir: Path, options: MergeOptions) -> Iterator[tuple[Callable[[], None], list[RunFolder]]]:
    """What raises where another merge took over, and the runs that one which was killed had left."""
    if options.dry_run:
        yield lambda: None, []
        return
    with locked(QueueFiles(runs_dir).merge_lock, patient=True) as held:
        yield held.require, recover(runs_dir)


class _DiskFullError(Exception):
    """Nothing more can be joined."""


class _Merge:
    def __init__(self, runs_dir: Path, logs_dir: Path, options: MergeOptions, require: Callable[[], None]) -> None:
        self._require = require
        self._runs_dir = runs_dir
        self._logs_dir = logs_dir
        self._options = options
        self._report = MergeReport()
        self._planned: dict[str, Side] = {}  # of a dry run: what would be here
        self._data: dict[tuple[str, str], Side] = {}  # what each set of data with a seed was trained on first

    def run(self, sources: Sequence[Source]) -> MergeReport:
        study = self._options.study
        found = [(source, [read_side(run) for run in run_folders(source.runs_dir, study)]) for source in sources]
        ours = [read_side(run) for run in run_folders(self._runs_dir, study)]
        runs = {side.run.path for _, sides in found for side in sides}
        self._report.unreadable = [
            (source, folder, words)
            for source in sources
            for folder, words in unreadable_folders(source.runs_dir, study)
            if folder not in runs  # which are reported as runs
        ]
        for side in ours:
            self._remember_data(side)
        signs = {source: newest_sign(source, sides) for source, sides in found}
        blocked = self._join_designs(found, ours)
        candidates: dict[str, list[tuple[Source, Side]]] = {}
        for source, sides in found:
            for side in sides:
                if (side.tries or side.damage) and (source, side.run.study) not in blocked:
                    key = str(side.run.path.relative_to(source.runs_dir))
                    candidates.setdefault(key, []).append((source, side))
        with suppress(_DiskFullError):
            for key in sorted(candidates):
                for source, there in sorted(candidates[key], key=_rank):
                    self._join(key, source, there, signs[source])
        return self._report

    def _join_designs(
        self, found: Sequence[tuple[Source, list[Side]]], ours: Sequence[Side]
    ) -> set[tuple[Source, str]]:
        """Join designs, the earliest first; returns the studies of sources of which no run may be joined."""
        blocked: set[tuple[Source, str]] = set()
        for study in sorted({side.run.study for _, sides in found for side in sides}):
            here = [side for side in ours if side.run.study == study]
            theirs: list[tuple[str, str, Source, SealedDesign | None, list[Side]]] = []
            try:
                design = read_design(self._runs_dir, study)
            except (RunError, OSError) as error:
                self._report.designs.append((found[0][0], DesignDecision(study, conflict=str(error))))
                blocked |= {(source, study) for source, _ in found}
                continue
            for source, sides in found:
                there = [side for side in sides if side.run.study == study]
                try:
                    sealed = read_design(source.runs_dir, study) if there else None
                except (RunError, OSError) as error:
                    self._report.designs.append((source, DesignDecision(study, conflict=str(error))))
                    blocked.add((source, study))
                    continue
                if there:
                    when = "9" if sealed is None else sealed.sealed_at
                    theirs.append((when, str(source.runs_dir), source, sealed, there))
            for _, _, source, sealed, there in sorted(theirs, key=lambda one: one[:2]):
                decision = decide_design(study, design, sealed, here, there)
                if decision.conflict:
                    blocked.add((source, study))
                elif decision.what:
                    design = sealed
                    if not self._options.dry_run:
                        join_design(decision, self._runs_dir, source.runs_dir)
                if decision.conflict or decision.what:
                    self._report.designs.append((source, decision))
        return blocked

    def _join(self, key: str, source: Source, there: Side, newest: float) -> None:
        target = RunFolder(self._runs_dir / key)
        here = self._here(key)
        decision = self._decide(key, source, here, there, newest)
        if decision.repeats or (decision.what == NEW and there.run.repeat > 1 and there.finished):
            decision, target = self._as_repeat(decision, there, target)
        tests: list[str] = []
        try:
            if not self._options.dry_run:
                tests = self._carry_out(decision, source, here, there, target)
            elif decision.what in {NEW, WINS, CONTINUES, REPEAT}:
                planned = replace(there, run=target, kept=there.kept | (here.kept if here else frozenset()))
                self._planned[str(target.path.relative_to(self._runs_dir))] = planned
        except ChangedError as error:
            decision = Decision(INCOMPLETE, f"{error}; merge again when the folder is copied")
        except RunError as error:
            decision = Decision(FAILED, str(error))
        except OSError as error:
            full = error.errno in {errno.ENOSPC, errno.EDQUOT}
            more = "; make room and merge again, what was joined stays" if full else ""
            decision = Decision(FAILED, f"{error.filename or target.path}: {error.strerror}{more}")
            self._report.runs.append(JoinedRun(source, there, target.path, decision, here))
            if full:
                raise _DiskFullError from None
            return
        if decision.what in {NEW, WINS, CONTINUES}:
            self._remember_data(there)
        self._report.runs.append(JoinedRun(source, there, target.path, decision, here, tuple(tests)))

    def _here(self, key: str) -> Side | None:
        if key in self._planned:
            return self._planned[key]
        run = RunFolder(self._runs_dir / key)
        return read_side(run) if os.path.isdir(run.path) else None  # noqa: PTH112 (which may not be known)

    def _decide(self, key: str, source: Source, here: Side | None, there: Side, newest: float) -> Decision:
        if not there.tries:
            return Decision(FAILED, there.damage)
        if words := alive_words(there, newest, gone=self._options.gone):
            return Decision(ALIVE, words)
        try:
            words = incomplete(there)
        except OSError as error:
            return Decision(FAILED, f"{error.filename or there.run.path} cannot be read: {error.strerror}")
        if words:
            return Decision(
                INCOMPLETE, f"{words}; copy {source.given} again, until the copying program says it is done"
            )
        other = self._data.get(_data_key(there) or ("", ""))
        known = here is not None and here.fingerprint == there.fingerprint
        if other is not None and there.fingerprint != other.fingerprint and not known:
            return Decision(CONFLICT, other_data_words(other, there))
        return decide(here, there, newest_sign=newest, gone=self._options.gone, queued=key in self._options.queued)

    def _as_repeat(self, decision: Decision, there: Side, target: RunFolder) -> tuple[Decision, RunFolder]:
        """Another result of a run that is here: perhaps it was joined as a repeat before, else it may be now."""
        family = [target.first, *target.first.repeats()]
        planned = [side.run for side in self._planned.values() if side.run.first.path == target.first.path]
        for run in [*family, *planned]:
            side = self._here(str(run.path.relative_to(self._runs_dir)))
            if side is not None and side.finished and side.results == there.results:
                return Decision(SAME, f"it is here as {run.seed_words}"), run
        if decision.what == NEW or not self._options.as_repeat:
            return decision, target
        taken = [run.repeat for run in [*family, *planned]]
        free = RunFolder(target.path.with_name(f"{target.first.path.name}-r{max(taken) + 1}"))
        return Decision(REPEAT, f"{there.words}, as {free.seed_words}: it differs from the run here"), free

    def _carry_out(
        self, decision: Decision, source: Source, here: Side | None, there: Side, target: RunFolder
    ) -> list[str]:
        """Returns the other data sets of which tests were added."""
        place = Place(source, self._runs_dir, self._logs_dir, self._require)
        match decision.what:
            case _ if decision.left:
                return []
            case "joined":
                place.join(there, target)
            case "as-repeat":
                place.join_as_repeat(there, target)
            case _ if here is None:
                return []
            case "kept-aside":
                place.keep_aside(there, target)
            case "replaced" | "continued":
                place.replace(there, here)
            case _ if here.finished and there.finished and here.run.path == target.path:
                return place.add_tests(there, here)
        return []

    def _remember_data(self, side: Side) -> None:
        key = _data_key(side)
        if key is not None:
            self._data.setdefault(key, side)


def newest_sign(source: Source, sides: Iterable[Side]) -> float:
    """When the folder was copied, as far as it shows: the latest sign of life of a run or of the scheduler in it."""
    signs = [side.last_sign for side in sides]
    with suppress(OSError):
        signs.append(QueueFiles(source.runs_dir).scheduler.stat().st_mtime)
    return max(signs, default=0.0)


def _rank(candidate: tuple[Source, Side]) -> tuple[bool, int, str, str]:
    """Finished before unfinished; of those what finished first, of these what came furthest."""
    side = candidate[1]
    return not side.finished, 0 if side.finished else -side.epochs, side.ended, side.results


def _data_key(side: Side) -> tuple[str, str] | None:
    """What identifies data: study, set, how it is read, and the seed of the split; None where not recorded."""
    spec = side.spec
    if spec is None or isinstance(spec, Damage) or not side.fingerprint or side.kind.name == "imported log":
        return None
    source = {name: value for name, value in spec.get("source", {}).items() if name not in {"path", "split"}}
    what = [spec["settings"].get("dataset"), source, side.run.seed]
    return side.run.study, json.dumps(what, sort_keys=True)
