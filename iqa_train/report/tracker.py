"""EXPERIMENTS_LOG_TRACKER.md: what a study found, between two markers; all that people write around them stays.

    <!-- iqa-train:begin lr5e7 -->
    ...
    <!-- iqa-train:end lr5e7 -->

The file is handled as bytes: whatever its encoding and its line ends, not one byte outside the markers changes. Markers
that do not pair off are refused, since what lies between them might be somebody's notes.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from iqa_train.errors import RunError, UsageError, visible
from iqa_train.files import write_atomic
from iqa_train.locks import locked_folder
from iqa_train.regular import real_path
from iqa_train.report.markdown import escaped, results_markdown
from iqa_train.report.report_data import ReportData
from iqa_train.report.verdict_text import WHAT_IS_GAINED, gains
from iqa_train.study.model import NAME_PATTERN

FILE_NAME = "EXPERIMENTS_LOG_TRACKER.md"

_HEAD = "# Experiments\n\n"
_ANY = re.compile(rb"<!--[ \t]*iqa-train[ \t]*:")  # the beginning of a marker, whole or damaged
_MARKER = re.compile(rb"<!-- iqa-train:(begin|end) ([^\s<>]+) -->")
_FENCE = re.compile(rb"^ {0,3}(`{3,}|~{3,})[^\n]*\n(?:.*\n)*? {0,3}\1[`~]*[ \t]*\r?$", re.MULTILINE)  # a block of code
_MARK_OF_UTF8 = b"\xef\xbb\xbf"
_MEND = "nothing was changed; mend or remove the markers by hand"
_WIDE = (b"\xff\xfe", b"\xfe\xff")  # of UTF-16, in which our bytes would be noise


class TrackerError(RunError):
    """A tracker that cannot be updated without a risk to somebody's notes."""


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
        parts.append("\n".join(["### Contributions", "", WHAT_IS_GAINED, "", *gained]))
    origins = _origins(data)
    if origins:
        parts.append("\n".join(["### Origin", "", *origins]))
    return "\n\n".join(parts) + "\n"


def update_tracker(path: Path, study: str, text: str) -> bool:
    """Put `text` between the study's markers in the file at `path`, made if missing; returns whether bytes changed.

    Raises TrackerError, with the file untouched, for damaged markers and for a file that cannot be read or written.
    """
    try:
        path = real_path(path)  # a link stays a link to the file that changes
        with locked_folder(path.parent):
            old = path.read_bytes() if path.exists() else None
            new = with_block(old, study, text, str(path))
            if new == old:
                return False
            mode = path.stat().st_mode & 0o7777 if old is not None else None
            if old is not None:
                path.open("r+b").close()  # a file that its owner made read-only is not replaced
            write_atomic(path, new)
            if mode is not None:
                path.chmod(mode)
            return True
    except OSError as error:
        raise TrackerError(f"{path} cannot be updated: {error.strerror}") from None


def with_block(old: bytes | None, study: str, text: str, name: str = FILE_NAME) -> bytes:
    """The bytes of a tracker in which `text` stands for `study`; `old` None for no file. Raises TrackerError."""
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
    """The markers and what stands between; `text` is Markdown that can hold no marker of ours."""
    inner = text.strip("\n").encode(errors="replace")  # a file's name may hold what is no text
    if _ANY.search(inner):
        raise ValueError("a tracker's text must not hold its markers")
    begin, end = (f"<!-- iqa-train:{kind} {study} -->".encode() for kind in ("begin", "end"))
    return newline.join([begin, *inner.split(b"\n"), end])


def _markers(data: bytes, name: str) -> list[_Marker]:
    """Begin, end, begin, end: all of the file's markers. Raises TrackerError where they are anything else."""
    found: list[_Marker] = []
    code = [block.span() for block in _FENCE.finditer(data)]
    for start in (match.start() for match in _ANY.finditer(data)):
        whole = _MARKER.match(data, start)
        where = _where(data, start, name)
        if whole is None:
            raise TrackerError(f"{where}: a damaged iqa-train marker; {_MEND}")
        shown = any(begin < start < end for begin, end in code)
        if shown or (whole[1] == b"begin" and data[data.rfind(b"\n", 0, start) + 1 : start].strip(_MARK_OF_UTF8)):
            raise TrackerError(f"{where}: an iqa-train marker in code or amid a line, not on one of its own; {_MEND}")
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
                f'{where}: "{visible(marker.study)}" begins before "{visible(open_one.study)}" has ended; {_MEND}'
            )
        if any(earlier.study == marker.study for earlier in before):
            raise TrackerError(f'{where}: "{visible(marker.study)}" begins a second time; {_MEND}')
    elif open_one is None or open_one.study != marker.study:
        raise TrackerError(f'{where}: "{visible(marker.study)}" ends where it has not begun; {_MEND}')


def _where(data: bytes, start: int, name: str) -> str:
    line = data.count(b"\n", 0, start) + 1
    return f"{name}, line {line}"


def _mostly_crlf(data: bytes) -> bool:
    return data.count(b"\r\n") * 2 > data.count(b"\n")


def _line_ends(data: bytes) -> int:
    """How many of the two line ends before a block are there already."""
    tail = data[-4:].replace(b"\r\n", b"\n")
    return 2 if tail.endswith(b"\n\n") else 1 if tail.endswith(b"\n") else 0


def _contributions(data: ReportData) -> list[str]:
    return [
        f"- {escaped(one.label)} ({escaped(one.experiment)}): {escaped(one.gain)}{', ' * bool(one.remark)}{one.remark}"
        for one in gains(data.main)
    ]


def _origins(data: ReportData) -> list[str]:
    """One line for all runs that come from the same code and data."""
    groups: dict[tuple[str, str], list[str]] = {}
    for origin in data.origins:
        run = f"{origin.experiment} s{origin.seed}-{origin.config_hash}"
        groups.setdefault((origin.commit or "not known", origin.data or "not known"), []).append(run)
    return [
        f"- code {escaped(code)}, data {escaped(data)}: {escaped(', '.join(runs))}"
        for (code, data), runs in groups.items()
    ]
