"""Recognises a run that is only half copied, or damaged: such a run is not joined."""

import json
import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path

from iqa_train.errors import DataError, RunError
from iqa_train.regular import open_regular
from iqa_train.runs.code_copy import damaged_copies
from iqa_train.runs.document_cache import Damage
from iqa_train.runs.documents import Measures, misplaced
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.merge.side import Side
from iqa_train.runs.predictions import read_predictions
from iqa_train.runs.specfile import altered
from iqa_train.schema import read_document

# Of rsync (.NAME.a1B2c3, --partial-dir, --delay-updates), unison, lftp, WinSCP, and what ends in ~ or .part.
_UNDER_WAY = re.compile(r"\..+\.[A-Za-z0-9]{6}|\.rsync-partial|\.~tmp~|\.unison\..+|.+~|.+\.(?:filepart|part|partial)")
OWN_TEMPORARY = re.compile(r"\..+\.[0-9a-f]+\.(?:tmp|part)")
"""What a killed writer of this program left; no part of a run."""


def incomplete(side: Side) -> str:
    """What of the run is missing, cut short or damaged, in words; "" if nothing is."""
    run, spec = side.run, side.spec
    if (left := next(_temporary(run), None)) is not None:
        return f"{left} is a file that is still being copied"
    if side.damage:
        return side.damage
    if spec is None or isinstance(spec, Damage):
        return f"{run.spec} is missing"
    if words := misplaced(run, spec.get("experiment"), spec.get("seed")):
        return f"{run.spec} is damaged ({words})"
    if altered(spec):
        return f"{run.spec} was altered: its settings do not have the hash that it names"
    if spec.get("config_hash", run.config_hash) != run.config_hash:
        return f"{run.spec} names other settings than its folder"
    code = spec.get("code")
    if isinstance(code, dict) and (missing := damaged_copies(run, code.get("files", {}))):
        return f"{run.code / missing[0]} is missing or is not what the run was queued with"
    if not side.tries:
        return ""
    for checkpoint in sorted(run.path.rglob("*.safetensors")):
        if words := _cut_short(checkpoint):
            return words
    return _unfinished_copy(side) if side.finished or _has_result_to_come(side) else ""


def _has_result_to_come(side: Side) -> bool:
    """Whether its last attempt says that it completed, although there is no result yet."""
    return side.state.reason == "it completed, but its result.json is missing"


def _unfinished_copy(side: Side) -> str:
    """Of a run that has ended with a result: whether all that belongs to that is there."""
    run, rounds = side.run, side.result.get("rounds", [])
    if not run.result.exists():
        return f"{run.result} is missing, although the run is completed"
    if side.kind.name == "imported log":
        return ""
    metrics = run.attempts()[-1].metrics
    if _unterminated(metrics):
        return f"{metrics} is cut short: its last line is not complete"
    if side.kind.made_here and side.epochs < sum(one.get("epochs", 0) for one in rounds):
        return f"{metrics} has {side.epochs} of {sum(one.get('epochs', 0) for one in rounds)} epochs"
    count = max(1, len(rounds))
    for number in range(1, count + 1):
        files = run.round(number, count)
        path = files.predictions("test")
        images = side.result.get("images", {}).get("test") if count == 1 else None
        try:
            there = len(read_predictions(path).images)
        except (DataError, OSError) as error:
            return f"{error}" if path.exists() else f"{path} is missing"
        if images not in {None, there}:
            return f"{path} has {there} of {images} images"
        if words := _cross_tests(files.folder):
            return words
    return ""


def _cross_tests(folder: Path) -> str:
    for tested in sorted(folder.glob("tested-*.json")):
        predictions = folder / f"predictions-{tested.stem.removeprefix('tested-')}.csv"
        try:
            read_document(tested, Measures)
            read_predictions(predictions)
        except (DataError, RunError, OSError) as error:
            return f"{error}" if predictions.exists() else f"{predictions} is missing"
    return ""


def _temporary(run: RunFolder) -> Iterator[Path]:
    """Temporary files of programs that copy; what the program of a command itself writes is its own affair."""
    for folder, folders, files in os.walk(run.path):
        if Path(folder) == run.path and "output" in folders:
            folders.remove("output")
        for name in sorted([*folders, *files]):
            if _UNDER_WAY.fullmatch(name) and not OWN_TEMPORARY.fullmatch(name):
                yield Path(folder, name)


def _unterminated(path: Path) -> bool:
    try:
        with os.fdopen(open_regular(path, follow=True), "rb") as file:
            size = file.seek(0, os.SEEK_END)
            if not size:
                return False
            file.seek(size - 1)
            return file.read(1) != b"\n"
    except FileNotFoundError:
        return False


def _cut_short(path: Path) -> str:
    """Whether a file of tensors has another length than its head says."""
    try:
        with os.fdopen(open_regular(path, follow=True), "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            (length,) = struct.unpack("<Q", file.read(8))
            head = json.loads(file.read(length)) if length < size else {}
            ends = [entry["data_offsets"][1] for name, entry in head.items() if name != "__metadata__"]
    except (struct.error, ValueError, KeyError, TypeError, AttributeError, IndexError):
        return f"{path} is damaged"
    whole = 8 + length + max(ends, default=0)
    return "" if size == whole else f"{path} has {size} of {whole} bytes"
