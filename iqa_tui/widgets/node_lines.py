"""The devices of other nodes, a line each, or a line for each node where they are many."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from textual.content import Content

from iqa_train.text import age_words, join_names, plural
from iqa_tui.safe import content, plain
from iqa_tui.state.board import NodeLine
from iqa_tui.widgets.glyphs import gib, sparkline, watts

_MOST_BARS, _LEAST_BARS = 30, 6
_MOST_NAMES = 3

_Part = Content | str | tuple[str, str]


def node_lines(nodes: Sequence[NodeLine], width: int, most: int) -> list[Content]:
    """At most `most` lines, not cut at `width`; grey where the last sample is old."""
    if len(nodes) <= most:
        room = max((len(_name(line)) for line in nodes), default=0)
        parts = [_device(line, room, width) for line in nodes]
        lengths = [Content.assemble(*before, *after).cell_length for before, after in parts]
        bars = min(_MOST_BARS, width - max(lengths, default=0) - 1)
        return [
            _styled([*before, _bars(line, bars), *after], [line])
            for line, (before, after) in zip(nodes, parts, strict=True)
        ]
    groups = [list(group) for _, group in groupby(nodes, key=lambda line: line.device.node)]
    room = max(len(plain(group[0].device.node)) for group in groups)
    fit = most if len(groups) <= most else most - 1
    shown = [_node(group, room) for group in groups[:fit]]
    if rest := [line for group in groups[fit:] for line in group]:
        words = f"and {plural(len(groups) - fit, 'more node')} with {_devices(rest)}: {_use(rest)}"
        shown.append(content(words, "$text-muted"))
    return shown


def _device(line: NodeLine, room: int, width: int) -> tuple[list[_Part], list[_Part]]:
    """What stands before the bars and what after them."""
    device = line.device
    figures = [f"{gib(device.memory_used)}/{gib(device.memory_total, digits=0)} GiB"]
    if width >= 70 and device.temperature is not None:
        figures.append(f"{device.temperature:.0f} °C")
    if width >= 56 and device.power is not None:
        figures.append(watts(device.power, device.power_limit if width >= 80 else None))
    name = (_name(line).ljust(room), "bold")
    return [name, f" {_percent(device.utilisation)} "], [f"{' '.join(figures)} ", _since([line]), _runs([line])]


def _bars(line: NodeLine, bars: int) -> _Part:
    if bars < _LEAST_BARS:
        return ""
    top = max(100.0, *(value or 0.0 for value in line.device.past))
    return f"{sparkline(line.device.past, bars, top)} ", "$accent"


def _node(group: Sequence[NodeLine], room: int) -> Content:
    used = sum(line.device.memory_used or 0 for line in group)
    name = (plain(group[0].device.node).ljust(room), "bold")
    return _styled([name, f" {_devices(group)} {_use(group)} {gib(used)} GiB {_since(group)}", _runs(group)], group)


def _devices(lines: Sequence[NodeLine]) -> str:
    gpus = sum(line.device.kind == "gpu" for line in lines)
    cpus = len(lines) - gpus
    words = [plural(gpus, "GPU") if gpus else "", "" if not cpus else "CPU" if cpus == 1 else plural(cpus, "CPU")]
    return " and ".join(filter(None, words))


def _name(line: NodeLine) -> str:
    return f"{plain(line.device.node)} {line.device.label}"


def _use(lines: Iterable[NodeLine]) -> str:
    known = [line.device.utilisation for line in lines if line.device.utilisation is not None]
    return f"{_percent(sum(known) / len(known) if known else None)} on average"


def _percent(value: float | None) -> str:
    return "n/a" if value is None else f"{value:3.0f} %"


def _since(lines: Sequence[NodeLine]) -> str:
    """The age of the oldest of them."""
    return f"{age_words(max(line.age_s for line in lines))} "


def _runs(lines: Sequence[NodeLine]) -> Content:
    names = join_names(list(dict.fromkeys(run for line in lines for run in line.device.runs)), _MOST_NAMES)
    others = any(line.device.processes_of_others for line in lines)
    return Content.assemble(content(f"▸ {names}", "$success"), (" and other users", "$warning") if others else "")


def _styled(parts: Sequence[_Part], lines: Sequence[NodeLine]) -> Content:
    made = Content.assemble(*parts)
    return Content.styled(made.plain, "$text-muted") if all(line.is_stale for line in lines) else made
