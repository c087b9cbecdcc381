"""Updates EXPERIMENTS_LOG_TRACKER.md: a study's results between two markers; text outside them is never changed.

    <!-- iqa-train:begin lr5e7 -->
    ...
    <!-- iqa-train:end lr5e7 -->

The file is handled as bytes, so that encoding and line ends outside the markers stay as they are. Unpaired markers are
an error, since the text between them may be notes.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from iqa_train.errors import RunError, UsageError, visible
from iqa_train.files import write_atomic
from iqa_train.locks import locked_folder
from iqa_train.regular import real_path
from iqa_train.report.markdown import escaped, results_markdown
from iqa_train.report.report_data import ReportData
from iqa_train.report.verdict_text import gains, what_is_gained
from iqa_train.study.model import NAME_PATTERN

FILE_NAME = "EXPERIMENTS_LOG_TRACKER.md"

_HEAD = "# Experiments\n\n"
_ANY = re.compile(rb"<!--[ \t]*iqa-train[ \t]*:")  # start of a marker, intact or damaged
_MARKER = re.compile(rb"<!-- iqa-train:(begin|end) ([^\s<>]+) -->")
_FENCE = re.compile(rb"^ {0,3}(`{3,}|~{3,})[^\n]*\n(?:.*\n)*? {0,3}\1[`~]*[ \t]*\r?$", re.MULTILINE)  # a block of code
_MARK_OF_UTF8 = b"\xef\xbb\xbf"
_MEND = "nothing was changed; correct or remove the markers by hand"
_WIDE = (b"\xff\xfe", b"\xfe\xff")  # byte order marks of UTF-16


class TrackerError(RunError):
    """A tracker that cannot be updated without risk to its other contents."""


@dataclass(frozen=True)
class _Marker:
    kind: str
    study: str
    start: int
    end: int


def tracker_text(data: ReportData) -> str:
    """The study's block in Markdown. It has no dates and no paths, so it changes only when the results do."""
    parts = [results_markdown(data.main)]
    gained = _contributions(data)
    if gained:
        parts.append("\n".join(["### Contributions", "", escaped(what_is_gained(data.main)), "", *gained]))
    origins = _origins(data)
    if origins:
        parts.append("\n".join(["### Origin", "", *origins]))
    return "\n\n".join(parts) + "\n"


def update_tracker(path: Path, study: str, text: str) -> Literal["created", "updated", ""]:
    """Put `text` between the study's markers in the file at `path`, created if missing; "" if nothing is new.

    Raises TrackerError, leaving the file untouched, for damaged markers and if the file cannot be read or written.
    """
    try:
        path = real_path(path)  # the link stays, its target changes
        with locked_folder(path.parent):
            old = path.read_bytes() if path.exists() else None
            new = with_block(old, study, text, str(path))
            if new == old:
                return ""
            mode = path.stat().st_mode & 0o7777 if old is not None else None
            if old is not None:
                path.open("r+b").close()  # raises for a read-only file, which must not be replaced
            write_atomic(path, new)
            if mode is not None:
                path.chmod(mode)
            return "created" if old is None else "updated"
    except OSError as error:
        raise TrackerError(f"{path} cannot be updated: {error.strerror}") from None


def with_block(old: bytes | None, study: str, text: str, name: str = FILE_NAME) -> bytes:
    """The bytes of a tracker with `text` as the block of `study`; `old` is None for a new file. Raises TrackerError."""
    if not re.fullmatch(NAME_PATTERN, study):
        raise UsageError(f'"{visible(study)}" cannot be the name of a study in {name}')
    if old is not None and old.startswith(_WIDE):
        raise TrackerError(f"{name} is UTF-16 text; save it as UTF-8 to have it updated")
    data = _HEAD.encode() if old is None else old
    newline = b"\r\n" if _mostly_crlf(data) else b"\n"
    found = [marker for marker in _markers(data, name) if marker.study == study]
    block = _block(study, text, newline)
    if found:
        return data[: found[0].start] + block + data[found[1].end :]
    gap = b"" if not data else newline * (2 - _line_ends(data))
    return data + gap + block + newline


def _block(study: str, text: str, newline: bytes) -> bytes:
    """The markers with `text` between them; `text` must not contain markers."""
    inner = text.strip("\n").encode(errors="replace")  # file names may hold bytes that are not text
    if _ANY.search(inner):
        raise ValueError("a tracker's text must not hold its markers")
    begin, end = (f"<!-- iqa-train:{kind} {study} -->".encode() for kind in ("begin", "end"))
    return newline.join([begin, *inner.split(b"\n"), end])


def _markers(data: bytes, name: str) -> list[_Marker]:
    """All markers of the file. Raises TrackerError unless they are pairs of begin and end."""
    found: list[_Marker] = []
    code = [block.span() for block in _FENCE.finditer(data)]
    for start in (match.start() for match in _ANY.finditer(data)):
        whole = _MARKER.match(data, start)
        where = _where(data, start, name)
        if whole is None:
            raise TrackerError(f"{where}: a damaged iqa-train marker; {_MEND}")
        shown = any(begin < start < end for begin, end in code)
        if shown or (whole[1] == b"begin" and data[data.rfind(b"\n", 0, start) + 1 : start].strip(_MARK_OF_UTF8)):
            raise TrackerError(f"{where}: an iqa-train marker must be on a line by itself and outside code; {_MEND}")
        marker = _Marker(whole[1].decode(), whole[2].decode(errors="replace"), start, whole.end())
        _check_order(found, marker, where)
        found.append(marker)
    if found and found[-1].kind == "begin":
        where = _where(data, found[-1].start, name)
        raise TrackerError(f'{where}: the end marker of "{found[-1].study}" is missing; {_MEND}')
    return found


def _check_order(before: list[_Marker], marker: _Marker, where: str) -> None:
    open_one = before[-1] if before and before[-1].kind == "begin" else None
    if marker.kind == "begin":
        if open_one is not None:
            raise TrackerError(
                f'{where}: "{visible(marker.study)}" begins before the end of "{visible(open_one.study)}"; {_MEND}'
            )
        if any(earlier.study == marker.study for earlier in before):
            raise TrackerError(f'{where}: "{visible(marker.study)}" has a second begin marker; {_MEND}')
    elif open_one is None or open_one.study != marker.study:
        raise TrackerError(f'{where}: "{visible(marker.study)}" has an end marker without a begin marker; {_MEND}')


def _where(data: bytes, start: int, name: str) -> str:
    line = data.count(b"\n", 0, start) + 1
    return f"{name}, line {line}"


def _mostly_crlf(data: bytes) -> bool:
    return data.count(b"\r\n") * 2 > data.count(b"\n")


def _line_ends(data: bytes) -> int:
    """How many of the two line ends before a block exist already."""
    tail = data[-4:].replace(b"\r\n", b"\n")
    return 2 if tail.endswith(b"\n\n") else 1 if tail.endswith(b"\n") else 0


def _contributions(data: ReportData) -> list[str]:
    return [
        f"- {escaped(one.label)} ({escaped(one.experiment)}): {escaped(one.gain)}{', ' * bool(one.remark)}{one.remark}"
        for one in gains(data.main)
    ]


def _origins(data: ReportData) -> list[str]:
    """One line for all runs from the same code and data."""
    groups: dict[tuple[str, str], list[str]] = {}
    for origin in data.origins:
        run = f"{origin.experiment} s{origin.seed}-{origin.config_hash}"
        groups.setdefault((origin.commit or "unknown", origin.data or "unknown"), []).append(run)
    return [
        f"- code {escaped(code)}, data {escaped(data)}: {escaped(', '.join(runs))}"
        for (code, data), runs in groups.items()
    ]
