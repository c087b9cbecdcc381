"""Which devices runs can be placed on, what a worker there sees, and what others hold of a GPU."""

import os
from pathlib import Path

import pytest

from iqa_train.cli.lease_device import check_gpu
from iqa_train.devices.inventory import (
    Device,
    Inventory,
    foreign_memory,
    inventory,
    inventory_of,
    worker_environment,
)
from iqa_train.devices.nvml import GpuProcess, GpuReading, Sample
from iqa_train.errors import UsageError
from tests.fakes.nvml import FakeDriver

UUIDS = ("GPU-8932f937-d72c-4106-c12f-20bd9faed9f6", "GPU-89aa0134-0b71-5c2e-9d10-7a3c1de54f02", "GPU-11112222-a")
GIB = 1 << 30


def sample_of(*gpus: GpuReading, error: str = "") -> Sample:
    readings = gpus or tuple(
        GpuReading(k, uuid, "NVIDIA H200", memory_used=k, memory_total=140 * GIB) for k, uuid in enumerate(UUIDS)
    )
    return Sample(0.0, readings, error, "550")


def seen(visible: str | None, *gpus: GpuReading) -> Inventory:
    return inventory_of(sample_of(*gpus), {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible})


def indices(found: Inventory) -> list[int]:
    return [device.index for device in found.devices if device.kind == "gpu"]


def test_a_gpu_as_a_device() -> None:
    device = seen(None).devices[1]
    assert device == Device("gpu", 1, UUIDS[1], "NVIDIA H200", memory_total=140 * GIB, memory_used=1)
    assert (device.label, device.lost, device.threads) == ("GPU 1", False, None)


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        (None, [0, 1, 2]),
        ("0", [0]),
        ("2,0", [2, 0]),
        (" 1 , 2 ", [1, 2]),
        (UUIDS[1], [1]),
        ("GPU-1,GPU-893", [2, 0]),
        (f"1,{UUIDS[0]}", [1, 0]),
        ("+1", [1]),
    ],
)
def test_what_cuda_visible_devices_shows(visible: str | None, expected: list[int]) -> None:
    found = seen(visible)
    assert indices(found) == expected
    assert (found.why_no_gpu, found.note) == ("", "")


@pytest.mark.parametrize(
    ("visible", "expected", "culprit"),
    [
        ("0,-1,1", [0], "-1"), ("1,3,0", [1], "3"), ("0,,1", [0], "''"), ("2,GPU-89,0", [2], "GPU-89"),
        ("0,GPU-77", [0], "GPU-77"), ("1,MIG-4b2,0", [1], "a MIG instance"),
    ],
)  # fmt: skip
def test_an_entry_that_is_not_a_gpu_hides_itself_and_all_that_follow(
    visible: str, expected: list[int], culprit: str
) -> None:
    found = seen(visible)
    assert indices(found) == expected
    assert culprit in found.note
    assert found.why_no_gpu == ""


@pytest.mark.parametrize(
    ("visible", "why"),
    [
        ("", "is empty"), ("-1", "'-1' is no GPU here"), ("7", "'7' is no GPU"), ("NoDevFiles", "NoDevFiles"),
        ("0,0", "names GPU 0 twice"), ("MIG-4b2", "MIG instance"), ("GPU-\x1b[2J", r"GPU-\x1b[2J"),
    ],
)  # fmt: skip
def test_with_every_gpu_hidden_there_is_one_cpu_slot_and_the_reason(visible: str, why: str) -> None:
    found = seen(visible)
    assert [(d.kind, d.key, d.label) for d in found.devices] == [("cpu", "cpu-0", "CPU slot 0")]
    assert why in found.why_no_gpu
    assert found.note == ""


def test_the_reason_for_no_gpu_is_the_drivers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(7)))
    found = inventory_of(Sample(0.0, (), "the driver is not loaded"), {})
    assert found.devices == (Device("cpu", 0, "cpu-0", "CPU", threads=7),)
    assert found.why_no_gpu == "the driver is not loaded"


def test_a_refused_gpu_is_not_a_device_and_is_not_counted() -> None:
    refused = GpuReading(0, "", "GPU", refused=True, note="no permission")
    other = GpuReading(1, UUIDS[1], "H200")
    assert indices(seen(None, refused, other)) == [1]
    assert indices(seen("0", refused, other)) == [1]
    assert seen(None, refused).why_no_gpu == "GPU 0: no permission"


def test_nothing_can_be_started_on_a_lost_gpu_or_a_silent_driver() -> None:
    lost = GpuReading(0, UUIDS[0], "H200", lost=True, note="it is lost")
    healthy = GpuReading(1, UUIDS[1], "H200")
    assert [(d.lost, d.note) for d in seen(None, lost, healthy).devices] == [(True, "it is lost"), (False, "")]
    silent = inventory_of(sample_of(healthy, error="unknown error"), {})
    assert [(d.lost, d.note) for d in silent.devices] == [(True, "unknown error")]


@pytest.mark.parametrize(("cores", "slots", "threads"), [(16, 4, 4), (7, 2, 3), (2, 3, 1), (1, 1, 1)])
def test_cpu_slots_share_the_cores(monkeypatch: pytest.MonkeyPatch, cores: int, slots: int, threads: int) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    found = inventory(slots)
    assert [(d.kind, d.index, d.key, d.threads) for d in found.devices] == [
        ("cpu", k, f"cpu-{k}", threads) for k in range(slots)
    ]
    with pytest.raises(ValueError, match="one at least"):
        inventory(0)


def test_the_driver_is_asked_and_cpu_slots_replace_gpus_on_request(tmp_path: Path) -> None:
    driver = FakeDriver(tmp_path)
    ask = "from iqa_train.devices.inventory import *; print([d.label for d in inventory({}).devices])"
    assert driver.run("-c", ask.format("")) == "['GPU 0', 'GPU 1']\n"
    assert (driver.calls("nvmlInitWithFlags"), driver.calls("nvmlShutdown")) == (1, 1)
    assert driver.run("-c", ask.format(""), CUDA_VISIBLE_DEVICES="1") == "['GPU 1']\n"
    assert driver.run("-c", ask.format("2")) == "['CPU slot 0', 'CPU slot 1']\n"


def test_a_worker_sees_its_gpu_by_uuid_and_no_other() -> None:
    base = {"CUDA_VISIBLE_DEVICES": "1,0", "CUDA_DEVICE_ORDER": "FASTEST_FIRST", "HOME": "/h"}
    environment = worker_environment(Device("gpu", 1, UUIDS[1], "H200"), base)
    assert environment == {"CUDA_VISIBLE_DEVICES": UUIDS[1], "CUDA_DEVICE_ORDER": "PCI_BUS_ID", "HOME": "/h"}
    assert base["CUDA_VISIBLE_DEVICES"] == "1,0"
    assert worker_environment(Device("gpu", 1, "gpu-1", "no UUID known"), {})["CUDA_VISIBLE_DEVICES"] == "1"


def test_a_worker_on_a_cpu_slot_sees_no_gpu_and_starts_with_one_thread_whatever_the_cores(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setenv("SOMETHING", "else")
    environment = worker_environment(Device("cpu", 0, "cpu-0", "CPU", threads=3))
    assert environment["CUDA_VISIBLE_DEVICES"] == ""
    assert [environment[f"{name}_NUM_THREADS"] for name in ("OMP", "MKL", "OPENBLAS")] == ["1", "1", "1"]
    assert environment["SOMETHING"] == "else"


def busy(used: int | None, *processes: tuple[int | None, int | None]) -> GpuReading:
    return GpuReading(0, UUIDS[0], "H200", memory_used=used, processes=tuple(GpuProcess(*p) for p in processes))


@pytest.mark.parametrize(
    ("reading", "own", "expected"),
    [
        (busy(0), [], 0),
        (busy(30 * GIB, (5, 20 * GIB), (6, 10 * GIB)), [5], 10 * GIB),
        (busy(30 * GIB, (5, 20 * GIB), (6, 10 * GIB)), [5, 6], 0),
        (busy(30 * GIB, (5, 20 * GIB)), [5], 10 * GIB),  # of a process that the driver does not list here
        (busy(30 * GIB, (None, 20 * GIB)), [5], 30 * GIB),
        (busy(5 * GIB, (5, 6 * GIB)), [5], 0),  # the two were not read in the same instant
        (busy(5 * GIB, (5, None)), [5], None),
        (busy(5 * GIB, (6, None)), [5], 5 * GIB),
        (busy(None, (5, GIB), (6, 2 * GIB)), [5], 2 * GIB),
        (busy(None, (6, None)), [5], None),
        (GpuReading(0, UUIDS[0], "H200", memory_used=GIB), [], GIB),
        (GpuReading(0, UUIDS[0], "H200", memory_used=GIB), [5], None),
        (GpuReading(0, UUIDS[0], "H200", lost=True), [5], None),
    ],
)
def test_what_others_hold_of_a_gpu(reading: GpuReading, own: list[int], expected: int | None) -> None:
    assert foreign_memory(reading, own) == expected


def test_the_environment_of_a_gpu_requested_by_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = FakeDriver(tmp_path)
    ask = """
from iqa_train.cli.lease_device import check_gpu
from iqa_train.devices.inventory import inventory, worker_environment
from iqa_train.errors import UsageError
try:
    check_gpu({0}, None)
    print(*(worker_environment(d)["CUDA_VISIBLE_DEVICES"] for d in inventory().devices if d.index == {0}))
except UsageError as error:
    print(error)
"""
    assert driver.run("-c", ask.format(1)).strip() == UUIDS[1]
    assert "--gpu 2: this machine has 0: NVIDIA H200; 1: NVIDIA H200;" in driver.run("-c", ask.format(2))
    assert "no GPU here" in driver.run("-c", ask.format(1), CUDA_VISIBLE_DEVICES="0,7")
    driver.set({"1.nvmlDeviceGetHandleByIndex_v2": 15})
    assert "--gpu 1: the GPU is lost" in driver.run("-c", ask.format(1))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(UsageError, match=r"--gpu 0: this machine has no GPU \(.*\)"):
        check_gpu(0, None)
