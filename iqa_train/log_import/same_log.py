"""Recognises a log that was imported before, as it is or when it was shorter."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from iqa_train.log_import import run_files as record
from iqa_train.log_import.read_log import OldLog
from iqa_train.runs.imported import Imported, imported_from
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.metrics import epoch_events
from iqa_train.runs.state import run_state
from iqa_train.runs.state_names import FINISHED

_MEASURED = ("round", "epoch", "train_loss", "train_srcc", "test_srcc", "test_plcc")


def is_of(run: RunFolder, log: OldLog) -> bool:
    """Whether the run was imported from a log with these bytes."""
    known = imported_from(run)
    return known is not None and known.sha256 == log.sha256


def begins(run: RunFolder, log: OldLog) -> bool:
    """Whether the log that the run was imported from is the beginning of this one, byte for byte."""
    known = imported_from(run)
    if known is None or known.size >= log.size:
        return False
    with log.path.open("rb") as file:
        return hashlib.sha256(file.read(known.size)).hexdigest() == known.sha256


def begins_in_numbers(run: RunFolder, log: OldLog) -> bool:
    """Whether the run did not end, and its epochs are the first of this log, number for number.

    For copies whose bytes differ: without their bars or colours, say, or cut off within a line. Two runs that state
    different times at which they began are two.
    """
    known = imported_from(run)
    if known is None or run_state(run).finished or not _may_be_of_one_time(known, log):
        return False
    old, new = _numbers(epoch_events(run)), _numbers(record.events_of(log))
    longer = len(new) > len(old) or log.outcome.state in FINISHED
    return bool(old) and longer and new[: len(old)] == old


def _may_be_of_one_time(known: Imported, log: OldLog) -> bool:
    return not known.began or not log.began or known.began == log.began


def _numbers(events: Iterable[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    return [tuple(event.get(name) for name in _MEASURED) for event in events if event["event"] == "epoch"]
