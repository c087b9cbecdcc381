"""The GPUs of this machine, a line each; several in a line where there is not enough room, and a count of the rest."""

from collections.abc import Sequence

from textual.content import Content

from iqa_tui.safe import content, plain
from iqa_tui.state.board import DeviceLine
from iqa_tui.widgets.glyphs import NOT_TOLD, gib, history, meter, watts

_Part = Content | str | tuple[str, str]

_HOT, _TOO_HOT = 80, 88  # degrees Celsius
_FULL, _TOO_FULL = 0.90, 0.97  # of the memory
_MOST_BARS, _LEAST_BARS = 30, 6
_NAME = 20
_LIMIT_FROM = 80  # terminal columns
_CELL = 24  # terminal columns that a GPU needs if several are in a line
_LEVELS = (("", "  "), ("$text-warning", " !"), ("bold $text-error", "!!"))


def gpu_lines(lines: Sequence[DeviceLine], width: int, rows: int) -> list[Content]:
    """All GPUs in `rows` lines of `width` terminal columns at most; what is wrong with one stands below them."""
    problems = [Content.assemble(("  ! ", "bold $error"), content(words)) for line in lines if (words := problem(line))]
    room = max(1, rows - len(problems))
    if len(lines) <= room:
        return [*_in_full(lines, width), *problems]
    return [*_several_a_line(lines, width, room), *problems]


def problem(line: DeviceLine) -> str:
    """What is wrong with a GPU or its readings, in a sentence."""
    if line.age_s:
        return f"{line.device.label}: readings are {line.age_s:.0f} s old: {line.device.note}"
    note = line.device.note or (line.reading.note if line.reading else "")
    return f"{line.device.label}: {note}" if note else ""


def owners(line: DeviceLine) -> Content:
    """The runs on a device and who else uses it; `free` is only what nobody uses."""
    ours = content("▸ " + ", ".join(line.owners), "$success") if line.owners else Content("")
    others = content("other: " + ", ".join(line.others), "$text-warning") if line.others else Content("")
    if not line.owners and not line.others:
        return content("free", "$text-muted")
    return Content(" ").join([part for part in (ours, others) if part])


def _in_full(lines: Sequence[DeviceLine], width: int) -> list[Content]:
    """With name, history, memory, temperature and power, each in columns of its own."""
    label = max(len(line.device.label) for line in lines)
    names = [plain(line.device.name).removeprefix("NVIDIA ")[:_NAME] for line in lines]
    name = max(map(len, names)) if width >= 100 else 0
    powers = [_power(line, with_limit=width >= _LIMIT_FROM) for line in lines]
    power = max(map(len, powers))
    memory = max(len(_memory(line)) for line in lines)
    bars = min(_MOST_BARS, width - label - name - memory - power - 38)
    found = []
    for line, words, taken in zip(lines, names, powers, strict=True):
        style = "bold $error" if line.device.lost else "bold"
        parts: list[_Part] = [(line.device.label.ljust(label), style), " "]
        if line.reading is None:
            found.append(Content.assemble(*parts, words, " ", owners(line)))
            continue
        parts += [words.ljust(name), " "] if name else []
        parts += [_use(line).rjust(5), " "]
        if bars >= _LEAST_BARS:
            parts += [(history(line.utilisation, bars, 100.0), "$accent"), (" 60 s ", "$text-muted")]
        if width >= 120:
            parts += [(meter(_share(line) or 0.0, 10), "$secondary"), " "]
        parts += [*_marked(_memory(line).rjust(memory), _memory_level(line)), " "]
        parts += [*_marked(_heat(line).rjust(6), _heat_level(line)), " ", taken.rjust(power), " ", owners(line)]
        found.append(Content.assemble(*parts))
    return found


def _several_a_line(lines: Sequence[DeviceLine], width: int, rows: int) -> list[Content]:
    """As few in a line as possible; of those that still do not fit, how many and how many are free."""
    most = max(1, width // _CELL)
    in_line = min(most, -(-len(lines) // rows))
    shown = list(lines)
    rest: list[DeviceLine] = []
    if -(-len(lines) // in_line) > rows:
        shown, rest = shown[: (rows - 1) * in_line], shown[(rows - 1) * in_line :]
    cell = width // in_line
    found = []
    for at in range(0, len(shown), in_line):
        cells = [_short(line, cell - 1) for line in shown[at : at + in_line]]
        found.append(Content.assemble(*(part for one in cells for part in (one, " " * (cell - one.cell_length)))))
    if rest:
        free = sum(not line.owners and not line.others for line in rest)
        labels = f"{rest[0].device.label} to {rest[-1].device.index}"
        found.append(content(f"+{len(rest)} more ({labels}): {free} free", "$text-muted"))
    return found


def _short(line: DeviceLine, width: int) -> Content:
    """`GPU 0  97%  53/140 74°   ▸ A1`; where there is little room, `0  97%  53G 74°   ▸ A1`."""
    style = "bold $error" if line.device.lost else "bold"
    is_narrow = width < _CELL + 6
    parts: list[_Part] = [(str(line.device.index) if is_narrow else line.device.label, style), " "]
    if line.reading is not None:
        heat = NOT_TOLD if line.reading.temperature is None else f"{line.reading.temperature}°"
        used, total = (gib(value, digits=0) for value in (line.reading.memory_used, line.reading.memory_total))
        memory = f"{used}G".rjust(len(total) + 1) if is_narrow else f"{used}/{total}".rjust(2 * len(total) + 1)
        level = max(_memory_level(line), _heat_level(line))
        parts += [_use(line).replace(" ", "").rjust(4), f" {memory} ", *_marked(heat.rjust(3), level), " "]
    made = Content.assemble(*parts, owners(line))
    return made.truncate(width, ellipsis=True) if made.cell_length > width else made


def _use(line: DeviceLine) -> str:
    if line.device.mig:
        return "MIG"
    use = line.reading.utilisation if line.reading else None
    return NOT_TOLD if use is None else f"{use:.0f} %"


def _memory(line: DeviceLine) -> str:
    reading = line.reading
    if reading is None:
        return ""
    return f"{gib(reading.memory_used)}/{gib(reading.memory_total, digits=0)} GiB"


def _heat(line: DeviceLine) -> str:
    degrees = line.reading.temperature if line.reading else None
    return NOT_TOLD if degrees is None else f"{degrees} °C"


def _power(line: DeviceLine, *, with_limit: bool) -> str:
    return watts(line.reading.power, line.reading.power_limit if with_limit else None) if line.reading else ""


def _share(line: DeviceLine) -> float | None:
    reading = line.reading
    if reading is None or reading.memory_used is None or not reading.memory_total:
        return None
    return reading.memory_used / reading.memory_total


def _memory_level(line: DeviceLine) -> int:
    share = _share(line) or 0.0
    return (share >= _FULL) + (share >= _TOO_FULL)


def _heat_level(line: DeviceLine) -> int:
    degrees = (line.reading.temperature if line.reading else None) or 0
    return (degrees >= _HOT) + (degrees >= _TOO_HOT)


def _marked(words: str, level: int) -> list[_Part]:
    """The words in the colour of the level, and after them its sign, which says the same without colour."""
    style, sign = _LEVELS[level]
    return [(words + sign, style) if style else words + sign]
