"""`iqa-train devices`: the devices that runs can be placed on, and how busy they are."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from iqa_train.cli.local_text import LocalLimits, local_limits
from iqa_train.cli.parser import Parser, whole_number
from iqa_train.cli.text import plain
from iqa_train.devices.inventory import Device, Inventory, inventory, inventory_of
from iqa_train.devices.nvml import GpuReading, Nvml, Sample
from iqa_train.limits import MOST_PLACES
from iqa_train.runs.node_devices import NodeDevice, NodeReader
from iqa_train.runs.snapshot import SnapshotReader
from iqa_train.runs.state import state_of
from iqa_train.text import GIB, age_words, join_names, plural

_DESCRIPTION = """\
List the devices that runs can be placed on: the GPUs that the driver and CUDA_VISIBLE_DEVICES show, numbered as
nvidia-smi does; without GPUs the CPU, in slots. What the driver does not report is n/a. Below them, the devices of
other nodes that runs of this folder are on, by the last samples of these runs; then the limits of [local] in the study
file and of queued runs: the GPUs' order, how many at once, quiet hours, and the rest."""
_EPILOG = (
    "With --json: memory in bytes, utilisation in percent (of a CPU: of one core), temperature in degrees Celsius, "
    "power in watts, time in seconds since 1970."
)
_HEAD = ("GPU", "Name", "Memory GiB", "Use", "Temp", "Power", "Processes")
_NODE_HEAD = ("Node", "Device", "Memory GiB", "Use", "Temp", "Power", "Sampled", "Runs")


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status, 0. Raises UsageError for a command line that is not valid."""
    options = _parser().read(argv)
    nvml = Nvml()
    sample = nvml.sample()
    nvml.close()
    found = inventory_of(sample) if options.slots is None else inventory(options.slots)
    nodes, limits = _nodes(Path(options.runs_dir)), local_limits(options.study_file, Path(options.runs_dir))
    if options.json:
        print(json.dumps(_document(found, sample, nodes, limits), indent=2, ensure_ascii=False))
        return 0
    print(_text(found, sample))
    if nodes:
        print("", *_table([_NODE_HEAD, *(_node_row(device, time.time()) for device in nodes)]), sep="\n")
    if any(one.error or one.manners.words() for one in limits):
        print("", *(one.text() for one in limits), sep="\n")
    return 0


def _nodes(runs_dir: Path) -> tuple[NodeDevice, ...]:
    """The devices of other nodes that runs are on now."""
    running = [
        (f"{found.run.experiment} ({found.run.seed_words})", found.last.files)
        for found in SnapshotReader().read_all(runs_dir)
        if found.last is not None and found.exit is None and state_of(found).alive
    ]
    return NodeReader().read(running)


def _document(
    found: Inventory, sample: Sample, nodes: Sequence[NodeDevice], limits: Sequence[LocalLimits]
) -> dict[str, Any]:
    return {
        "devices": [_entry(device, _reading(device, sample)) for device in found.devices],
        "why_no_gpu": found.why_no_gpu,
        "note": found.note,
        "driver": sample.driver or None,
        "nodes": [_node_entry(device) for device in nodes],
        "local": [one.as_json() for one in limits],
    }


def _entry(device: Device, reading: GpuReading | None) -> dict[str, Any]:
    processes = reading.processes if reading else None
    return {
        "kind": device.kind,
        "index": device.index,
        "label": device.label,
        "key": device.key,
        "name": device.name,
        "memory_total": device.memory_total,
        "memory_used": device.memory_used,
        "utilisation": reading.utilisation if reading else None,
        "temperature": reading.temperature if reading else None,
        "power": reading.power if reading else None,
        "power_limit": reading.power_limit if reading else None,
        "processes": None if processes is None else [{"pid": p.pid, "memory": p.memory} for p in processes],
        "threads": device.threads,
        "mig": device.mig,
        "lost": device.lost,
        "note": device.note,
    }


def _node_entry(device: NodeDevice) -> dict[str, Any]:
    return {
        "node": device.node,
        "kind": device.kind,
        "index": device.index,
        "label": device.label,
        "name": device.name,
        "time": device.time,
        "memory_total": device.memory_total,
        "memory_used": device.memory_used,
        "utilisation": device.utilisation,
        "temperature": device.temperature,
        "power": device.power,
        "power_limit": device.power_limit,
        "processes_of_others": device.processes_of_others,
        "runs": list(device.runs),
    }


def _text(found: Inventory, sample: Sample) -> str:
    parts = [f"No GPU is used: {found.why_no_gpu}."] if found.why_no_gpu else []
    rows = [_row(device, reading) for device in found.devices if (reading := _reading(device, sample))]
    if rows:
        parts += [f"NVIDIA driver {sample.driver or 'n/a'}", "", *_table([_HEAD, *rows])]
    for device in found.devices:
        if device.threads is not None:
            parts.append(f"{device.label}: {plural(device.threads, 'core')}")
        elif device.note:
            parts.append(f"{device.label}: {device.note}")
    if found.note:
        parts.append(found.note)
    return "\n".join(parts)


def _row(device: Device, reading: GpuReading) -> tuple[str, ...]:
    processes = None if reading.processes is None else [f"{p.label} {_memory(p.memory)}" for p in reading.processes]
    return (
        str(device.index),
        device.name,
        _used(device.memory_used, device.memory_total),
        _number(reading.utilisation, unit=" %"),
        _number(reading.temperature, unit=" C"),
        _power(reading.power, reading.power_limit),
        "n/a" if processes is None else ", ".join(processes) or "none",
    )


def _node_row(device: NodeDevice, now: float) -> tuple[str, ...]:
    others = ", beside other users" if device.processes_of_others else ""
    return (
        plain(device.node),
        device.label,
        _used(device.memory_used, device.memory_total),
        _number(device.utilisation, unit=" %"),
        _number(device.temperature, unit=" C"),
        _power(device.power, device.power_limit),
        age_words(device.age(now)),
        plain(join_names(device.runs, most=3)) + others,
    )


def _used(used: float | None, total: float | None) -> str:
    return f"{_number(used, GIB, digits=1)}/{_number(total, GIB, digits=1)}"


def _power(power: float | None, limit: float | None) -> str:
    return "n/a" if power is None and limit is None else f"{_number(power)}/{_number(limit)} W"


def _memory(value: int | None) -> str:
    return _number(value, GIB, digits=1, unit=" GiB")


def _number(value: float | None, scale: float = 1, digits: int = 0, unit: str = "") -> str:
    return "n/a" if value is None else f"{value / scale:.{digits}f}{unit}"


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _reading(device: Device, sample: Sample) -> GpuReading | None:
    return next((gpu for gpu in sample.gpus if device.kind == "gpu" and gpu.index == device.index), None)


def _parser() -> Parser:
    parser = Parser("iqa-train devices", _DESCRIPTION, _EPILOG)
    parser.add_argument(
        "--slots",
        type=whole_number(1, MOST_PLACES),
        metavar="N",
        help="show the CPU in N slots, even if there are GPUs",
    )
    parser.add_argument(
        "--experiments", type=Path, dest="study_file", metavar="FILE",
        help="study file whose [local] is shown [./experiments.toml]",
    )  # fmt: skip
    parser.add_argument("--runs-dir", default="runs", metavar="DIR", help="folder of the runs and their queue [runs]")
    parser.add_argument("--json", action="store_true", help="print one JSON object, for programs")
    return parser
