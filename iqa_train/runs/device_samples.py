"""devices.jsonl: what an attempt's device did over time, sampled by its runner, on whichever node that was."""

from collections.abc import Iterator
from pathlib import Path

from iqa_train.files import DamagedFileError
from iqa_train.runs.documents import DeviceSample
from iqa_train.runs.layout import Attempt
from iqa_train.schema import read_events

_TAIL = 1 << 14  # bytes: about forty samples


def samples_of(attempt: Attempt) -> Iterator[DeviceSample]:
    """Every sample, the oldest first, without damaged lines. Raises DamagedFileError and OSError."""
    return read_events(attempt.devices, DeviceSample)


def last_samples(devices: Path) -> tuple[DeviceSample, ...]:
    """The last samples of a devices.jsonl, some minutes' worth, of which only the end is read; none if it cannot be."""
    try:
        return tuple(read_events(devices, DeviceSample, last=_TAIL))
    except (OSError, DamagedFileError):  # samples are for looking at: nothing depends on them
        return ()


def last_sample(devices: Path) -> DeviceSample | None:
    """The newest sample of a devices.jsonl; None where there is none to be had."""
    return next(reversed(last_samples(devices)), None)
