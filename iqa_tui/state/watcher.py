"""The thread that looks once a second and hands every new board to whoever wants it."""

import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import replace

from iqa_tui.state.board import Board, Target

EVERY = 1.0  # seconds between two looks; also the sampling of GPUs, whose own window is as long
_RESTING = 3.0  # while nothing is waiting or running


class Watcher:
    """Looks until it is closed; `tell` is called in the watcher's own thread."""

    def __init__(self, target: Target, tell: Callable[[Board], None]) -> None:
        self.target = target
        self._tell = tell
        self._wake = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)

    def start(self) -> None:
        """Begin; the first board comes as soon as it is read."""
        self._thread.start()

    def look_now(self) -> None:
        """Do not wait for the next second: something has just been done."""
        self._wake.set()

    def close(self) -> None:
        """Look no more."""
        self._closed = True
        self._wake.set()

    def _run(self) -> None:
        from iqa_tui.state.first_board import glance  # the study's libraries take longer than the first picture

        first = glance(self.target)
        if first is not None:
            self._tell(first)
        from iqa_tui.state.study_reader import (
            StudyReader,  # and those of the results longer than the states of the runs
        )

        reader = StudyReader(self.target)
        board = first or Board()
        while not self._closed:
            began = time.monotonic()
            try:
                board = reader.read()
            except Exception as error:  # noqa: BLE001 (a defect of ours: said, and looked again, not a frozen picture)
                trace = traceback.extract_tb(error.__traceback__)[-1]
                words = f"defect in the console: {error!r} in {trace.name}, line {trace.lineno} of {trace.filename}"
                board = replace(board, problem=f"{words}; the runs are not touched by it", read=True)
            if self._closed:
                break
            self._tell(board)
            resting = not any(line.is_open for line in board.lines)
            spent = time.monotonic() - began
            self._wake.wait(max(0.2, (_RESTING if resting else EVERY) - spent))
            self._wake.clear()
        reader.close()
