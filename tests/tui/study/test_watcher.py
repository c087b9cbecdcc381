"""The watcher keeps reading, whatever the files hold."""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from iqa_tui.state.board import Board, Target
from iqa_tui.state.watcher import Watcher
from tests.faults.fault_project import FaultyProject

ODD = [
    b"",
    b"[1]",
    b'{"rounds": [4]}',
    b'{"rounds": 7}',
    b'{"rounds": [{"test": {"srcc": "x"}}], "srcc": []}',
    b"\xff\x00",
]


@pytest.mark.parametrize("content", ODD)
def test_a_damaged_result_is_reported_and_the_next_look_comes(
    five_done: FaultyProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    shutil.copytree(five_done.folder, tmp_path / "p", ignore=shutil.ignore_patterns("data", "cache", "witness"))
    monkeypatch.chdir(tmp_path / "p")
    (result,) = (tmp_path / "p/runs/small/A1").glob("*/result.json")
    whole = json.loads(result.read_bytes())
    result.write_bytes(content)
    boards: list[Board] = []
    watcher = Watcher(Target(Path("runs"), Path("logs")), boards.append)
    watcher.start()
    _wait(lambda: any(b.results is not None or b.problem for b in boards))
    assert "bug in the console" not in boards[-1].problem
    line = next(line for line in boards[-1].lines if line.experiment == "A1")
    said = f"{line.row and line.row.reason} {line.result and line.result.notes} {boards[-1].problem}"
    odd_numbers = b"srcc" in content  # the predictions give the true ones
    assert odd_numbers or any(word in said for word in ("damaged", "gone")), said
    result.write_text(json.dumps(whole))
    seen = len(boards)
    _wait(lambda: watcher.look_now() or len(boards) > seen + 1)  # type: ignore[func-returns-value]
    watcher.close()


def _wait(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.05)
