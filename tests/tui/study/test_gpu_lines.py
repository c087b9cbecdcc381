"""GPUs in the devices pane: all of them at every size, in fixed columns, and free only where nobody computes."""

import os
import pwd
from dataclasses import replace

import pytest

from iqa_train.devices.inventory import Device
from iqa_train.devices.nvml import GpuProcess, GpuReading
from iqa_tui.state.board import DeviceLine, Devices, Host
from iqa_tui.state.device_users import device_users
from iqa_tui.widgets.devices import device_lines

GIB = 1 << 30
ME = pwd.getpwuid(os.getuid()).pw_name


def gpu(index: int, *, use: float = 0.0, used: float = 0.0, heat: int = 31, **more: object) -> DeviceLine:
    device = Device("gpu", index, f"GPU-{index}", "NVIDIA H200", memory_total=140 * GIB)
    reading = GpuReading(
        index, device.key, device.name, use, int(used * GIB), 140 * GIB, heat, 90.0 + 300 * (use > 0), 700.0
    )
    return DeviceLine(device, reading, **more)  # type: ignore[arg-type]


EIGHT = Devices((
    gpu(0, use=97, used=53.1, heat=74, owners=("Baseline",)), gpu(1, use=100, used=137.5, heat=86, owners=("A1",)),
    gpu(2), gpu(3, use=90, used=50.3, heat=91, others=("alice pid 4321 50.3 GiB",)), gpu(4), gpu(5), gpu(6), gpu(7),
))  # fmt: skip


def texts(devices: Devices, width: int, rows: int) -> list[str]:
    return [line.plain for line in device_lines(devices, width, rows)]


@pytest.mark.parametrize(("width", "rows"), [(78, 3), (78, 7), (118, 7), (60, 14), (98, 14), (158, 14), (56, 4)])
def test_all_eight_gpus_are_there_with_who_uses_them(width: int, rows: int) -> None:
    found = texts(EIGHT, width, rows)
    assert len(found) <= rows
    whole = " ".join(found)
    for words in ("Bas", "▸ A1", "other:"):
        assert words in whole
    assert whole.count("free") == 5
    assert all(len(text) <= width for text in found)


@pytest.mark.parametrize("width", [60, 78, 98, 118, 158])
def test_columns_stand_below_each_other(width: int) -> None:
    found = texts(EIGHT, width, 8)
    assert len(found) == 8
    for mark in ("/140 GiB", "°C", " W "):
        assert len({text.index(mark) for text in found}) == 1, mark


def test_of_many_gpus_the_rest_is_counted() -> None:
    many = Devices(tuple(gpu(index) for index in range(16)))
    found = texts(many, 56, 3)
    assert len(found) == 3
    assert found[-1].startswith("+12 more (GPU 4 to 15): 12 free")


def test_heat_and_a_full_memory_have_a_sign_as_well_as_a_colour() -> None:
    first, second, _, fourth, *_ = texts(EIGHT, 118, 8)
    assert "!" not in first
    assert "137.5/140 GiB!!" in second
    assert "86 °C !" in second
    assert "91 °C!!" in fourth


def test_what_a_history_covers_and_that_memory_is_memory() -> None:
    slots = (DeviceLine(Device("cpu", 0, "cpu-0", "CPU")),)
    host = Host(tuple(float(n) for n in range(60)), 9 * GIB, 24 * GIB)
    line = " ".join(texts(Devices(slots, host, "no driver"), 118, 7))
    assert " 60 s  RAM 9.0/24 GiB" in line
    assert " 60 s " in texts(EIGHT, 118, 8)[0]


def test_many_slots_are_in_one_line_and_the_rest_is_counted() -> None:
    slots = tuple(DeviceLine(Device("cpu", n, f"cpu-{n}", "CPU"), owners=(f"A{n}",)) for n in range(24))
    first, *_ = texts(Devices(slots), 78, 3)
    assert first.startswith("CPU slot 0 ▸ A0 │ 1 ▸ A1 │ ")
    assert first.endswith(" more")


def reading(*processes: GpuProcess, used: int = 20 * GIB) -> GpuReading:
    return replace(GpuReading(0, "GPU-0", "H200"), memory_used=used, processes=processes)


def test_a_gpu_that_anybody_computes_on_is_not_free() -> None:
    mine = GpuProcess(os.getpid(), 18 * GIB)
    hidden = GpuProcess(None, 18 * GIB)
    assert device_users(reading(mine), (), ours=False) == (f"{ME} pid {os.getpid()} 18.0 GiB",)
    assert device_users(reading(mine), {os.getpid()}, ours=False) == ("20.0 GiB",)
    assert device_users(reading(hidden), (), ours=False) == ("host PID 18.0 GiB",)
    assert device_users(reading(hidden), (), ours=True) == ()
    assert device_users(reading(mine), (), ours=True) == ()
    assert device_users(reading(used=0), (), ours=False) == ()
