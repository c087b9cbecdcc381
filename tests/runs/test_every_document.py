"""Whatever stands in a file that this program reads: it is that run's, or that file's, own trouble, in one sentence."""

import copy
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iqa_train.devices.leases import VARIABLE
from iqa_train.files import DamagedFileError
from iqa_train.runs.design_file import read_design_file
from iqa_train.runs.documents import (
    read_exit,
    read_provenance,
    read_result,
    read_runner,
    read_scheduler,
    read_spec_facts,
)
from tests.runs import damaged_world

VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 2**53, 10**30, 10**400, 1.5, -1e308, "", "x", "\x1b]0;x\x07\u202e\n", "../../../etc",
    [], [1], ["x"], [[]], {}, {"x": 1}, {"pid": "x"},
)  # fmt: skip
DROPPED = object()
DEEP = "[" * 100_000
RAW = {
    "empty": b"", "binary": bytes(range(256)), "deep lists": DEEP.encode(), "deep objects": b'{"a":' * 100_000,
    "null": b"null", "list": b"[1, 2]", "number": b"5", "text": b'"x"', "zeros": b"\0" * 4096,
    "UTF-16": "{}".encode("utf-16"),
}  # fmt: skip
INSERTED = {
    "deep": DEEP + "]" * 100_000, "less deep": "[" * 500 + "]" * 500, "NaN": "NaN", "infinity": "-Infinity",
    "large": "1e999", "digits": "9" * 5000, "half a pair": '"\\ud800"', "zero": '"a\\u0000b"', "twice": '1, "x": "x"',
}  # fmt: skip
DOCUMENTS = (
    "queue.json", "scheduler.json", "design.json", "A1/spec.json", "A1/result.json", "A1/provenance.json",
    "A1/tested-spaq.json", "A1/notes.json",
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
    if document == "design.json":
        return world / "runs" / damaged_world.STUDY / document
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


def harmed(
    world: Path, whole: dict[str, list[object]], document: str, content: bytes, *, page: bool = False
) -> list[str]:
    """Read everything with this content: no other run is said to be other than it was. Returns what was refused."""
    path = path_of(world, document)
    before, kept = path.read_bytes(), path.stat()
    own = document.partition("/")[0] if "/" in document else ""
    try:
        path.write_bytes(content)
        os.utime(path, ns=(kept.st_atime_ns, kept.st_mtime_ns))
        found = damaged_world.read_all(world, own if page and own in whole else "")
    finally:
        path.write_bytes(before)
        os.utime(path, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    refused = [str(refusal) for refusal in found.pop("refused")]
    at_odds = f"_of_folder: {own} and Baseline differ in undeclared settings"  # a value that it might well have
    for refusal in (one for one in refused if not one.startswith(at_odds)):  # of files of the whole project alone
        assert str(path) in refusal and "\n" not in refusal
        assert own not in whole
    others = set(whole) - {own, "refused"} if own in whole else set()
    for experiment in others:
        assert found.get(experiment) == whole[experiment], experiment
    return refused


@pytest.mark.parametrize("document", [*DOCUMENTS, *TABLES])
def test_a_file_that_is_something_else(world: Path, whole: dict[str, list[object]], document: str) -> None:
    """One kind of damage after another, in one file."""
    content = path_of(world, document).read_bytes()
    lines = content.splitlines(keepends=True)
    for damage in (RAW["deep lists"], RAW["list"], RAW["binary"], content[: len(content) // 2], b"".join(lines[:-1])):
        refused = harmed(world, whole, document, damage)
        assert not refused or "is damaged (" in refused[0]


@pytest.mark.parametrize(
    "reader",
    [read_runner, read_exit, read_spec_facts, read_result, read_provenance, read_scheduler, read_design_file],
)
def test_every_reader_refuses_in_one_sentence(tmp_path: Path, reader: Callable[[Path], object]) -> None:
    path = tmp_path / "some.json"
    assert reader(path) is None
    for damage in (*RAW.values(), *(b'{"x": %s}' % odd.encode() for odd in INSERTED.values())):
        path.write_bytes(damage)
        try:
            reader(path)
        except DamagedFileError as error:
            assert str(error).startswith(f"{path} is damaged (") and "\n" not in str(error)
        else:
            assert b'"x": 1' in damage  # a key that stands there twice counts once, as in all of JSON
    path.unlink()
    path.mkdir()
    with pytest.raises(DamagedFileError, match="it is a folder, not a file"):
        reader(path)
    path.rmdir()
    os.mkfifo(path)
    with pytest.raises(DamagedFileError, match="is damaged"):  # and nobody waits for a writer
        reader(path)


JSON_FILES = st.sampled_from(DOCUMENTS)
INJECTED = st.one_of(st.sampled_from(VALUES), st.just(DROPPED), st.sampled_from(sorted(INSERTED)).map(lambda k: (k,)))


def injected(world: Path, document: str, draw: Callable[[st.SearchStrategy[Any]], Any], new: object) -> bytes:
    """The document with one of its values replaced, dropped, or with something odd put in beside it."""
    values = lines_of(path_of(world, document))
    number = draw(st.integers(0, len(values) - 1))
    place = draw(st.sampled_from(list(places(values[number]))))
    odd = INSERTED[new[0]] if isinstance(new, tuple) else None
    values[number] = changed(values[number], place, "ODD" if odd is not None else new)
    text = "".join(json.dumps(value) + "\n" for value in values)
    return (text if odd is None else text.replace('"ODD"', odd)).encode()


@pytest.mark.slow
@settings(
    max_examples=40, deadline=None, database=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(data=st.data(), document=JSON_FILES, new=INJECTED)
def test_any_value_in_any_place_of_any_document(
    world: Path, whole: dict[str, list[object]], data: st.DataObject, document: str, new: object
) -> None:
    harmed(world, whole, document, injected(world, document, data.draw, new), page=True)
