"""The devices: GPUs, or CPU slots with the machine's load, then those of other nodes; with the runs they belong to."""

from dataclasses import replace

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from iqa_tui.safe import content
from iqa_tui.state.board import Board, Devices, Host
from iqa_tui.widgets.glyphs import gib, history
from iqa_tui.widgets.gpu_lines import gpu_lines, owners
from iqa_tui.widgets.node_lines import node_lines

_MOST_ROWS, _SHORT_ROWS, _LEAST_ROWS = 7, 3, 4
_SHARE = 0.6  # of the side column on wide screens, as in the style sheet


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
        return device_lines(self._devices, self.content_size.width or 80, self._rows())

    def _rows(self) -> int:
        """The most lines that the style sheet leaves the pane."""
        if self.screen.has_class("-wide") and isinstance(self.parent, Widget):
            return max(_LEAST_ROWS, int(_SHARE * self.parent.size.height))
        return _SHORT_ROWS if self.screen.has_class("-short") else _MOST_ROWS


def device_lines(devices: Devices, width: int, rows: int = _MOST_ROWS) -> list[Content]:
    """The lines of the pane, `rows` of them at most, cut at `width`."""
    if not devices.lines:
        return [Content.styled("looking for devices", "$text-muted")]
    has_gpu = any(line.device.kind == "gpu" for line in devices.lines)
    if has_gpu:
        own = gpu_lines(devices.lines, width, rows - min(len(devices.nodes), rows // 2))
        lines = [*own, *node_lines(devices.nodes, width, max(1, rows - len(own)))]
    else:  # where runs are elsewhere, nobody asks why this machine has no GPU
        own = _slots(replace(devices, why_no_gpu="") if devices.nodes else devices, width)
        lines = [*node_lines(devices.nodes, width, rows), *own]
    return [line.truncate(width, ellipsis=True) if line.cell_length > width else line for line in lines]


def _slots(devices: Devices, width: int) -> list[Content]:
    """CPU slots share one line, or two with the machine's load, which is common to all."""
    slots, load = _slot_line(devices, width), _host(devices.host, max(8, min(30, width - 50)))
    lines = [Content.assemble(slots, "  ", load)]
    if lines[0].cell_length > width:
        lines = [slots, load]
    if devices.why_no_gpu:
        lines.append(content(f"no GPU: {devices.why_no_gpu}", "$text-muted"))
    return lines


def _slot_line(devices: Devices, width: int) -> Content:
    """All of them; in short if they do not fit, and of those that still do not, the number."""
    separator = Content(" │ ")
    slots = separator.join([Content.assemble((line.device.label, "bold"), " ", owners(line)) for line in devices.lines])
    if slots.cell_length <= width:
        return slots
    parts = [Content.assemble((str(line.device.index), "bold"), " ", owners(line)) for line in devices.lines]
    parts[0] = Content.assemble(("CPU slot ", "bold"), parts[0])
    for shown in range(len(parts), 0, -1):
        more = [content(f"+{len(parts) - shown} more", "$text-muted")] if shown < len(parts) else []
        slots = separator.join([*parts[:shown], *more])
        if slots.cell_length <= width:
            break
    return slots


def _host(host: Host, bars: int) -> Content:
    now = host.utilisation[-1] if host.utilisation else 0.0
    memory = f"{gib(host.memory_used)}/{gib(host.memory_total, digits=0)} GiB"
    past = history(host.utilisation, bars, 100.0)
    return Content.assemble(
        ("CPU", "bold"),
        f" {now:3.0f} % ",
        (past, "$accent"),
        (" 60 s", "$text-muted"),
        "  ",
        ("RAM", "bold"),
        f" {memory}",
    )
