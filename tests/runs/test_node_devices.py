"""The devices of other nodes, from what runs on them noted."""

import json
import os
from pathlib import Path
from typing import Any

from iqa_train.runs.layout import Attempt
from iqa_train.runs.node_devices import NodeReader

GPU = {
    "node": "n1", "kind": "gpu", "index": 0, "key": "GPU-1", "name": "NVIDIA H200", "utilisation": 83.0,
    "memory_used": 60 << 30, "memory_total": 141 << 30, "power": 412.0, "power_limit": 700.0, "temperature": 66,
    "processes_of_others": False,
}  # fmt: skip
CPU = {"node": "n2", "kind": "cpu", "index": 0, "key": "cpu-0", "name": "CPU", "utilisation": 99.0, "memory_used": 1}


def noted(folder: Path, number: int, *samples: dict[str, Any]) -> Attempt:
    attempt = Attempt(folder / f"attempt-{number:02d}")
    attempt.folder.mkdir(exist_ok=True)
    attempt.devices.write_text("".join(json.dumps(sample) + "\n" for sample in samples))
    return attempt


def test_runs_on_one_gpu_share_its_newest_sample(tmp_path: Path) -> None:
    one = noted(tmp_path, 1, GPU | {"time": 90.0, "utilisation": 20.0}, GPU | {"time": 100.0})
    other = noted(tmp_path, 2, GPU | {"time": 95.0, "utilisation": 50.0})
    (device,) = NodeReader().read([("A1", one), ("A2", other)])
    assert (device.node, device.label, device.runs, device.time) == ("n1", "GPU 0", ("A1", "A2"), 100.0)
    assert (device.utilisation, device.past, device.power) == (83.0, (20.0, 83.0), 412.0)
    assert device.age(112.0) == 12.0
    assert device.age(90.0) == 0.0


def test_runs_on_one_cpu_are_added_up(tmp_path: Path) -> None:
    one, other = (noted(tmp_path, number, CPU | {"time": 100.0 + number}) for number in (1, 2))
    (device,) = NodeReader().read([("A1", one), ("A2", other)])
    assert (device.node, device.label, device.utilisation, device.memory_used) == ("n2", "CPU", 198.0, 2)


def test_this_nodes_own_devices_and_runs_without_samples_are_left_out(tmp_path: Path) -> None:
    here = noted(tmp_path, 1, GPU | {"time": 1.0, "node": f"{os.uname().nodename.partition('.')[0]}.example.org"})
    damaged = noted(tmp_path, 2)
    damaged.devices.write_bytes(b"\0" * 100)
    assert NodeReader().read([("A1", here), ("A2", damaged), ("A3", Attempt(tmp_path / "attempt-03"))]) == ()


def test_what_has_grown_is_read_again(tmp_path: Path) -> None:
    reader = NodeReader()
    attempt = noted(tmp_path, 1, GPU | {"time": 1.0})
    assert [device.time for device in reader.read([("A1", attempt)])] == [1.0]
    noted(tmp_path, 1, GPU | {"time": 1.0}, GPU | {"time": 11.0})
    assert [device.time for device in reader.read([("A1", attempt)])] == [11.0]
