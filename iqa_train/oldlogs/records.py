"""Logs whose lines are records of a collector: Docker's and other JSON, Kubernetes' CRI format, logfmt."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_TEXT = ("log", "message", "MESSAGE", "msg", "line", "text", "textPayload", "@message", "body")
_TIME = ("time", "timestamp", "@timestamp", "ts", "__REALTIME_TIMESTAMP")
_LISTS = ("events", "entries", "logs", "records", "items")
_CRI = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\S{8,40}) (?P<stream>stdout|stderr) (?P<tag>[FP])(?::\w+)?(?: (?P<text>.*))?"
)
_LOGFMT = re.compile(
    r'(?:time|ts|t|timestamp)=(?P<time>"[^"]*"|\S+) .{0,400}?\b(?:msg|message)=(?P<text>"(?:[^"\\]|\\.)*")'
)


@dataclass(frozen=True)
class Piece:
    """A line without its end, as far as it is unwrapped. `whole` is False where its end is missing.

    `task` is who wrote it, in a log that several tasks wrote to, and `time` its time stamp; "" is unknown.
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


def pieces_of(text: str) -> list[Piece]:
    """The lines of a log; records are opened, and those that hold parts of one line are joined by their stream."""
    document = _document(text)
    if document is not None:
        lines: list[_Record | str] = [*document]
    else:
        lines = [_record(line) or line for line in text.split("\n")]
    if not any(isinstance(line, _Record) for line in lines):
        pieces = text.split("\n")
        return [Piece(piece, whole=number < len(pieces) - 1) for number, piece in enumerate(pieces)]
    return list(_joined(lines))


def _joined(lines: Sequence[_Record | str]) -> Iterator[Piece]:
    waiting: dict[str, _Record] = {}
    for number, line in enumerate(lines):
        if isinstance(line, str):  # between the records; a last one is a record that was cut short
            if line.strip():
                yield Piece(line, whole=number < len(lines) - 1)
            continue
        begun = waiting.pop(line.stream, None)
        text, time = (begun.text + line.text, begun.time) if begun else (line.text, line.time)
        if line.partial:
            waiting[line.stream] = _Record(text, line.stream, time)
            continue
        for part in text.removesuffix("\n").split("\n"):
            yield Piece(part, time=time)
    for rest in waiting.values():
        yield Piece(rest.text, whole=False, time=rest.time)


def _record(line: str) -> _Record | None:
    """The record that the line is; None for a line of another kind."""
    start = line.lstrip(" \x1e\ufeff")[:1]
    if start == "{":
        content = _json(line.strip(" \x1e\ufeff\r,"))
        return _of_json(content) if isinstance(content, dict) else None
    found = _CRI.fullmatch(line.rstrip("\r")) if start.isdigit() else None
    if found:
        return _Record(found["text"] or "", found["stream"], found["time"], partial=found["tag"] == "P")
    found = _LOGFMT.match(line) if start == "t" else None
    if found:
        content = _json(found["text"])
        return _Record(content, "", found["time"].strip('"')) if isinstance(content, str) else None
    return None


def _of_json(content: Mapping[str, Any]) -> _Record | None:
    text = next((content[key] for key in _TEXT if key in content), None)
    if isinstance(text, list) and text and all(isinstance(byte, int) and 0 <= byte < 256 for byte in text):
        text = bytes(text).decode(errors="replace")  # journald's form of a message that is no plain text
    if isinstance(text, Mapping):
        return _of_json(text)
    if not isinstance(text, str):
        return None
    time = next((str(content[key]) for key in _TIME if isinstance(content.get(key), str | int | float)), "")
    docker = isinstance(content.get("log"), str) and "stream" in content  # where a line's last record ends it
    partial = str(content.get("CONTAINER_PARTIAL_MESSAGE", "")).lower() == "true"
    return _Record(text, str(content.get("stream", "")), time, partial or (docker and not text.endswith("\n")))


def _document(text: str) -> list[_Record] | None:
    """The records of a log that is one JSON document: a list, or an object that holds one."""
    start = text.lstrip(" \r\n\t\ufeff")[:1]
    if start not in {"[", "{"} or text.rstrip()[-1:] not in {"]", "}"}:
        return None
    if start == "{" and _record(text.partition("\n")[0]) is not None:
        return None  # a record a line
    content = _json(text)
    if isinstance(content, dict):
        content = next((content[key] for key in _LISTS if isinstance(content.get(key), list)), None)
    if not isinstance(content, list):
        return None
    records = [_of_json(one) if isinstance(one, dict) else None for one in content]
    return [one for one in records if one is not None] or None


def _json(text: str) -> Any:  # noqa: ANN401
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
