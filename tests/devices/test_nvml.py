"""What the driver says, and what is made of it when something is wrong: the real pynvml on a fake library."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.nvml import H200, NEVER_A_PID, RESERVED, UUIDS, FakeDriver, has_real_library

LOST, UNKNOWN, NO_PERMISSION, NOT_SUPPORTED, FUNCTION_NOT_FOUND = 15, 999, 4, 3, 13
READINGS = {
    "nvmlDeviceGetUtilizationRates": {"utilisation"},
    "nvmlDeviceGetMemoryInfo_v2": {"memory_used", "memory_total"},
    "nvmlDeviceGetTemperatureV": {"temperature"},
    "nvmlDeviceGetPowerUsage": {"power"},
    "nvmlDeviceGetEnforcedPowerLimit": {"power_limit"},
    "nvmlDeviceGetComputeRunningProcesses_v3": {"processes"},
}


@pytest.fixture
def driver(tmp_path: Path) -> FakeDriver:
    return FakeDriver(tmp_path)


def test_every_reading_of_two_gpus(driver: FakeDriver) -> None:
    driver.set({"0.utilisation": 97, "0.memory": f"{H200} {RESERVED} {20 << 30}", "0.power": 341_250})
    driver.set({"0.processes": f"{os.getpid()}:{19 << 30}", "0.temperature": 74})
    with driver.conversation() as talk:
        sample = talk.sample(5)
    assert (sample["driver"], sample["error"], sample["stale"], sample["time"]) == ("550.54.15", "", False, 5)
    first, second = sample["gpus"]
    assert first == {
        "index": 0, "uuid": UUIDS[0], "name": "NVIDIA H200", "utilisation": 97, "memory_used": 20 << 30,
        "memory_total": H200, "temperature": 74, "power": 341.25, "power_limit": 700, "mig": False, "lost": False,
        "processes": [{"pid": os.getpid(), "memory": 19 << 30}], "refused": False, "note": "",
    }  # fmt: skip
    assert (second["index"], second["uuid"], second["utilisation"], second["processes"]) == (1, UUIDS[1], 0, [])


def test_memory_in_use_excludes_the_drivers_reserve_unless_the_driver_is_too_old(tmp_path: Path) -> None:
    with FakeDriver(tmp_path).conversation() as talk:
        assert talk.sample()["gpus"][0]["memory_used"] == 0
    with FakeDriver(tmp_path, old=True).conversation() as talk:
        gpu = talk.sample()["gpus"][0]
    assert (gpu["memory_used"], gpu["memory_total"], gpu["temperature"], gpu["processes"]) == (RESERVED, H200, 31, [])
    assert "includes what the driver keeps" in gpu["note"]


@pytest.mark.parametrize("code", [NOT_SUPPORTED, NO_PERMISSION])
@pytest.mark.parametrize("function", READINGS)
def test_a_reading_that_is_not_available_is_unknown_and_never_zero(
    driver: FakeDriver, function: str, code: int
) -> None:
    with driver.conversation() as talk:
        before = talk.sample()["gpus"]
        driver.set({f"1.{function}": code})
        first, second = talk.sample()["gpus"]
    assert first == before[0]
    assert second == before[1] | dict.fromkeys(READINGS[function])


def test_all_bits_set_is_the_drivers_not_available(driver: FakeDriver) -> None:
    driver.set({"0.power": 2**32 - 1, "0.memory": f"{2**64 - 1} 0 {2**64 - 1}", "0.processes": f"{os.getpid()}:-"})
    with driver.conversation() as talk:
        gpu = talk.sample()["gpus"][0]
    assert (gpu["power"], gpu["memory_used"], gpu["memory_total"]) == (None, None, None)
    assert gpu["processes"] == [{"pid": os.getpid(), "memory": None}]


@pytest.mark.parametrize(
    ("newer", "older", "reading", "value"),
    [
        ("nvmlDeviceGetMemoryInfo_v2", "nvmlDeviceGetMemoryInfo", "memory_used", RESERVED),
        ("nvmlDeviceGetTemperatureV", "nvmlDeviceGetTemperature", "temperature", 31),
        ("nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetComputeRunningProcesses_v2", "processes", []),
        ("nvmlDeviceGetPowerUsage", None, "power", None),
    ],
)
def test_a_call_that_the_driver_does_not_know_is_tried_once(
    driver: FakeDriver, newer: str, older: str | None, reading: str, value: object
) -> None:
    driver.set({newer: FUNCTION_NOT_FOUND})
    with driver.conversation() as talk:
        for now in range(3):
            assert [gpu[reading] for gpu in talk.sample(now)["gpus"]] == [value, value]
    assert driver.calls(newer) == 1
    if older is not None:
        assert driver.calls(older) >= 6


def test_a_newer_call_that_refuses_its_arguments_is_replaced_by_the_older(driver: FakeDriver) -> None:
    driver.set({"nvmlDeviceGetTemperatureV": 2, "0.nvmlDeviceGetUtilizationRates": 2})
    with driver.conversation() as talk:
        first, second = talk.sample()["gpus"]
    assert (first["temperature"], first["utilisation"], second["utilisation"]) == (31, None, 0)


@pytest.mark.parametrize(
    "function", ["nvmlDeviceGetHandleByIndex_v2", "nvmlDeviceGetUtilizationRates", "nvmlDeviceGetUUID"]
)
def test_a_lost_gpu_keeps_its_name_and_does_not_take_the_others_along(driver: FakeDriver, function: str) -> None:
    with driver.conversation() as talk:
        healthy = talk.sample()["gpus"]
        driver.set({f"1.{function}": LOST})
        first, second = talk.sample()["gpus"]
        assert first == healthy[0]
        assert (second["uuid"], second["name"], second["lost"]) == (UUIDS[1], "NVIDIA H200", True)
        assert (second["utilisation"], second["memory_used"]) == (None, None)
        assert "lost" in second["note"]
        assert "reset" in second["note"]
        driver.set(without=(f"1.{function}",))
        assert talk.sample()["gpus"] == healthy


def test_a_gpu_lost_from_the_start(driver: FakeDriver) -> None:
    driver.set({"0.nvmlDeviceGetHandleByIndex_v2": LOST})
    with driver.conversation() as talk:
        first, second = talk.sample()["gpus"]
    assert (first["index"], first["uuid"], first["lost"]) == (0, "", True)
    assert second["lost"] is False


def test_a_container_that_loses_its_devices_keeps_the_last_sample_and_tries_again_ever_more_rarely(
    driver: FakeDriver,
) -> None:
    everything = dict.fromkeys(("nvmlInitWithFlags", "nvmlDeviceGetCount_v2", "nvmlDeviceGetHandleByIndex_v2"), UNKNOWN)
    with driver.conversation() as talk:
        good = talk.sample(10)
        driver.set(everything)
        stale = talk.sample(11)
        assert (stale["stale"], stale["time"], stale["age"], stale["gpus"]) == (True, 10, 1, good["gpus"])
        assert "systemctl daemon-reload" in stale["error"]
        assert "restart the container" in stale["error"]
        tries = []
        for now in range(12, 212):
            before = driver.calls("nvmlInitWithFlags")
            assert talk.sample(now)["age"] == now - 10
            tries += [now] * (driver.calls("nvmlInitWithFlags") - before)
        assert tries == [12, 14, 18, 26, 42, 74, 134, 194]  # at most a minute apart
        driver.set({"0.utilisation": 50}, without=tuple(everything))
        again = talk.sample(254)
        driver.set(everything)
        assert talk.sample(255)["age"] == 1
        driver.set(without=tuple(everything))
        assert talk.sample(256)["stale"] is False  # the waiting began anew
    assert (again["stale"], again["error"], again["time"], again["gpus"][0]["utilisation"]) == (False, "", 254, 50)


@pytest.mark.parametrize("persistent", [True, False], ids=["for good", "for a moment"])
def test_readings_that_all_become_unknown_are_not_taken_for_a_new_state(driver: FakeDriver, persistent: bool) -> None:
    """As above, with a driver that still counts and names the GPUs."""
    broken = dict.fromkeys((*READINGS, "nvmlDeviceGetMigMode"), UNKNOWN)
    with driver.conversation() as talk:
        good = talk.sample(0)
        driver.set(broken)
        stale = talk.sample(1)
        assert (stale["stale"], stale["gpus"]) == (True, good["gpus"])
        if not persistent:
            driver.set(without=tuple(broken))
        assert talk.sample(2)["stale"] is persistent
        assert talk.sample(4)["stale"] is persistent


def test_one_sensor_that_becomes_unknown_costs_one_sample_at_most(driver: FakeDriver) -> None:
    with driver.conversation() as talk:
        talk.sample(0)
        driver.set({"nvmlDeviceGetPowerUsage": UNKNOWN})
        talk.sample(1)
        sample = talk.sample(2)
    assert sample["stale"] is False
    assert [(gpu["power"], gpu["utilisation"]) for gpu in sample["gpus"]] == [(None, 0), (None, 0)]


def test_one_gpu_of_two_that_becomes_unknown_does_not_hide_the_other(driver: FakeDriver) -> None:
    with driver.conversation() as talk:
        talk.sample(0)
        broken = {"1.nvmlDeviceGetUUID": UNKNOWN, "1.nvmlDeviceGetName": UNKNOWN}
        driver.set(broken | {f"1.{function}": UNKNOWN for function in READINGS} | {"0.utilisation": 12})
        sample = talk.sample(1)
        driver.set({"1.nvmlDeviceGetHandleByIndex_v2": UNKNOWN})
        assert talk.sample(2)["gpus"] == sample["gpus"]
    assert sample["stale"] is False
    first, second = sample["gpus"]
    assert (first["utilisation"], first["lost"], second["lost"], second["uuid"]) == (12, False, True, UUIDS[1])
    assert "restart the container" in second["note"]


def test_a_driver_unloaded_or_replaced_while_we_look(driver: FakeDriver) -> None:
    with driver.conversation() as talk:
        talk.sample(0)
        driver.set({"nvmlDeviceGetUtilizationRates": 1})  # uninitialised: somebody ended the session under us
        assert talk.sample(1)["stale"] is True
        driver.set({"nvmlInitWithFlags": 18})
        assert "updated" in talk.sample(2)["error"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (9, "is not loaded"), (18, "was updated"), (NO_PERMISSION, "/dev/nvidia"), (UNKNOWN, "restart the container"),
        (FUNCTION_NOT_FOUND, "too old"), (42, "answers: Out of [31mwhat[0m"),
    ],
)  # fmt: skip
def test_a_driver_that_does_not_start_says_why(driver: FakeDriver, code: int, words: str) -> None:
    driver.set({"nvmlInitWithFlags": code})
    with driver.conversation() as talk:
        sample = talk.sample()
        assert (sample["gpus"], sample["stale"]) == ([], False)
        assert words in sample["error"]
        driver.set({"nvmlInitWithFlags": 0})
        assert len(talk.sample(1)["gpus"]) == 2  # and is there as soon as it does


@pytest.mark.parametrize("broken", [False, True], ids=["none", "broken"])
def test_without_the_drivers_library(driver: FakeDriver, tmp_path: Path, broken: bool) -> None:
    if broken:
        (tmp_path / "libnvidia-ml.so.1").write_text("no library")
    elif has_real_library():
        pytest.skip("there is an NVIDIA driver on this machine")
    with driver.conversation(LD_LIBRARY_PATH=str(tmp_path)) as talk:
        sample = talk.sample()
    assert sample["gpus"] == []
    assert "libnvidia-ml.so.1 was not found" in sample["error"]


def test_no_gpu_behind_a_driver_that_works(driver: FakeDriver) -> None:
    driver.set({"count": 0})
    with driver.conversation() as talk:
        sample = talk.sample()
    assert (sample["gpus"], sample["driver"], "shows no GPU" in sample["error"]) == ([], "550.54.15", True)


def test_a_gpu_that_is_not_ours(driver: FakeDriver) -> None:
    driver.set({"0.nvmlDeviceGetHandleByIndex_v2": NO_PERMISSION})
    with driver.conversation() as talk:
        first, second = talk.sample()["gpus"]
    assert (first["refused"], first["lost"], "Insufficient Permissions" in first["note"]) == (True, False, True)
    assert (second["refused"], second["index"]) == (False, 1)


def test_a_process_of_another_pid_namespace_has_no_number_here(driver: FakeDriver) -> None:
    driver.set({"0.processes": f"{NEVER_A_PID}:{1 << 30} {os.getpid()}:{2 << 30} 0:5"})
    with driver.conversation() as talk:
        processes = talk.sample()["gpus"][0]["processes"]
    assert processes == [
        {"pid": None, "memory": 1 << 30},
        {"pid": os.getpid(), "memory": 2 << 30},
        {"pid": None, "memory": 5},
    ]


def test_a_gpu_in_instances_shows_its_memory_only(driver: FakeDriver) -> None:
    driver.set({"1.mig": 1, "1.utilisation": 44})
    with driver.conversation() as talk:
        first, second = talk.sample()["gpus"]
    assert (first["mig"], second["mig"], second["memory_total"], second["note"][:4]) == (False, True, H200, "MIG:")
    assert {second[what] for what in ("utilisation", "temperature", "power", "processes")} == {None}


def test_names_with_control_characters_are_escaped(driver: FakeDriver) -> None:
    driver.set({"0.name": "H200\x1b[2J\x07 \xe9", "0.uuid": UUIDS[0] + "\x9b"})  # latin-1, which is not UTF-8
    with driver.conversation() as talk:
        gpu = talk.sample()["gpus"][0]
    assert (gpu["name"], gpu["uuid"]) == ("H200[2J \ufffd", UUIDS[0] + "\ufffd")


def test_importing_does_not_load_pynvml() -> None:
    code = "import sys, iqa_train.devices.inventory; sys.exit('pynvml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
