"""What goes wrong with a driver, seen on the console's screen. The library is fake; pynvml and all above are not."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.nvml import H200, NEVER_A_PID, FakeDriver, has_real_library
from tests.tui.terminal.consoles import Console, Make, console

pytestmark = pytest.mark.skipif(has_real_library(), reason="the fake library would hide this machine's own driver")


@dataclass
class Seen:
    """A console on a machine whose driver can be changed while it looks."""

    driver: FakeDriver
    console: Console

    def after(self, pattern: str, **change: object) -> str:
        """What has been written since the driver changed, once it holds `pattern`."""
        since = len(self.console.written)
        self.driver.set(change)
        return self.console.see(pattern, since=since)


def _with_gpus(environment: dict[str, str], driver: FakeDriver) -> dict[str, str]:
    shown = {key: value for key, value in environment.items() if not key.startswith("CUDA_")}
    fake = {key: value for key, value in driver.environment().items() if key.startswith(("LD_", "FAKE_NVML"))}
    return shown | fake


@pytest.fixture
def seen(make: Make, tmp_path: Path) -> Iterator[Seen]:
    driver = FakeDriver(tmp_path)
    project = make()
    environment = _with_gpus(project.environment(), driver)
    with console(project.folder, environment, "--readonly", size=(160, 48)) as watched:
        watched.see(r"GPU 1")
        yield Seen(driver, watched)


def test_use_memory_heat_and_power(seen: Seen) -> None:
    half = f"{H200} {600 << 20} {H200 // 2}"
    shown = seen.after(r"74 °C", **{"0.utilisation": 97, "0.memory": half, "0.temperature": 74, "0.power": 341000})
    assert "97 %" in shown
    assert "70.2/140 GiB" in shown
    assert "341" in shown


NOT_SUPPORTED, NO_PERMISSION, LOST, UNKNOWN = 3, 4, 15, 999
READINGS = ("nvmlDeviceGetUtilizationRates", "nvmlDeviceGetMemoryInfo_v2", "nvmlDeviceGetPowerUsage")


@pytest.mark.slow
def test_a_reading_that_is_not_available_is_not_zero(seen: Seen) -> None:
    for code in (NOT_SUPPORTED, NO_PERMISSION):
        for call in READINGS:
            seen.after("n/a", **{f"0.{call}": code})
            seen.driver.set(without=(f"0.{call}",))
            seen.after("33 °C", **{"1.temperature": 33})
            seen.after("31 °C", **{"1.temperature": 31})


def test_a_gpu_that_is_lost_is_an_alert(seen: Seen) -> None:
    assert "GPU 0" in seen.after("cannot be used", **{f"0.{call}": LOST for call in READINGS})


@pytest.mark.slow
def test_a_driver_that_fails_after_it_worked_shows_the_age_and_the_remedy(seen: Seen) -> None:
    """A container that has lost its devices."""
    failing = dict.fromkeys((*READINGS, "nvmlDeviceGetTemperatureV", "nvmlInitWithFlags"), UNKNOWN)
    seen.after(r"\d+ s old", **failing)
    since = len(seen.console.written)
    seen.console.see("restart the container", since=0)
    for call in failing:
        seen.driver.set(without=(call,))
    seen.driver.set({"0.utilisation": 50})
    seen.console.see(r"50 %", since=since, seconds=90)


def test_an_old_driver_without_the_newer_calls(make: Make, tmp_path: Path) -> None:
    project = make()
    driver = FakeDriver(tmp_path, old=True)
    driver.set({"0.utilisation": 42})
    with console(project.folder, _with_gpus(project.environment(), driver), "--readonly", size=(160, 48)) as watched:
        watched.see("42 %")


def test_mig_is_labelled(seen: Seen) -> None:
    seen.after("MIG", **{"0.mig": "1"})


def test_a_process_that_cannot_be_seen_from_here_does_not_crash(seen: Seen) -> None:
    since = len(seen.console.written)
    seen.driver.set({"0.processes": f"{NEVER_A_PID}:1000000", "0.utilisation": "55"})
    seen.console.see("55 %", since=since)
    seen.console.see("other: host PID", since=since)
    assert seen.console.process.poll() is None


def test_without_a_driver_it_says_why_and_shows_slots(make: Make) -> None:
    project = make()
    with console(project.folder, project.environment(), "--readonly") as watched:
        watched.see("CPU slot 0")
        watched.see("no GPU: ")
