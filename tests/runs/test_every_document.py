"""Whatever stands in a file that this program reads: it is that run's, or that file's, own trouble, in one sentence."""

import copy
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iqa_train.execution.lease import VARIABLE
from tests.once import made_once
from tests.runs import damaged_world

VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 2**53, 10**30, 10**400, 1.5, -1e308, "", "x", "\x1b]0;x\x07\u202e\n", "../../../etc", [], [1], ["x"],
    [[]], {}, {"x": 1}, {"pid": "x"},
)  # fmt: skip
DROPPED = object()
DEEP = "[" * 100_000
RAW = {
    "empty": b"", "binary": bytes(range(256)), "deep lists": DEEP.encode(), "deep objects": b'{"a":' * 100_000,
    "null": b"null", "list": b"[1, 2]", "number": b"5", "text": b'"x"', "zeros": b"\0" * 4096, "UTF-16": "{}".encode("utf-16"),
}  # fmt: skip
INSERTED = {
    "deep": DEEP + "]" * 100_000, "less deep": "[" * 500 + "]" * 500, "NaN": "NaN", "infinity": "-Infinity", "large": "1e999",
    "digits": "9" * 5000, "half a pair": '"\\ud800"', "zero": '"a\\u0000b"', "twice": '1, "schema_version": "x"',
}  # fmt: skip
DOCUMENTS = (
    "queue.json", "scheduler.json", "A1/spec.json", "A1/result.json", "A1/provenance.json", "A1/tested-spaq.json",
    "A1/attempt-01/runner.json", "A1/attempt-01/exit.json", "A1/attempt-01/metrics.jsonl", "Hot/spec.json",
    "Hot/attempt-01/runner.json", "Hot/attempt-01/metrics.jsonl", "Cold/spec.json", "leases/cpu-0.lock",
)  # fmt: skip
TABLES = ("A1/predictions-test.csv", "A1/predictions-spaq.csv")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("world") / "project"
    folder.mkdir()
    damaged_world.make(folder)
    before, os.environ[VARIABLE] = os.environ.get(VARIABLE), str(folder / "leases")
    with damaged_world.held(folder):
        yield folder
    os.environ.pop(VARIABLE)
    if before is not None:
        os.environ[VARIABLE] = before


@pytest.fixture(scope="module")
def whole(world: Path) -> dict[str, list[object]]:
    said = damaged_world.read_all(world)
    assert said["refused"] == []
    return said


def path_of(world: Path, document: str) -> Path:
    if document.startswith("leases"):
        return world / document
    experiment, _, rest = document.partition("/")
    if not rest:
        return world / "runs" / document
    (run,) = (world / "runs" / damaged_world.STUDY / experiment).iterdir()
    return run / rest


def places(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where something stands in a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


def changed(value: Any, path: tuple[str | int, ...], new: object) -> Any:
    """A copy with `new` at that place, or with nothing there."""
    made = copy.deepcopy(value)
    holder = made
    for key in path[:-1]:
        holder = holder[key]
    if new is DROPPED:
        del holder[path[-1]]
    else:
        holder[path[-1]] = new
    return made


def lines_of(path: Path) -> list[Any]:
    """The values of a document: one, or one a line."""
    text = path.read_text()
    return [json.loads(line) for line in text.splitlines()] if path.suffix == ".jsonl" else [json.loads(text)]


def harm(world: Path, whole: dict[str, list[object]], document: str, content: bytes) -> None:
    """Read everything with this content: no other run is said to be other than it was."""
    path = path_of(world, document)
    before, kept = path.read_bytes(), path.stat()
    own = document.partition("/")[0]
    try:
        path.write_bytes(content)
        os.utime(path, ns=(kept.st_atime_ns, kept.st_mtime_ns))
        found = damaged_world.read_all(world, own if own in whole else "A1")
    finally:
        path.write_bytes(before)
        os.utime(path, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    own_files = "/" in document and own in whole
    for refusal in found["refused"]:
        assert str(path) in refusal, refusal
    assert not (own_files and found["refused"]), found["refused"]
    for experiment in set(whole) - {own, "refused"} if own_files else ():
        assert found.get(experiment) == whole[experiment], experiment
