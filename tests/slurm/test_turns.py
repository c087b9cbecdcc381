"""Who reconciles: one at a time, and what was asked for is done by whoever has the turn."""

import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from iqa_train.locks import lock_if_free
from iqa_train.runs.layout import SlurmFiles
from iqa_train.scheduler.slurm import turns
from iqa_train.scheduler.slurm.turns import in_turn

Call = tuple[Mapping[str, str], bool]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    monkeypatch.setattr(turns, "_PATIENCE", 0.1)
    return []


def test_what_was_asked_for_during_a_turn_is_done_by_its_holder(tmp_path: Path, calls: list[Call]) -> None:
    def work(ending: Mapping[str, str], forgiving: bool) -> None:
        calls.append((ending, forgiving))
        if len(calls) == 1:
            others = [
                threading.Thread(target=in_turn, args=(tmp_path, work), kwargs={"asked": True, **wishes})
                for wishes in ({"ending": {"17_3": "COMPLETED"}}, {"forgiving": True}, {})
            ]
            for other in others:
                other.start()
            for other in others:
                other.join()

    in_turn(tmp_path, work, asked=False)
    assert calls == [({}, False), ({"17_3": "COMPLETED"}, True)]
    assert not SlurmFiles(tmp_path).looks_again()


def test_what_a_killed_holder_leaves_is_done_next(tmp_path: Path, calls: list[Call]) -> None:
    def work(ending: Mapping[str, str], forgiving: bool) -> None:
        calls.append((ending, forgiving))

    files = SlurmFiles(tmp_path)
    files.folder.mkdir()
    with lock_if_free(files.lock):
        in_turn(tmp_path, work, asked=True, ending={"17_3": "FAILED"})
    assert calls == []
    in_turn(tmp_path, work, asked=False)
    assert calls == [({"17_3": "FAILED"}, False)]


def test_a_mark_outlives_a_look_that_failed(tmp_path: Path) -> None:
    def fail(_ending: Mapping[str, str], _forgiving: bool) -> None:
        raise OSError

    SlurmFiles(tmp_path).folder.mkdir()
    SlurmFiles(tmp_path).look_again("command").touch()
    with pytest.raises(OSError):
        in_turn(tmp_path, fail, asked=True)
    assert SlurmFiles(tmp_path).looks_again()


def test_nobody_looks_right_after_another_unless_asked(tmp_path: Path, calls: list[Call]) -> None:
    def work(ending: Mapping[str, str], forgiving: bool) -> None:
        calls.append((ending, forgiving))

    in_turn(tmp_path, work, asked=False)
    in_turn(tmp_path, work, asked=False)
    assert len(calls) == 1
    in_turn(tmp_path, work, asked=True)
    assert len(calls) == 2
