"""Several runs in the foreground: the scheduler carries them out, and a live table shows them here."""

import argparse
import json
import shutil
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from iqa_train.cli.manners import manners_of
from iqa_train.cli.status_table import eta_words, status_lines
from iqa_train.cli.text import say
from iqa_train.devices.nvml import Nvml
from iqa_train.errors import RunError
from iqa_train.results.summary import FIRST_RUN, summarise, summary_text
from iqa_train.runner.interruption import GRACE
from iqa_train.runs.documents import read_exit
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.outcome import outcome_from
from iqa_train.runs.snapshot import SnapshotReader
from iqa_train.runs.specfile import read_spec
from iqa_train.runs.state import outside_the_queue, run_state
from iqa_train.runs.state_names import FINISHED, OPEN, RUNNING, WAITING
from iqa_train.scheduler.backend import CANNOT_START
from iqa_train.scheduler.notify_table import notify_reference
from iqa_train.scheduler.outbox import is_due
from iqa_train.scheduler.overview import Overview, Row, read_overview
from iqa_train.scheduler.queue import Item, folder_of, read_queue, require_runs_folder
from iqa_train.scheduler.scheduler_lock import ensure_scheduler, scheduler_process
from iqa_train.scheduler.slurm import attend_slurm
from iqa_train.scheduler.stop import stop_item, withdraw
from iqa_train.scheduler.submit import SubmitOptions, submit
from iqa_train.study.model import Study
from iqa_train.study.profiles import batches_of
from iqa_train.study.spec import RunSpec
from iqa_train.terminal import raw

_EVERY = 1.0  # seconds between two looks
_LINE_EVERY = 30.0
_UP = "\x1b[{}F\x1b[J"  # to the start of the line so many above, and clear from there

Runs = Sequence[tuple[RunSpec, RunFolder]]


def queue_runs(runs: Runs, study: Study, options: argparse.Namespace, argv: list[str]) -> list[Item]:
    """Queue the runs of a command line; returns their items."""
    runs_dir = Path(options.runs_dir)
    submit_options = SubmitOptions(
        policy=options.policy,
        slots=options.slots,
        runs_per_gpu=options.runs_per_gpu,
        gpu=options.gpu,
        retries=options.retries,
        again=options.again,
        repeat=options.repeat,
        logs_dir=options.logs_dir,
        command=("iqa-train", *argv),
        notify={runs[0][0].study: notify_reference(study.path, runs_dir) if study.notify else None},
        local=manners_of(options, study),
        until_decided=options.until_decided,
        slurm=_slurm_tables(runs, study, options),
    )
    batches = batches_of(study, runs[0][0].study)
    return submit([spec for spec, _ in runs], batches, runs_dir, submit_options)


def _slurm_tables(runs: Runs, study: Study, options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """What is asked of Slurm for each experiment; nothing without --backend slurm."""
    if options.backend != "slurm":
        return {}
    from iqa_train.scheduler.slurm.reconcile import require_slurm
    from iqa_train.study.resolve_slurm import resolved

    require_slurm()
    return {spec.experiment: resolved(study, spec).as_json() for spec, _ in runs}


def attend(runs: Runs, items: Sequence[Item], options: argparse.Namespace) -> int:
    """Show the runs until all have ended, then the table of results; returns the highest of their exit codes.

    With --until-decided, further rounds too.
    """
    runs_dir = Path(options.runs_dir)
    study = runs[0][0].study if options.until_decided else None
    _watch(runs_dir, {item.key for item in items}, study)
    if study is not None:
        items = queued_items(runs_dir, study)
        runs = [(read_spec(folder_of(item, runs_dir)), folder_of(item, runs_dir)) for item in items]
    codes = [_exit_code(folder_of(item, runs_dir)) for item in items]
    code = max(codes, default=0)
    for item, exit_code in zip(items, codes, strict=True):
        state = outside_the_queue(run_state(folder_of(item, runs_dir)))
        if exit_code or not state.finished:
            say(f"iqa-train: {item.experiment}: {state.words}")
    if options.json:
        print(json.dumps(read_overview(runs_dir, runs[0][0].study).as_json(), indent=2))
    else:
        baseline = runs[0][0].baseline
        against = FIRST_RUN if options.repeat > 1 else baseline
        say(summary_text(summarise(runs, baseline), against), sys.stdout)
    return max(code, _say_look(runs_dir, study)) if study is not None else code


def queued_items(runs_dir: Path, study: str) -> list[Item]:
    """All items of a study."""
    return [item for item in read_queue(runs_dir).items if item.study == study]


def _say_look(runs_dir: Path, study: str) -> int:
    """Say what the last look has decided; returns 1 if the next round waits for something."""
    queue = read_queue(runs_dir)
    if words := queue.looks.get(study):
        say(words)
    rounds = queue.rounds.get(study)
    if rounds is None or not rounds.waits:
        return 0
    say(f"iqa-train: {rounds.waits}")
    return 1


def _watch(runs_dir: Path, keys: set[str], study: str | None = None) -> None:
    """Show the runs until all have ended, and with `study` until no further round of it is wanted.

    A scheduler that was killed is started again.
    """
    nvml, reader, screen = Nvml(), SnapshotReader(), _Screen()
    while True:
        require_runs_folder(runs_dir)
        overview = read_overview(runs_dir, nvml=nvml, reader=reader)
        mine = [row for row in overview.rows if row.item and (row.item.key in keys or row.study == study)]
        screen.show(overview, mine)
        open_ = [row for row in mine if row.state in OPEN]
        rounds = overview.queue.rounds.get(study or "")
        looking = rounds is not None and not rounds.waits
        if not looking and all(
            row.reason.startswith(CANNOT_START) for row in open_
        ):  # the scheduler keeps trying; we need not wait
            screen.clear()
            if scheduler_process(runs_dir) is None and is_due(overview.queue, runs_dir):
                ensure_scheduler(runs_dir)
            return
        local = any(row.state in WAITING and row.item and row.item.slurm is None for row in open_)
        if scheduler_process(runs_dir) is None and (looking or local):
            ensure_scheduler(runs_dir)
        attend_slurm(runs_dir)
        time.sleep(_EVERY)


class _Screen:
    """On a terminal, one table that is redrawn; elsewhere a line for each change, and one for all every half minute."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._drawn = 0
        self._last_lines: dict[str, str] = {}
        self._next_line = time.monotonic() + _LINE_EVERY

    def show(self, overview: Overview, rows: Sequence[Row]) -> None:
        if not self._live:
            self._print_changes(overview, rows)
            return
        width, height = shutil.get_terminal_size()
        lines = status_lines(overview, rows, width)[: max(1, height - 1)]
        self.clear()
        sys.stderr.write("\n".join(lines) + "\n")
        sys.stderr.flush()
        self._drawn = len(lines)

    def _print_changes(self, overview: Overview, rows: Sequence[Row]) -> None:
        for row in rows:
            line = f"{row.experiment}: {row.state_words}" + (f" on {row.device}" if row.device else "")
            line += f", test SRCC {row.progress.srcc:.4f}" if row.state in FINISHED and row.progress.srcc else ""
            line += f" ({row.reason})" if row.reason else ""
            if self._last_lines.get(str(row.run.path)) != line:
                self._last_lines[str(row.run.path)] = line
                say(line)
        if time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + _LINE_EVERY
            running = [row for row in rows if row.state == RUNNING]
            parts = [f"{row.experiment} epoch {row.progress.epoch or 0}/{row.progress.epochs}" for row in running]
            if parts:
                say(
                    f"  {', '.join(parts)}; all done in {eta_words(overview.seconds_left, guess=overview.eta_is_guess)}"
                )

    def clear(self) -> None:
        if self._drawn:
            raw(sys.stderr).write(_UP.format(self._drawn))
            sys.stderr.flush()
            self._drawn = 0


def stop_all(items: Sequence[Item], runs_dir: Path) -> None:
    """Stop the running ones of these, and take the waiting ones out of the queue."""
    withdraw(items, runs_dir)  # queued runs must not start in place of those being stopped
    with ThreadPoolExecutor(max(1, len(items))) as pool:
        list(pool.map(lambda item: stop_item(item, runs_dir, GRACE), items))


def _exit_code(run: RunFolder) -> int:
    attempts, otherwise = run.attempts(), 0 if run_state(run).finished else 1
    try:
        ended = read_exit(attempts[-1].exit) if attempts else None
        return outcome_from(ended).command_code if ended else otherwise
    except (RunError, ValueError):
        return otherwise
