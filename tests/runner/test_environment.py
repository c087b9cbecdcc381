"""A queued run gets the environment of the command that queued it, and only GPUs which that command could see."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from iqa_train.devices.inventory import Device
from iqa_train.devices.nvml import GpuReading, Nvml, Sample
from iqa_train.runner.environment import NAMES, environment_of, interpreter, interpreter_of, surroundings
from iqa_train.scheduler.device_slots import list_device_slots
from iqa_train.scheduler.placement import DeviceSlots, QueueEntry, plan
from iqa_train.scheduler.queue import Item, Queue, edit_queue, read_queue


def item(experiment: str, visible: str | None = None, **fields: object) -> Item:
    environment = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    run = f"study/{experiment}/s42-0123456789"
    return Item(run, experiment, 42, environment=environment, **fields)  # type: ignore[arg-type]


def test_only_named_variables_are_recorded_and_none_of_them_holds_a_secret() -> None:
    given = {"HF_HOME": "/cache", "HF_TOKEN": "secret", "AWS_SECRET_ACCESS_KEY": "secret", "HTTPS_PROXY": "u:secret@h"}
    assert surroundings(Path("/home/ada"), given) == {"HF_HOME": "/cache"}
    assert not [name for name in NAMES if any(word in name for word in ("TOKEN", "SECRET", "KEY", "PASS", "PROXY"))]


def test_what_was_not_set_then_is_not_set() -> None:
    base = {"HOME": "/home/ada", "HF_HOME": "/scheduler", "XDG_CACHE_HOME": "/scheduler", "CUDA_VISIBLE_DEVICES": ""}
    given = environment_of({"HF_HOME": "/mine", "HF_TOKEN": "put there by hand"}, Path("/p"), base)
    assert given == {"HOME": "/home/ada", "HF_HOME": "/mine"}
    assert environment_of(None, Path("/p"), base) == base


def test_paths_in_the_project_move_with_it() -> None:
    given = {"PATH": "/p/q/bin:/usr/bin:/p/q", "XDG_CACHE_HOME": "/p/q/cache", "HF_HOME": "/p/qq", "TMPDIR": "/x/p/q"}
    recorded = surroundings(Path("/p/q"), given)
    assert environment_of(recorded, Path("/new"), {}) == {
        "PATH": "/new/bin:/usr/bin:/new", "XDG_CACHE_HOME": "/new/cache", "HF_HOME": "/p/qq", "TMPDIR": "/x/p/q",
    }  # fmt: skip


def test_the_interpreter_moves_with_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "one" / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(python))
    name = interpreter(tmp_path / "one")
    assert name == ".venv/bin/python"
    (tmp_path / "one").rename(tmp_path / "two")
    assert interpreter_of(name, tmp_path / "two") == str(tmp_path / "two" / name)
    assert interpreter_of(name, tmp_path) == interpreter_of("", tmp_path) == str(python)


def test_the_queue_keeps_it(tmp_path: Path) -> None:
    mine = item("A1", "2,3", python=".venv/bin/python")
    with edit_queue(tmp_path) as edit:
        edit.queue = Queue((mine,))
    assert read_queue(tmp_path).items == (mine,)


class Driver(Nvml):
    """Four GPUs."""

    def sample(self) -> Sample:
        gpus = tuple(GpuReading(k, f"GPU-{k}", "NVIDIA H100", memory_total=80 << 30, memory_used=0) for k in range(4))
        return Sample(0.0, gpus)


@pytest.fixture(autouse=True)
def leases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IQA_TRAIN_LEASES", str(tmp_path / "leases"))


def started(items: list[Item], policy: str = "greedy") -> dict[str, str]:
    places = list_device_slots(None, 1, [], Driver(), items)
    made = plan([QueueEntry(each, "waiting") for each in items], places, policy=policy)
    return {start.item.experiment: start.device.label for start in made.starts}


def test_a_run_is_placed_where_its_own_command_could_see(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")  # the scheduler's, which counts for none
    items = [item("A1", "3"), item("A2", "GPU-2"), item("B1"), item("B2", ""), item("B3", "3")]
    assert started(items) == {"A1": "GPU 3", "A2": "GPU 2", "B1": "GPU 0", "B2": "CPU slot 0"}


def test_items_of_earlier_versions_have_the_schedulers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert started([replace(item("A1"), environment=None)]) == {"A1": "GPU 1"}


def test_a_batch_counts_gpus_as_nvidia_smi_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    seen = [item("A1", "2,3", gpu=0), item("A2", "2,3", gpu=3)]
    assert started(seen, "batches") == {"A1": "GPU 2", "A2": "GPU 3"}  # 0 is hidden: another takes its place


def test_a_pinned_gpu_that_is_hidden_is_waited_for_with_the_reason() -> None:
    places = [DeviceSlots(Device("gpu", k, f"GPU-{k}", "H100"), shown_by=frozenset({"0", "1"[:k]})) for k in range(2)]
    made = plan([QueueEntry(item("A1", "0", gpu=5, pinned=True), "waiting")], places)
    assert list(made.waits.values()) == ["waiting for GPU 5, which is not there"]
    places[1] = replace(places[1], shown_by=frozenset({None}))
    made = plan([QueueEntry(item("A1", "0", gpu=1, pinned=True), "waiting")], places)
    assert list(made.waits.values()) == ["waiting for GPU 1, which is hidden by its CUDA_VISIBLE_DEVICES='0'"]
