"""A thread that reads the study once a second and passes on each new board."""

import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import replace

from iqa_tui.state.board import Board, Target

INTERVAL = 1.0  # seconds between two readings; also the sampling of GPUs, whose own window is as long
_IDLE_INTERVAL = 3.0  # while nothing is queued or running


class Watcher:
    """Reads until it is closed; `publish` is called in the watcher's thread."""

    def __init__(self, target: Target, publish: Callable[[Board], None]) -> None:
        self.target = target
        self._publish = publish
        self._wake = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)

    def start(self) -> None:
        """Start the thread; the first board comes as soon as it is read."""
        self._thread.start()

    def look_now(self) -> None:
        """Read at once: something has just changed."""
        self._wake.set()

    def close(self) -> None:
        """Stop reading."""
        self._closed = True
        self._wake.set()

    def _run(self) -> None:
        from iqa_train.runs.slurm_job import slurm_watch
        from iqa_tui.state.first_board import read_first_board  # imported here, after the first screen is drawn

        slurm_watch().in_background = True  # a controller may take half a minute to answer, or not to
        first = read_first_board(self.target)
        if first is not None:
            self._publish(first)
        from iqa_tui.state.study_reader import StudyReader  # statistics take longer to import than run states

        reader = StudyReader(self.target)
        board = first or Board()
        while not self._closed:
            began = time.monotonic()
            try:
                board = reader.read()
            except Exception as error:  # noqa: BLE001 (a bug of ours: report it and keep reading, rather than freeze the screen)
                trace = traceback.extract_tb(error.__traceback__)[-1]
                text = f"bug in the console: {error!r} in {trace.name}, line {trace.lineno} of {trace.filename}"
                board = replace(board, problem=f"{text}; the runs are not affected", read=True)
            if self._closed:
                break
            self._publish(board)
            idle = not any(line.is_open for line in board.lines)
            spent = time.monotonic() - began
            self._wake.wait(max(0.2, (_IDLE_INTERVAL if idle else INTERVAL) - spent))
            self._wake.clear()
        reader.close()
