"""Reads a study's files into a board; what has not changed since the last reading is not read again."""

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
from iqa_train.results.run_record import RunRecord, with_queued
from iqa_train.results.selection import RunSelection, chosen_runs
from iqa_train.results.table import Curve, ResultRow, StudyResults
from iqa_train.runs.identity import suspension
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.snapshot import SnapshotReader
from iqa_train.runs.state_names import OPEN
from iqa_train.scheduler.overview import Overview, Row, read_overview
from iqa_train.scheduler.queue import Queue
from iqa_train.study.findings import Finding
from iqa_tui.state.batches import batch_lines
from iqa_tui.state.board import Board, RunLine, Target
from iqa_tui.state.devices import DeviceReader
from iqa_tui.state.slurm_keeper import SlurmKeeper

Stamp = tuple[Any, ...]


class StudyReader:
    """Reads one study repeatedly. Not thread-safe."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._nvml = Nvml()
        self._runs = SnapshotReader()
        self._devices = DeviceReader(self._nvml)
        self._slurm = SlurmKeeper(target.runs_dir)
        self._selection: RunSelection | None = None
        self._stamp: Stamp = ()  # of what results were computed from
        self._results: StudyResults | None = None
        self._full_results: StudyResults | None = None  # with intervals, from when a run last finished
        self._finished: frozenset[Stamp] = frozenset()
        self._curves: tuple[Curve, ...] = ()
        self._findings: tuple[Finding, ...] = ()
        self._reasons: dict[str, tuple[str, ...]] = {}
        self._why_no_results = ""

    def read(self) -> Board:
        """The current board. Never raises because of file contents: `problem` says what is wrong."""
        with self._runs.one_moment():
            return self._read()

    def _read(self) -> Board:
        problem, queue = "", None
        self._slurm.look()
        selection = self._selection
        try:
            selection = selection or self._select_runs()
            overview = self._read_overview(selection.name)
        except RunError as error:  # a damaged queue: running runs can still be shown
            problem, queue = str(error), Queue()
            overview = self._read_overview(selection.name if selection else self.target.study, queue)
        except (UserError, OSError) as error:
            return Board(problem=str(error), read=True, devices=self._devices.read((), self.target.slots))
        try:
            selection = self._refresh(overview)
        except (UserError, OSError) as error:
            problem = problem or str(error)
        if selection is None:
            return Board(problem=problem, read=True, devices=self._devices.read((), self.target.slots))
        return self._board(selection, overview, problem)

    def close(self) -> None:
        """Close the driver."""
        self._nvml.close()

    def _read_overview(self, study: str | None, queue: Queue | None = None) -> Overview:
        return read_overview(self.target.runs_dir, study, self._nvml, queue=queue, reader=self._runs)

    def _select_runs(self) -> RunSelection:
        t = self.target
        selection = chosen_runs(t.runs_dir, t.study, t.experiments, t.profile, self._runs)
        self._selection = replace(selection, runs=with_queued(selection.runs, waiting_folders(t.runs_dir, self._runs)))
        return self._selection

    def _refresh(self, overview: Overview) -> RunSelection:
        """The runs of the study; they and the results are read again if a run or the study file has changed."""
        stamp = (self._file_stamp(), tuple(_row_stamp(row) for row in overview.rows))
        if self._selection is not None and stamp == self._stamp:
            return self._selection
        selection = self._select_runs()
        self._findings = tuple(audit_with_data(selection.study, selection.profile)) if selection.study else ()
        try:
            self._results = self._compute_results(selection)
            self._why_no_results = ""
        except NotComparableError as error:
            self._results, self._why_no_results = None, str(error)
        self._curves = tuple(curves(selection.runs, self._results))
        reasons = all_reasons(self._results) if self._results else []
        self._reasons = {verdict.experiment: verdict.sentences for verdict in reasons}
        self._stamp = stamp
        return selection

    def _file_stamp(self) -> Stamp:
        path = self._selection.study.path if self._selection and self._selection.study else None
        try:
            facts = path.stat() if path else None
        except OSError:
            return (str(path), None)
        return (str(path), facts and (facts.st_mtime_ns, facts.st_size))

    def _compute_results(self, selection: RunSelection) -> StudyResults:
        """Results; intervals are resampled only when a run has finished, since that takes a while."""
        metric = selection.declared.metric
        tried = (one for run in selection.runs for one in (run, *run.repeats))
        finished = frozenset(map(_settled, tried))
        full = self._full_results
        if full is None or full.metric != metric or finished != self._finished:
            self._full_results = results_of(selection, metric)
            self._finished = finished
            return self._full_results
        settled = {row.experiment: row for row in full.rows if row.epoch is None and not row.reported}
        quick = results_of(selection, metric, resamples=0)
        rows = tuple(
            row if row.reported or row.experiment not in settled else _brought_up(settled[row.experiment], row)
            for row in quick.rows
        )
        return replace(full, rows=rows)

    def _board(self, selection: RunSelection, overview: Overview, problem: str) -> Board:
        lines = self._lines(selection, overview)
        notes = (self._why_no_results, *selection.notes, *(self._results.notes if self._results else ()))
        queue = overview.queue
        study = selection.study
        design = next((found for found in overview.designs if found.study == selection.name), None)
        return Board(
            study=selection.name,
            title=selection.title,
            dataset=self._results.dataset if self._results else "",
            baseline=self._baseline(selection),
            metric=selection.declared.metric,
            lines=lines,
            batches=batch_lines(study.batches if study else (), lines),
            devices=self._devices.read(overview.rows, self._slots(queue), queue.runs_per_gpu),
            results=self._results,
            reasons=self._reasons,
            curves=self._curves,
            epochs=max((_epochs(run) for run in selection.runs), default=0),
            expects=any(r.expected or r.expected_delta for r in (self._results.rows if self._results else ())),
            findings=self._findings,
            notes=tuple(dict.fromkeys(filter(None, notes))),
            policy=queue.policy,
            paused=queue.paused,
            scheduler_pid=overview.scheduler.pid if overview.scheduler else None,
            needs_scheduler=overview.needs_scheduler,
            scheduler_suspended=suspension(overview.scheduler),
            slurm_silent=overview.slurm_silent,
            seconds_left=_seconds_left(lines, overview),
            round_waits=design.waits if design else "",
            more_rounds=design is not None and design.more_rounds,
            problem=problem,
            file=study,
            profile=selection.profile,
            read=True,
        )

    def _baseline(self, selection: RunSelection) -> str:
        """As the study file declares it, else as the runs do."""
        return selection.baseline or (self._results.baseline if self._results else "")

    def _slots(self, queue: Queue) -> int | None:
        """The queue's CPU slots while it has items, else those given to the console."""
        return queue.slots if queue.items and queue.slots is not None else self.target.slots

    def _lines(self, selection: RunSelection, overview: Overview) -> tuple[RunLine, ...]:
        """The study's runs in its order, then its runs with other settings than those in the study file."""
        rows = {str(row.run.path): row for row in overview.rows}
        results = self._results.measured if self._results else {}
        planned = [
            self._line(run.folder, run.experiment, run.seed, str(run.spec.get("title", "")), rows, results, selection)
            for run in selection.runs
        ]
        known = {line.key for line in planned}
        others = [
            replace(self._line(row.run, row.experiment, row.seed, "", rows, {}, selection), planned=False)
            for key, row in rows.items()
            if key not in known
        ]
        return tuple(replace(line, number=n) for n, line in enumerate((*planned, *others), 1))

    def _line(
        self, folder: RunFolder, experiment: str, seed: int, title: str, rows: dict[str, Row],
        results: dict[str, ResultRow], selection: RunSelection,
    ) -> RunLine:  # fmt: skip
        result = results.get(experiment)
        return RunLine(
            0, experiment, seed, title, folder, rows.get(str(folder.path)), result,
            is_baseline=experiment == self._baseline(selection),
            own=next((run for run in (result.runs if result else ()) if run.folder == str(folder.path)), None),
        )  # fmt: skip


def _epochs(run: RunRecord) -> int:
    """All rounds together, as planned; 0 where nothing is known."""
    settings = run.spec.get("settings", {})
    return (settings.get("epochs") or 0) * (settings.get("train_test_num") or 0)


def _settled(run: RunRecord) -> Stamp:
    """What results with intervals depend on: which attempt's result counts, and how a run without one has ended."""
    counted = run.counted.attempt if run.counted is not None else 0
    under_way = run.pending or run.state.finished
    return str(run.folder.path), ("again" if run.again else "") if under_way else run.state.name, counted, run.remarks


def _brought_up(settled: ResultRow, now: ResultRow) -> ResultRow:
    """A row with intervals, from when a run last ended, with what running runs change: states and where they stand."""
    if settled.look is not None:  # what is under way belongs to the next look
        return replace(settled, state=now.state, runs=now.runs)
    return replace(
        settled, provisional=now.provisional, state=now.state, runs=now.runs, standing=now.standing, epoch=now.epoch,
        value=settled.value if now.epoch is None else now.value,
    )  # fmt: skip


def _row_stamp(row: Row) -> Stamp:
    """The parts of a row on which results depend."""
    return (str(row.run.path), row.state, row.attempt, row.progress.epoch, row.progress.srcc, _noted_at(row.run))


def _noted_at(run: RunFolder) -> int:
    """When the notes on it were last changed."""
    try:
        return run.notes.stat().st_mtime_ns
    except OSError:
        return 0


def _seconds_left(lines: Sequence[RunLine], overview: Overview) -> float | None:
    """The time until the study is done: the longest of its open runs, if all have an estimate."""
    times: dict[bool, list[float]] = defaultdict(list)
    for line in lines:
        if line.row is not None and line.state in OPEN:
            times[line.row.eta_s is None].append(line.row.eta_s or 0.0)
    return max(times[False]) if times[False] and not times[True] and not overview.queue.paused else None
