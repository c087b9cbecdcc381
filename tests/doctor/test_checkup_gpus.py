"""Drivers and GPUs, of the fake NVML library."""

import json
from pathlib import Path

import pytest

from iqa_train.doctor.check_result import CheckScope
from tests.doctor.checkup_world import AS_JSON, put, the
from tests.fakes.nvml import FakeDriver, has_real_library


@pytest.fixture
def driver(tmp_path: Path) -> FakeDriver:
    return FakeDriver(tmp_path)


def findings(where: CheckScope, driver: FakeDriver, **environment: str) -> dict[str, str]:
    """What is said of GPUs, by verdict."""
    text = driver.run("-c", AS_JSON, str(where.runs_dir.parent), str(where.root), **environment)
    told = [c for c in json.loads(text) if c["name"] == "gpu"]
    return {c["verdict"]: f"{c['message']} -> {c['cure']}" for c in told}


def test_two_that_are_well_and_each_ill_with_its_verdict(where: CheckScope, driver: FakeDriver) -> None:
    assert findings(where, driver) == {"ok": "2 GPUs can be used, NVIDIA driver 550.54.15 -> "}
    driver.set({"0.nvmlDeviceGetTemperatureV": 3, "0.mig": 1, "1.nvmlDeviceGetHandleByIndex_v2": 15})
    told = findings(where, driver)
    assert told["error"].startswith("GPU 1: the GPU is lost")
    assert told["note"].startswith("GPU 0: MIG")
    assert told["ok"].startswith("1 of 2 GPUs can be used")
    driver.set({"0.mig": 0, "1.nvmlDeviceGetHandleByIndex_v2": 4, "0.power": 2**32 - 1})
    told = findings(where, driver)
    assert told["warning"].startswith("GPU 1: the driver refuses this GPU")
    assert told["note"] == "GPU 0: the driver does not report its temperature, power -> "
    driver.set({"0.nvmlDeviceGetMemoryInfo_v2": 3}, without=("1.nvmlDeviceGetHandleByIndex_v2",))
    assert "does not report its memory" in findings(where, driver)["warning"]


def test_gpus_that_are_hidden(where: CheckScope, driver: FakeDriver) -> None:
    assert "'7' is no GPU here" in findings(where, driver, CUDA_VISIBLE_DEVICES="0,7")["warning"]
    assert "hides every GPU" in findings(where, driver, CUDA_VISIBLE_DEVICES="")["warning"]


def test_a_driver_that_does_not_work(where: CheckScope, driver: FakeDriver) -> None:
    driver.set({"nvmlInitWithFlags": 9})
    told = findings(where, driver)
    assert told["error"].endswith("-> load it (modprobe nvidia) or reboot")
    driver.set({"nvmlInitWithFlags": 0, "count": 0})
    assert "shows no GPU" in findings(where, driver)["warning"]


def test_no_driver_with_and_without_a_gpu_on_the_bus(where: CheckScope) -> None:
    if has_real_library():
        pytest.skip("there is an NVIDIA driver on this machine")
    assert the(where, "gpu").verdict == "note"
    for name, vendor, kind in (("0000:00:01.0", "0x8086", "0x030000"), ("0000:01:00.1", "0x10de", "0x040300")):
        put(where.root / "sys/bus/pci/devices" / name / "vendor", f"{vendor}\n")
        put(where.root / "sys/bus/pci/devices" / name / "class", f"{kind}\n")
    assert the(where, "gpu").verdict == "note"  # another maker's, and a card's sound
    put(where.root / "sys/bus/pci/devices/0000:01:00.1/class", "0x030200\n")
    assert the(where, "gpu").verdict == "warning"
