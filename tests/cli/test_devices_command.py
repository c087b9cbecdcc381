"""`iqa-train devices`."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from iqa_train.cli.commands.devices import main
from iqa_train.errors import UsageError
from iqa_train.scheduler.queue import Item, edit_queue
from iqa_train.study.manners import Manners
from tests.conftest import STUDY
from tests.fakes.nvml import H200, NEVER_A_PID, RESERVED, UUIDS, FakeDriver

COMMAND = ("-m", "iqa_train.cli.main", "devices")
KEYS = {
    "kind", "index", "label", "key", "name", "memory_total", "memory_used", "utilisation", "temperature", "power",
    "power_limit", "processes", "threads", "mig", "lost", "note",
}  # fmt: skip


@pytest.fixture
def driver(tmp_path: Path) -> FakeDriver:
    return FakeDriver(tmp_path)


def document(driver: FakeDriver, *words: str, **environment: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(driver.run(*COMMAND, "--json", *words, **environment))
    assert set(found) == {"devices", "why_no_gpu", "note", "driver", "nodes", "local"}
    assert all(set(device) == KEYS for device in found["devices"])
    return found


def test_a_table_of_two_gpus(driver: FakeDriver) -> None:
    mine = os.getpid()
    driver.set({"0.utilisation": 97, "0.memory": f"{H200} {RESERVED} {22_870_000_000}", "0.power": 341_250})
    driver.set({"0.processes": f"{mine}:{20 << 30} {NEVER_A_PID}:{1 << 30}", "0.temperature": 74})
    driver.set(
        {"1.nvmlDeviceGetPowerUsage": 3, "1.nvmlDeviceGetEnforcedPowerLimit": 3, "1.nvmlDeviceGetTemperatureV": 4}
    )
    assert driver.run(*COMMAND).splitlines() == [
        "NVIDIA driver 550.54.15",
        "",
        "GPU  Name         Memory GiB  Use   Temp  Power      Processes",
        f"0    NVIDIA H200  21.3/140.4  97 %  74 C  341/700 W  pid {mine} 20.0 GiB, other (host PID) 1.0 GiB",
        "1    NVIDIA H200  0.0/140.4   0 %   n/a   n/a        none",
    ]


def test_json_of_two_gpus(driver: FakeDriver) -> None:
    driver.set({"0.processes": f"{os.getpid()}:-"})
    found = document(driver)
    assert (found["driver"], found["why_no_gpu"], found["note"]) == ("550.54.15", "", "")
    assert [device["key"] for device in found["devices"]] == list(UUIDS)
    assert found["devices"][0] == {
        "kind": "gpu", "index": 0, "label": "GPU 0", "key": UUIDS[0], "name": "NVIDIA H200", "memory_total": H200,
        "memory_used": 0, "utilisation": 0, "temperature": 31, "power": 76.5, "power_limit": 700,
        "processes": [{"pid": os.getpid(), "memory": None}], "threads": None, "mig": False, "lost": False, "note": "",
    }  # fmt: skip


def test_devices_lists_only_what_the_caller_may_see(driver: FakeDriver) -> None:
    found = document(driver, CUDA_VISIBLE_DEVICES="1,5,0")
    assert [device["index"] for device in found["devices"]] == [1]
    assert "'5' is no GPU here" in found["note"]
    assert "'5' is no GPU here" in driver.run(*COMMAND, CUDA_VISIBLE_DEVICES="1,5,0")


def test_without_a_gpu_the_reason_and_the_slots(driver: FakeDriver) -> None:
    driver.set({"nvmlInitWithFlags": 9})
    found = document(driver)
    assert [device["label"] for device in found["devices"]] == ["CPU slot 0"]
    assert found["devices"][0]["threads"] == len(os.sched_getaffinity(0))
    assert "not loaded" in found["why_no_gpu"]
    assert found["driver"] is None
    text = driver.run(*COMMAND)
    assert text.startswith("No GPU is used: the NVIDIA driver is not loaded")
    assert "CPU slot 0: " in text


def test_slots_requested_beside_gpus(driver: FakeDriver) -> None:
    found = document(driver, "--slots", "3")
    assert [device["key"] for device in found["devices"]] == ["cpu-0", "cpu-1", "cpu-2"]
    assert found["driver"] == "550.54.15"
    assert "CPU slot 2: " in driver.run(*COMMAND, "--slots", "3")


def test_a_lost_gpu_is_named_below_the_table(driver: FakeDriver) -> None:
    driver.set({"1.nvmlDeviceGetUtilizationRates": 15, "1.name": "H200 \x1b]0;title\x07"})
    text = driver.run(*COMMAND)
    assert "\nGPU 1: the GPU is lost" in text
    assert "\x1b" not in text
    assert "\x07" not in text
    assert [device["lost"] for device in document(driver)["devices"]] == [False, True]


def test_limits_of_the_study_file_and_of_the_queue(driver: FakeDriver, tmp_path: Path) -> None:
    file, runs = tmp_path / "lab.toml", tmp_path / "runs"
    file.write_text(f'{STUDY}\n[local]\ngpu_order = [1, 0]\nmax_gpus = 1\nquiet_hours = "22:00-07:00"\n')
    items = [Item(f"small/{name}/s42-0123456789", name, 42, local=Manners(nice=5)) for name in ("A1", "A2")]
    runs.mkdir()
    with edit_queue(runs) as edit:
        edit.queue = replace(edit.queue, items=(*items, Item("other/A1/s1-0123456789", "A1", 1)))
    words = ("--experiments", str(file), "--runs-dir", str(runs))
    text = driver.run(*COMMAND, *words)
    limits = "GPUs 1, 0, in this order; at most 1 GPU at once; no start in quiet hours (22:00-07:00)"
    assert f"\n\n[local] of {file}: {limits}" in text
    assert f"\nqueue of {runs}, study small (2 runs): niceness 5\n" in text
    assert f"\nqueue of {runs}, study other (1 run): no limit\n" in text
    of_file, small, other = document(driver, *words)["local"]
    assert (of_file["gpu_order"], of_file["max_gpus"], of_file["nice"], of_file["error"]) == ([1, 0], 1, 0, "")
    assert (small["study"], small["runs"], small["nice"], other["nice"]) == ("small", 2, 5, 0)


def test_a_study_file_with_mistakes_does_not_hide_the_devices(driver: FakeDriver, tmp_path: Path) -> None:
    file = tmp_path / "lab.toml"
    file.write_text(f"{STUDY}\n[local]\nnice = 40\n")
    text = driver.run(*COMMAND, "--experiments", str(file))
    assert "0    NVIDIA H200" in text
    assert "nice = 40 is out of range" in text


@pytest.mark.parametrize("argv", [["--slots", "0"], ["--slots", "two"], ["--gpu", "1"], ["extra"]])
def test_bad_usage(argv: list[str]) -> None:
    with pytest.raises(UsageError):
        main(argv)
