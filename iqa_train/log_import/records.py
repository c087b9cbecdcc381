"""Unpacks logs of collectors, whose lines are records: JSON, CSV, Kubernetes' CRI format, logfmt, asciinema."""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

_TEXT = (
    "log",
    "message",
    "MESSAGE",
    "msg",
    "line",
    "text",
    "textPayload",
    "@message",
    "body",
    "data",
    "content",
    "output",
)
_TIME = ("time", "timestamp", "@timestamp", "ts", "__REALTIME_TIMESTAMP")
_TIME_AND_LINE = re.compile(r'"?\d{4}-\d\d-\d\d[T ][^",]{5,40}"?,"')
_LONGEST_HEAD = 100_000
_LISTS = ("events", "entries", "logs", "records", "items")
_CRI = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\S{8,40}) (?P<stream>stdout|stderr) (?P<tag>[FP])(?::\w+)?(?: (?P<text>.*))?"
)
_LOGFMT = re.compile(
    r'(?:time|ts|t|timestamp)=(?P<time>"[^"]*"|\S+) .{0,400}?\b(?:msg|message)=(?P<text>"(?:[^"\\]|\\.)*")'
)


@dataclass(frozen=True)
class Piece:
    """A line without its end, after some wrappers were removed. `whole` is False if the line end is missing.

    `task` is the task that wrote it, in a log of several tasks, and `time` its time stamp; "" if unknown.
    """

    text: str
    whole: bool = True
    task: str = ""
    time: str = ""


@dataclass(frozen=True)
class _Record:
    text: str
    stream: str = ""
    time: str = ""
    partial: bool = False
    task: str = ""


def pieces_of(text: str) -> list[Piece]:
    """The lines of a log, or the records of one that is a JSON document or a CSV export."""
    text = _recorded(text)
    document = _document(text) or _exported(text)
    if document is not None:
        return list(_joined(document))
    lines = text.split("\n")
    return [Piece(line, whole=number < len(lines) - 1) for number, line in enumerate(lines)]


def opened(pieces: list[Piece]) -> list[Piece]:
    """The texts of records; parts of one line are joined, by task and stream."""
    records = [_record(piece) or piece for piece in pieces]
    return list(_joined(records)) if any(isinstance(record, _Record) for record in records) else pieces


def _joined(records: Sequence[_Record | Piece]) -> Iterator[Piece]:
    waiting: dict[tuple[str, str], _Record] = {}
    for record in records:
        if isinstance(record, Piece):  # between the records, or the last one, cut short
            if record.text.strip():
                yield record
            continue
        begun = waiting.pop((record.task, record.stream), None)
        text, time = (begun.text + record.text, begun.time) if begun else (record.text, record.time)
        if record.partial:
            waiting[record.task, record.stream] = replace(record, text=text, time=time)
            continue
        for part in text.removesuffix("\n").split("\n"):
            yield Piece(part, task=record.task, time=time)
    for rest in waiting.values():
        yield Piece(rest.text, whole=False, task=rest.task, time=rest.time)


def _record(piece: Piece) -> _Record | None:
    """The line as a record; None if it is not one."""
    line = piece.text
    start, found = line.lstrip(" \x1e\ufeff")[:1], None
    if start == "{":
        content = _json(line.strip(" \x1e\ufeff\r,"))
        found = _of_json(content) if isinstance(content, dict) else None
    elif start == '"':
        content = _json(line.strip(" \x1e\ufeff\r,"))
        found = _Record(content) if isinstance(content, str) else None
    elif start.isdigit() and (hit := _CRI.fullmatch(line.rstrip("\r"))):
        found = _Record(hit["text"] or "", hit["stream"], hit["time"], partial=hit["tag"] == "P")
    elif start == "t" and (hit := _LOGFMT.match(line)):
        content = _json(hit["text"])
        found = _Record(content, "", hit["time"].strip('"')) if isinstance(content, str) else None
    return replace(found, task=piece.task, time=found.time or piece.time) if found else None


def _of_json(content: Mapping[str, Any]) -> _Record | None:
    text = next((content[key] for key in _TEXT if key in content), None)
    if isinstance(text, list) and text and all(isinstance(byte, int) and 0 <= byte < 256 for byte in text):
        text = bytes(text).decode(errors="replace")  # journald's form of a message that is not plain text
    if isinstance(text, Mapping):
        return _of_json(text)
    if not isinstance(text, str):
        return None
    time = next((str(content[key]) for key in _TIME if isinstance(content.get(key), str | int | float)), "")
    docker = isinstance(content.get("log"), str) and "stream" in content  # where a line's last record ends it
    partial = str(content.get("CONTAINER_PARTIAL_MESSAGE", "")).lower() == "true"
    return _Record(text, str(content.get("stream", "")), time, partial or (docker and not text.endswith("\n")))


def _document(text: str) -> list[_Record] | None:
    """The records of a log that is a single JSON document: a list, or an object with one."""
    start = text.lstrip(" \r\n\t\ufeff")[:1]
    if start not in {"[", "{"} or text.rstrip()[-1:] not in {"]", "}"}:
        return None
    if start == "{" and _record(Piece(text.partition("\n")[0])) is not None:
        return None  # a record a line
    content = _json(text)
    if isinstance(content, dict):
        content = next((content[key] for key in _LISTS if isinstance(content.get(key), list)), None)
    if not isinstance(content, list):
        return None
    records = [_of_json(value) if isinstance(value, dict) else _of_text(value) for value in content]
    return [value for value in records if value is not None] or None


def _of_text(value: object) -> _Record | None:
    return _Record(value) if isinstance(value, str) else None


def _exported(text: str) -> list[_Record] | None:
    """The records of a CSV export: times and lines, with or without a header."""
    head = text[:500].lstrip("\ufeff").partition("\n")[0].strip()
    bare = _TIME_AND_LINE.match(head) is not None
    names = ["time", "line"] if bare else [name.strip().strip('"') for name in head.split(",")]
    at = next((k for k, name in enumerate(names) if name.lower() in _TEXT), None)
    when = next((k for k, name in enumerate(names) if name.lower() in _TIME), None)
    if at is None or when is None:
        return None
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row][0 if bare else 1 :]
    except csv.Error:
        return None
    if any(len(row) != len(names) for row in rows[:-1]):  # the last one may be cut short
        return None
    return [_Record(row[at], time=row[when]) for row in rows if len(row) == len(names)] or None


def _recorded(text: str) -> str:
    """The terminal output in an asciinema recording; any other text unchanged."""
    head, _, rest = text.partition("\n")
    about = _json(head) if head.startswith("{") and len(head) < _LONGEST_HEAD else None
    if not isinstance(about, dict) or about.get("version") not in {2, 3} or not {"width", "term"} & about.keys():
        return text
    events = (_json(line) for line in rest.split("\n"))
    return "".join(
        e[2] for e in events if isinstance(e, list) and len(e) == 3 and e[1] == "o" and isinstance(e[2], str)
    )


def _json(text: str) -> Any:  # noqa: ANN401
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
