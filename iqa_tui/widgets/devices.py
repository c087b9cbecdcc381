"""The devices, a line each: the last minute of use, and which runs they belong to."""

from dataclasses import replace

from textual.content import Content
from textual.widgets import Static

from iqa_tui.safe import content
from iqa_tui.state.board import Board, DeviceLine, Devices, Host
from iqa_tui.widgets.glyphs import NOT_TOLD, gib, sparkline, watts
from iqa_tui.widgets.node_lines import node_lines

_MOST_ROWS = 7


class DevicePane(Static):
    """GPUs; without any, the reason, and the CPU slots with the machine's load. Then the devices of other nodes."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("", id=id, markup=False)
        self._devices = Devices()

    def show(self, board: Board) -> None:
        if board.devices != self._devices:
            rows = len(self._lines())
            self._devices = board.devices
            self.refresh(layout=rows != len(self._lines()))

    def render(self) -> Content:
        return Content("\n").join(self._lines())

    def _lines(self) -> list[Content]:
        rows = 3 if self.screen.has_class("-short") else 12 if self.screen.has_class("-wide") else _MOST_ROWS
        return device_lines(self._devices, self.size.width or 80, rows)


def device_lines(devices: Devices, width: int, rows: int = _MOST_ROWS) -> list[Content]:
    """The lines of the pane, cut at `width`; other nodes have `rows` of them at most."""
    if not devices.lines:
        return [Content.styled("looking for devices", "$text-muted")]
    own, others = _own(devices, width), node_lines(devices.nodes, width, rows)
    has_gpu = any(line.device.kind == "gpu" for line in devices.lines)
    lines = [*own, *others] if has_gpu else [*others, *own]
    return [_cut(line, width) for line in lines]


def _own(devices: Devices, width: int) -> list[Content]:
    """Those of this machine; where runs are elsewhere, nobody asks why it has no GPU."""
    if any(line.device.kind == "gpu" for line in devices.lines):
        lines = [_gpu(line, width) for line in devices.lines]
        for line in devices.lines:
            if _problem(line):
                lines.append(Content.assemble(("  ! ", "bold $error"), content(_problem(line))))
        return lines
    return _slots(replace(devices, why_no_gpu="") if devices.nodes else devices, width)


def _problem(line: DeviceLine) -> str:
    if line.age_s:
        return f"{line.device.label}: readings are {line.age_s:.0f} s old: {line.device.note}"
    note = line.device.note or (line.reading.note if line.reading else "")
    return f"{line.device.label}: {note}" if note else ""


def _gpu(line: DeviceLine, width: int) -> Content:
    reading, device = line.reading, line.device
    bars = min(30, max(6, width - 62))
    style = "bold $error" if device.lost else "bold"
    if reading is None:
        return Content.assemble((device.label, style), " ", content(device.name), " ", _owners(line))
    use = NOT_TOLD if reading.utilisation is None else f"{reading.utilisation:3.0f} %"
    if device.mig:
        use = "MIG"
    memory = f"{gib(reading.memory_used)}/{gib(reading.memory_total, digits=0)} GiB"
    degrees = NOT_TOLD if reading.temperature is None else f"{reading.temperature} °C"
    parts: list[Content | str | tuple[str, str]] = [(device.label, style), " "]
    if width >= 100:
        parts += [content(device.name.removeprefix("NVIDIA ")[:20]), " "]
    parts += [use, " ", (sparkline(line.utilisation, bars, 100.0), "$accent"), " ", memory, " "]
    if width >= 110:
        parts += [(sparkline(line.memory, 10, 1.0), "$secondary"), " "]
    parts += [degrees, " ", watts(reading.power, reading.power_limit), " ", _owners(line)]
    return Content.assemble(*parts)


def _slots(devices: Devices, width: int) -> list[Content]:
    """CPU slots share one line, or two with the machine's load, which is common to all."""
    host = devices.host
    parts: list[Content] = []
    for line in devices.lines:
        parts.append(Content.assemble((line.device.label, "bold"), " ", _owners(line)))
    slots = Content(" │ ").join(parts)
    load = _host(host, max(8, min(30, width - 40)))
    lines = [Content.assemble(slots, "  ", load)]
    if lines[0].cell_length > width:
        lines = [slots, load]
    if devices.why_no_gpu:
        lines.append(content(f"no GPU: {devices.why_no_gpu}", "$text-muted"))
    return lines


def _host(host: Host, bars: int) -> Content:
    now = host.utilisation[-1] if host.utilisation else 0.0
    memory = f"{gib(host.memory_used)}/{gib(host.memory_total, digits=0)} GiB"
    return Content.assemble(
        ("CPU", "bold"), f" {now:3.0f} % ", (sparkline(host.utilisation, bars, 100.0), "$accent"), f" {memory}"
    )


def _owners(line: DeviceLine) -> Content:
    return content("▸ " + ", ".join(line.owners), "$success") if line.owners else content("free", "$text-muted")


def _cut(line: Content, width: int) -> Content:
    return line.truncate(width, ellipsis=True) if line.cell_length > width else line
