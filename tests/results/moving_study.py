"""A study whose runs change under one's eyes, made of files alone: queued, started, an epoch on, ended, run again."""

import fcntl
import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType

from iqa_train.runs.layout import RunFolder
from iqa_train.runs.predictions import write_predictions
from iqa_train.scheduler.queue import Item, added, edit_queue, removed
from iqa_train.stats.metrics import srcc
from tests.results.made_study import MadeStudy, predictions


@dataclass
class MovingRun:
    """One run. `expected` is what a table may show of it: the text of its value, or "–"."""

    folder: RunFolder
    number: int  # of its predictions, which differ from run to run and from attempt to attempt
    lock: int | None = None
    result: float | None = None
    epochs: list[float] = field(default_factory=list)
    queued: bool = False
    failed: bool = False

    @property
    def value(self) -> tuple[float, int | None] | None:
        if self.result is not None:
            return self.result, None
        if not self.epochs or self.failed:
            return None
        best = max(self.epochs)
        return best, self.epochs.index(best) + 1


class MovingStudy:
    """Experiments `Baseline`, `A1`, `A2`, each with the same seeds, none of which has been started."""

    def __init__(self, runs_dir: Path, seeds: int) -> None:
        self.runs_dir, self.study = runs_dir, MadeStudy(runs_dir, "small")
        self.runs: dict[tuple[str, int], MovingRun] = {}
        for name, changes in (("Baseline", {}), ("A1", {"lr": 1e-6}), ("A2", {"lr": 2e-6})):
            for seed in range(1, seeds + 1):
                folder = self.study.run(name, seed=seed, state="queued", changes=changes)
                self.runs[name, seed] = MovingRun(folder, 100 * len(self.runs) + seed)

    def __enter__(self) -> "MovingStudy":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for run in self.runs.values():
            self._let_go(run)

    def happens(self, run: MovingRun, choice: int) -> None:
        """One of the things that can happen to the run."""
        if run.lock is not None:
            able = ("epoch", "finish", "epoch", "fail", "epoch", "stop", "finish")
        elif run.queued:
            able = ("start",)
        else:
            able = ("start", "queue")
        event = able[choice % len(able)]
        if event == "queue":
            self._queue(run, again=bool(run.folder.attempts()))
        elif event == "start":
            self._start(run)
        elif event == "epoch":
            self._epoch(run)
        else:
            self._end(run, event)

    def _item(self, run: MovingRun) -> Item:
        path, after = run.folder.path, len(run.folder.attempts())
        return Item(str(path.relative_to(self.runs_dir)), run.folder.experiment, run.folder.seed, after=after)

    def _queue(self, run: MovingRun, *, again: bool = False) -> None:
        with edit_queue(self.runs_dir) as edit:
            edit.queue = added(edit.queue, [replace(self._item(run), again=again)])
        run.queued = True
        run.epochs = []

    def _start(self, run: MovingRun) -> None:
        attempts = run.folder.attempts()
        moved = run.folder.outcome() if attempts else []
        for path in moved:
            path.rename(attempts[-1].folder / path.name)
        run.epochs, run.failed, run.number = [], False, run.number + 10
        run.lock = os.open(run.folder.lock, os.O_RDWR | os.O_CREAT)
        fcntl.flock(run.lock, fcntl.LOCK_EX)
        attempt = run.folder.next_attempt()
        attempt.folder.mkdir()
        (run.folder.path / "checkpoints").mkdir()
        attempt.metrics.write_text('{"event": "start"}\n')
        attempt.runner.write_text(json.dumps({"resumed": False}))

    def _epoch(self, run: MovingRun) -> None:
        value = round((run.number * 37 % 89 + 13 * len(run.epochs) % 29) / 130, 6)
        event = {
            "event": "epoch", "round": 1, "epoch": len(run.epochs) + 1, "val_srcc": value, "test_srcc": value,
            "test_plcc": value, "best": all(value > other for other in run.epochs),
        }  # fmt: skip
        run.epochs.append(value)
        with run.folder.attempts()[-1].metrics.open("a") as file:
            file.write(json.dumps(event) + "\n")

    def _end(self, run: MovingRun, event: str) -> None:
        code = {"finish": 0, "fail": 3, "stop": 6}[event]
        if event == "finish":
            table = predictions(run.number, 4.0 + run.number % 7, images=24)
            write_predictions(run.folder.round(1, 1).predictions("test"), table)
            run.result, run.epochs = srcc(table.predictions, table.scores), []
            test = {"srcc": run.result, "plcc": run.result}
            run.folder.result.write_text(json.dumps({**test, "rounds": [{"seed": run.folder.seed, "test": test}]}))
        run.failed = event == "fail" and run.result is None
        state = {"finish": "completed", "fail": "failed", "stop": "killed"}[event]
        ended = {"state": state, "reason": event, "exit_code": code, "signal": None, "requested": event == "stop"}
        run.folder.attempts()[-1].exit.write_text(json.dumps(ended))
        self._let_go(run)
        with edit_queue(self.runs_dir) as edit:
            edit.queue = removed(edit.queue, [str(run.folder.path.relative_to(self.runs_dir))])
        run.queued = False

    @staticmethod
    def _let_go(run: MovingRun) -> None:
        if run.lock is not None:
            os.close(run.lock)
            run.lock = None
