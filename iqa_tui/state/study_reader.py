"""Reads a study's files into a board; what has not changed since the last look is not read again."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from iqa_train.datasets.leaks import audit_with_data
from iqa_train.devices.nvml import Nvml
from iqa_train.doctor.queue import waiting_folders
from iqa_train.errors import RunError, UserError
from iqa_train.report.collect import results_of
from iqa_train.report.verdict_text import all_reasons
from iqa_train.results.comparison import NotComparableError
from iqa_train.results.epochs import curves
from iqa_train.results.run_record import with_queued
from iqa_train.results.selection import RunSelection, chosen_runs
from iqa_train.results.table import Curve, ResultRow, StudyResults
from iqa_train.runs.identity import suspension
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.snapshot import SnapshotReader
from iqa_train.runs.state_names import OPEN
from iqa_train.scheduler.overview import Overview, Row, read_overview
from iqa_train.scheduler.queue import Queue
from iqa_train.study.audit import Finding
from iqa_tui.state.batches import batch_lines
from iqa_tui.state.board import Board, RunLine, Target
from iqa_tui.state.devices import DeviceReader

Stamp = tuple[Any, ...]


class StudyReader:
    """Looks at one study again and again. Not for several threads at once."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._nvml = Nvml()
        self._runs = SnapshotReader()
        self._devices = DeviceReader(self._nvml)
        self._chosen: RunSelection | None = None
        self._chosen_at: Stamp = ()
        self._results: StudyResults | None = None
        self._whole: StudyResults | None = None  # with intervals, as of when a run last finished
        self._finished: frozenset[str] = frozenset()
        self._curves: tuple[Curve, ...] = ()
        self._findings: tuple[Finding, ...] = ()
        self._reasons: dict[str, tuple[str, ...]] = {}
        self._remark = ""  # why there are no results

    def read(self) -> Board:
        """The board as it is now. Never raises for what files hold: `problem` says what is amiss."""
        problem, queue = "", None
        chosen = self._chosen
        try:
            chosen = chosen or self._choose()
            overview = self._look(chosen.name)
        except RunError as error:  # a damaged queue: what runs can still be seen
            problem, queue = str(error), Queue()
            overview = self._look(chosen.name if chosen else self.target.study, queue)
        except (UserError, OSError) as error:
            return Board(problem=str(error), read=True, devices=self._devices.read((), self.target.slots))
        try:
            chosen = self._renewed(overview)
        except (UserError, OSError) as error:
            problem = problem or str(error)
        if chosen is None:
            return Board(problem=problem, read=True, devices=self._devices.read((), self.target.slots))
        return self._board(chosen, overview, problem)

    def close(self) -> None:
        """Let go of the driver."""
        self._nvml.close()

    def _look(self, study: str | None, queue: Queue | None = None) -> Overview:
        return read_overview(self.target.runs_dir, study, self._nvml, queue=queue, reader=self._runs)

    def _choose(self) -> RunSelection:
        t = self.target
        chosen = chosen_runs(t.runs_dir, t.study, t.experiments, t.profile, self._runs)
        self._chosen = replace(chosen, runs=with_queued(chosen.runs, waiting_folders(t.runs_dir)))
        return self._chosen

    def _renewed(self, overview: Overview) -> RunSelection:
        """The runs of the study, read again where a run or the study file has changed; results likewise."""
        stamp = (self._file_stamp(), tuple(_row_stamp(row) for row in overview.rows))
        if self._chosen is not None and stamp == self._chosen_at:
            return self._chosen
        chosen = self._choose()
        self._curves = tuple(curves(chosen.runs))
        self._findings = tuple(audit_with_data(chosen.study, chosen.profile)) if chosen.study else ()
        try:
            self._results = self._judged(chosen)
            self._remark = ""
        except NotComparableError as error:
            self._results, self._remark = None, str(error)
        reasons = all_reasons(self._results) if self._results else []
        self._reasons = {one.experiment: one.sentences for one in reasons}
        self._chosen_at = stamp
        return chosen

    def _file_stamp(self) -> Stamp:
        path = self._chosen.study.path if self._chosen and self._chosen.study else None
        try:
            facts = path.stat() if path else None
        except OSError:
            return (str(path), None)
        return (str(path), facts and (facts.st_mtime_ns, facts.st_size))

    def _judged(self, chosen: RunSelection) -> StudyResults:
        """Results; resampled only when a run has finished, since that takes a while, and is the same until then."""
        finished = frozenset(str(run.folder.path) for run in chosen.runs if run.state.finished)
        if self._whole is None or finished != self._finished:
            self._whole = results_of(chosen, "srcc")
            self._finished = finished
            return self._whole
        settled = {row.experiment: row for row in self._whole.rows if not row.provisional and not row.reported}
        quick = results_of(chosen, "srcc", resamples=0)
        rows = tuple(row if row.reported else settled.get(row.experiment, row) for row in quick.rows)
        return replace(quick, rows=rows, notes=self._whole.notes)

    def _board(self, chosen: RunSelection, overview: Overview, problem: str) -> Board:
        lines = self._lines(chosen, overview)
        queue = overview.queue
        study = chosen.study
        baseline = chosen.baseline or (self._results.baseline if self._results else "")
        return Board(
            study=chosen.name,
            title=chosen.title,
            dataset=self._results.dataset if self._results else "",
            baseline=baseline,
            lines=lines,
            batches=batch_lines(study.batches if study else (), lines),
            devices=self._devices.read(overview.rows, self._slots(queue), queue.runs_per_gpu),
            results=self._results,
            reasons=self._reasons,
            curves=self._curves,
            findings=self._findings,
            notes=tuple(filter(None, (self._remark, *chosen.notes, *(self._results.notes if self._results else ())))),
            policy=queue.policy,
            paused=queue.paused,
            scheduler_pid=overview.scheduler.pid if overview.scheduler else None,
            scheduler_suspended=suspension(overview.scheduler),
            seconds_left=_seconds_left(lines, overview),
            problem=problem,
            file=study,
            profile=chosen.profile,
            read=True,
        )

    def _slots(self, queue: Queue) -> int | None:
        """Those of the queue while it has something to do, else those asked for here."""
        return queue.slots if queue.items and queue.slots is not None else self.target.slots

    def _lines(self, chosen: RunSelection, overview: Overview) -> tuple[RunLine, ...]:
        """The study's runs in its order, then those of the same study that it does not mean: with other settings."""
        rows = {str(row.run.path): row for row in overview.rows}
        results = {row.experiment: row for row in (self._results.rows if self._results else ()) if not row.reported}
        planned = [
            self._line(run.folder, run.experiment, run.seed, str(run.spec.get("title", "")), rows, results, chosen)
            for run in chosen.runs
        ]
        known = {line.key for line in planned}
        others = [
            replace(self._line(row.run, row.experiment, row.seed, "", rows, {}, chosen), planned=False)
            for key, row in rows.items()
            if key not in known
        ]
        return tuple(replace(line, number=n) for n, line in enumerate((*planned, *others), 1))

    def _line(
        self, folder: RunFolder, experiment: str, seed: int, title: str, rows: dict[str, Row],
        results: dict[str, ResultRow], chosen: RunSelection,
    ) -> RunLine:  # fmt: skip
        return RunLine(
            0, experiment, seed, title, folder, rows.get(str(folder.path)), results.get(experiment),
            is_baseline=experiment == chosen.baseline,
        )  # fmt: skip


def _row_stamp(row: Row) -> Stamp:
    """What of a row, when it changes, changes results."""
    return (str(row.run.path), row.state, row.attempt, row.progress.epoch, row.progress.srcc)


def _seconds_left(lines: Sequence[RunLine], overview: Overview) -> float | None:
    """Until this study is done: its last open run's time, where every one of them has one."""
    times: dict[bool, list[float]] = defaultdict(list)
    for line in lines:
        if line.row is not None and line.state in OPEN:
            times[line.row.eta_s is None].append(line.row.eta_s or 0.0)
    return max(times[False]) if times[False] and not times[True] and not overview.queue.paused else None
