"""A console that shows one given board, for pictures that are the same on every machine."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from iqa_train.devices.inventory import Device
from iqa_tui.app import Console
from iqa_tui.state.board import Board, DeviceLine, Devices, Host, Target
from iqa_tui.state.study_reader import StudyReader
from tests.faults.fault_project import FaultyProject

GIB = 1 << 30
CJK = "消融实验：去掉注意力 · 어텐션 제거"


class Once:
    """In the watcher's place: publishes one board."""

    def __init__(self, publish: Callable[[Board], None], board: Board) -> None:
        self._publish, self._board = publish, board

    def start(self) -> None:
        self._publish(self._board)

    def look_now(self) -> None: ...

    def close(self) -> None: ...


class Still(Console):
    """Shows `board` as it is."""

    def __init__(self, board: Board) -> None:
        super().__init__(Target(), readonly=True)
        self.watcher = Once(partial(self._publish, self.target), board)


def board_of(project: FaultyProject, title: str = "") -> Board:
    """The study's board, on a machine with two busy CPU slots."""
    reader = StudyReader(
        Target(project.folder / "runs", project.folder / "logs", experiments=project.folder / "experiments.toml")
    )
    board = reader.read()
    reader.close()
    slots = tuple(DeviceLine(Device("cpu", k, f"cpu-{k}", "CPU")) for k in range(2))
    host = Host(tuple(float(10 * k % 100) for k in range(60)), 9 * GIB, 24 * GIB)
    lines = tuple(replace(line, title=title or line.title) for line in board.lines)
    return replace(board, lines=lines, title=title or board.title, devices=Devices(slots, host, "there is no driver"))
