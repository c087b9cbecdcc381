"""Reads a log of the original training script: settings, rounds, and how it ended."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from iqa_train.errors import UserError, visible
from iqa_train.log_import.death import error_of, is_of_the_script, word_of_an_epoch
from iqa_train.log_import.log_lines import Line, LogText, text_of
from iqa_train.log_import.logged_settings import COSINE_FLOOR, bar_epochs, parse_settings
from iqa_train.log_import.numbers import has_commas
from iqa_train.log_import.rounds import Round, Training, training_of
from iqa_train.log_import.when import began_of
from iqa_train.runs.outcome import Outcome
from iqa_train.runs.state_names import COMPLETED, FAILED, KILLED, LOST, STOPPED_EARLY
from iqa_train.study.settings import TrainingConfig

_LARGEST = 1 << 29
_NOT_OF_THE_SCRIPT = {
    "data_dir", "cache_dir", "resize", "weights", "warmup_epochs", "lr_step_epochs", "lr_step_gamma", "precision",
    "memory_gib", "compile", "workers", "threads", "cross_datasets", "mean", "std", "taps", "freeze", "layer_decay",
    "micro_batch_size",
}  # fmt: skip
_IMAGES = (
    re.compile(r":\s*(?P<train>\d+) train images, (?P<test>\d+) test images"),
    re.compile(r"Train: (?P<train>\d+) images, Test: (?P<test>\d+) images"),
)
_RATE_IN_NAME = re.compile(r"(?:^|[_.-])lr(\d{1,3})e-?(\d{1,2})(?=[_.-]|$)", re.IGNORECASE)
_PACKED = {
    b"\x1f\x8b": ("gzip", "gzip -dk"),
    b"\x28\xb5\x2f\xfd": ("zstd", "zstd -d"),
    b"PK\x03\x04": ("zip", "unzip"),
    b"\xfd7zXZ\0": ("xz", "xz -dk"),
    b"BZh": ("bzip2", "bzip2 -dk"),
    b"\x04\x22\x4d\x18": ("lz4", "lz4 -d"),
    b"7z\xbc\xaf\x27\x1c": ("7-Zip", "7z x"),
}
_INTERRUPT = 2
_ROUNDED = 6e-5  # of four decimals
_PLANNED = {"train_test_num": "rounds", "epochs": "epochs"}


class NoOldLogError(UserError):
    """A file that is not a log of the original training script, or one that cannot be used."""


class DiedBeforeItsFirstEpochError(NoOldLogError):
    """A log of the original training script, without an epoch."""

    exit_code = 1


@dataclass(frozen=True)
class OldLog:
    """A log of the original training script. `size` is in bytes; `images` are counts by split, where known.

    `settings` are complete: `logged` names those stated in the log, `by_name` those in its file name, and `assumed`
    those set to the script's defaults, which may be wrong. `notes` are sentences on what could not be read. `began` is
    the time stated by the log or its name, in ISO 8601; "" if there is none.
    """

    path: Path
    sha256: str
    size: int
    settings: TrainingConfig
    logged: tuple[str, ...]
    by_name: tuple[str, ...]
    assumed: tuple[str, ...]
    command: tuple[str, ...]
    training: Training
    outcome: Outcome
    images: Mapping[str, int]
    notes: tuple[str, ...]
    began: str = ""

    @property
    def seed_is_known(self) -> bool:
        """Whether the log states the seed; `settings` always has one."""
        return "seed" not in self.assumed

    @property
    def unknown(self) -> frozenset[str]:
        """The settings that are only this program's defaults; planned epochs and rounds are counted instead."""
        return (frozenset(self.assumed) | _NOT_OF_THE_SCRIPT) - _PLANNED.keys()

    @property
    def rounds(self) -> tuple[Round, ...]:
        """The rounds that finished an epoch."""
        return self.training.rounds


def read_log(path: Path) -> OldLog:
    """Read a log of the original training script. Raises NoOldLogError, with one sentence, for any other file."""
    data = _bytes(path)
    name = visible(str(path))
    _require_unpacked(name, data)
    text = text_of(data)
    lines, training, remarks = _of_one_task(text, name)
    _require_epochs(name, text, lines, training)
    logged = parse_settings(lines)
    _require_one_run(name, training, logged.settings.get("train_test_num"))
    values, by_name, notes = dict(logged.settings), {}, [*remarks, *logged.notes]
    if "epochs" not in values and (planned := bar_epochs(lines)):
        values["epochs"] = planned
    _require_possible(name, training, values.get("epochs"))
    if "spaq" not in values and any("spaq_srcc" in epoch.more for r in training.rounds for epoch in r.epochs):
        values["spaq"] = True
    if "lr" not in values and not logged.whole and (rate := _rate_in(path.stem)) is not None:
        by_name["lr"] = rate
    values |= by_name
    constants: dict[str, Any] = {
        "select_on": "test", "lr_step": "epoch", "hyper_channels": 112, "network": "hyperiqa", "network_options": {},
        "loss_options": {},
    }  # fmt: skip
    if values.get("lr_scheduler", "cosine" if logged.whole else "") == "cosine":
        constants["lr_floor"] = values.get("lr_floor", COSINE_FLOOR)
    counted = {} if logged.whole else _counted(training)
    settings = TrainingConfig(**(counted | values | constants))
    known = {*values, *constants}
    if logged.whole:
        known |= set(TrainingConfig.model_fields)
    assumed = [name for name in TrainingConfig.model_fields if name not in known and name not in _NOT_OF_THE_SCRIPT]
    notes += _notes(training, settings, assumed, by_name)
    return OldLog(
        path=path,
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        settings=settings,
        logged=tuple(name for name in TrainingConfig.model_fields if name in values and name not in by_name),
        by_name=tuple(by_name),
        assumed=tuple(assumed),
        command=logged.command,
        training=training,
        outcome=_outcome(training, settings, planned="epochs" in known),
        images=_images(lines),
        notes=tuple(notes),
        began=began_of(lines, path.name),
    )


def _of_one_task(text: LogText, name: str) -> tuple[list[Line], Training, list[str]]:
    """The lines of the task that wrote the table. Raises NoOldLogError if several tasks wrote different tables."""
    read = {task: (lines, training_of(lines)) for task, lines in text.tasks.items()}
    tables = {task: training for task, (_, training) in read.items() if training.epochs}
    numbers = {task: [r.epochs for r in _untimed(training)] for task, training in tables.items()}
    first = next(iter(tables or read))
    notes = ["its numbers have decimal commas, which are read as points"] if text.commas else []
    if any(rows != numbers[first] for rows in numbers.values()):
        tasks = ", ".join(visible(task) for task in list(tables)[:8])
        raise NoOldLogError(
            f"{name}: holds different tables of {len(tables)} tasks ({tasks}); split it into one file for each task"
        )
    if len(text.tasks) > 1:
        notes.append(f"{len(text.tasks)} tasks wrote to it; the output of {visible(first)} is read")
    return *read[first], notes


def _untimed(training: Training) -> list[Round]:
    return [replace(r, epochs=tuple(replace(e, seconds=None, rate=None) for e in r.epochs)) for r in training.rounds]


def _require_epochs(name: str, text: LogText, lines: Sequence[Line], training: Training) -> None:
    """Raise NoOldLogError unless this is a log of the script that can be read as one run."""
    if text.before:
        before = visible(text.before.rpartition("\r")[2])[-60:]
        raise NoOldLogError(
            f'{name}: the header of its table follows "{before}", but most other lines do not begin with that; '
            "remove what another program put before each line, and import the result"
        )
    if not training.epochs and text.overlong:
        raise NoOldLogError(
            f"{name}: its table is on a line of {text.overlong} characters, longer than any line of the script; put "
            "each line of the log on its own line, and import the result"
        )
    if not training.epochs:
        _refuse_without_epochs(name, lines, training)
    if len(rows := [row for row in training.broken if has_commas(row)]) > 1:
        raise NoOldLogError(
            f"{name}: {len(rows)} rows of its table have a comma that may be a decimal one or part of thousands, such "
            f"as: {_shortened(rows[0])}; write the numbers with decimal points, and import the result"
        )
    if training.starts > 1:
        raise NoOldLogError(
            f"{name}: the script was started {training.starts} times in this log; split it into one file for each "
            'start, at "Training and testing on", and import those'
        )
    if training.is_newest_first:
        raise NoOldLogError(
            f"{name}: the rows of its table are newest first; put epoch 1 first, below the header, and import that"
        )
    if training.tangled:
        raise NoOldLogError(
            f"{name}: the epochs of its table are out of order ({training.tangled}), as if several "
            "processes had written to it at once; split it into one file for each process"
        )


def _require_one_run(name: str, training: Training, planned: int | None) -> None:
    """Raise NoOldLogError if the rounds belong to several runs, which would be averaged as one."""
    there = len(training.rounds)
    if planned is not None and there > planned:
        were = "was" if planned == 1 else "were"
        why = f"its table holds {there} rounds and the log says that {planned} {were} planned"
    elif training.again:
        why = "epochs follow after the end of a run, or repeat a round"
    else:
        return
    raise NoOldLogError(
        f"{name}: holds more than one run ({why}); split it into one file for each run, where the epochs start again "
        "at 1, and import those"
    )


def _require_possible(name: str, training: Training, planned: int | None) -> None:
    """Raise NoOldLogError for an epoch beyond the last: digits of two columns or lines have run together."""
    last = max(epoch.number for round_ in training.rounds for epoch in round_.epochs)
    if planned is not None and last > planned:
        raise NoOldLogError(
            f"{name}: a row of its table is for epoch {last}, but the log says that {planned} were planned; import the "
            "log as the script wrote it, without broken or joined lines"
        )


def _refuse_without_epochs(name: str, lines: Sequence[Line], training: Training) -> None:
    if training.broken:
        raise NoOldLogError(
            f"{name}: no row of its table has all its numbers, such as: {_shortened(training.broken[0])}"
        )
    if word := word_of_an_epoch(lines, table=training.has_table):
        raise NoOldLogError(
            f"{name}: the table of epochs cannot be read in this form; the log mentions epochs, such as in: "
            f"{_shortened(word)}"
        )
    if not training.has_table and not is_of_the_script(lines):
        raise NoOldLogError(
            f"{name}: not a log of the original training script; it has no header line with Epoch and Test_SRCC"
        )
    error = error_of(lines) or training.error
    how = f"died before its first epoch ({_shortened(error, 200)})" if error else "ends before its first epoch"
    raise DiedBeforeItsFirstEpochError(
        f"{name}: a log of the original training script that {how}, so there is nothing to import"
    )


def _shortened(text: str, length: int = 60) -> str:
    return visible(" ".join(text.split()))[:length]


def _bytes(path: Path) -> bytes:
    name = visible(str(path))
    try:
        if not path.is_file():
            what = "a folder" if path.is_dir() else "no such file" if not path.exists() else "no regular file"
            raise NoOldLogError(f"{name}: {what}; give the logs of the original training script, such as logs/*.log")
        if path.stat().st_size > _LARGEST:
            raise NoOldLogError(
                f"{name}: larger than {_LARGEST >> 20} MiB, which no log of the original training script is"
            )
        return path.read_bytes()
    except OSError as error:
        raise NoOldLogError(f"{name}: cannot be read: {error.strerror}") from None


def _require_unpacked(name: str, data: bytes) -> None:
    for start, (kind, how) in _PACKED.items():
        if data.startswith(start):
            raise NoOldLogError(f"{name}: compressed ({kind}); unpack it first, with {how}, and import its content")


def _rate_in(stem: str) -> float | None:
    """5e-7 in `baseline_lr5e7_20251223`, as the script's logs were named."""
    found = _RATE_IN_NAME.search(stem)
    rate = float(f"{found[1]}e-{found[2]}") if found else 0.0
    return rate if 0 < rate <= 1 else None


def _counted(training: Training) -> dict[str, Any]:
    """Planned epochs and rounds for a log that does not state them: as many as there are."""
    return {
        "epochs": max(epoch.number for r in training.rounds for epoch in r.epochs),
        "train_test_num": len(training.rounds),
    }


def _images(lines: Sequence[Line]) -> dict[str, int]:
    hits = (pattern.search(line.text) for line in lines if line.whole for pattern in _IMAGES)
    found = next((hit for hit in hits if hit), None)
    return {split: int(found[split]) for split in ("train", "test")} if found else {}


def _outcome(training: Training, settings: TrainingConfig, *, planned: bool) -> Outcome:
    rounds = training.rounds
    closed = [r for r in rounds if r.best is not None]
    if training.median is not None or (len(closed) == len(rounds) >= settings.train_test_num):
        early = any(r.stopped_early for r in rounds)
        return Outcome(STOPPED_EARLY if early else COMPLETED, "", 0, None)
    at = f"after epoch {rounds[-1].epochs[-1].number}" + (f" of {settings.epochs}" if planned else "")
    if settings.train_test_num > 1:
        at = f"in round {len(rounds)} of {settings.train_test_num}, {at}"
    if "KeyboardInterrupt" in training.error:
        return Outcome(KILLED, f"interrupted {at}", None, _INTERRUPT, requested=True)
    if training.error:
        memory = "out of memory" in training.error or "OutOfMemory" in training.error
        return Outcome(FAILED, f"{'out of memory' if memory else visible(training.error)[:200]}, {at}", 1, None)
    return Outcome(LOST, f"the log ends {at}, without its closing line", None, None)


def _notes(
    training: Training, settings: TrainingConfig, assumed: Sequence[str], by_name: Mapping[str, Any]
) -> list[str]:
    notes = []
    if "lr" in assumed:
        printed = "prints it as 0.000000" if training.shown_zero else "does not state it"
        notes.append(f"lr is unknown: the log {printed}; the script's default, {settings.lr:g}, is used")
    elif "lr" in by_name:
        notes.append(f"lr = {settings.lr:g} is taken from the file's name; the log does not state it")
    if unplanned := [word for name, word in _PLANNED.items() if name in assumed]:
        notes.append(f"the log does not state how many {' and '.join(unplanned)} were planned; its own number is used")
    others = [name for name in assumed if name != "lr" and name not in _PLANNED]
    if others:
        notes.append(f"not in the log, so assumed at the script's defaults: {', '.join(others)}")
    if training.broken:
        rows = "a row" if len(training.broken) == 1 else f"{len(training.broken)} rows"
        first, was = _shortened(training.broken[0]), "was" if len(training.broken) == 1 else "were"
        notes.append(f"{rows} of its table without all its numbers {was} left out: {first}")
    notes += _missing(training)
    if settings.train_test_num > 1:
        notes.append("its rounds share one stream of random numbers; they have no seeds of their own")
    return notes


def _missing(training: Training) -> list[str]:
    """Notes on missing and repeated rows, and on closing lines that do not match the table."""
    notes = []
    for number, round_ in enumerate(training.rounds, 1):
        where = f" in round {number}" if len(training.rounds) > 1 else ""
        there = [epoch.number for epoch in round_.epochs]
        gone = sorted(set(range(1, there[-1])) - set(there))
        if gone:
            some = ", ".join(map(str, gone[:10])) + (", ..." if len(gone) > 10 else "")
            what = f"epoch {some} is" if len(gone) == 1 else f"epochs {some} are"
            notes.append(f"{what} missing in its table{where}; the best epoch may be among them")
        best, chosen = round_.best and round_.best[0], round_.chosen
        if best is not None and chosen is not None and abs(best - (chosen.test_srcc or 0.0)) > _ROUNDED:
            notes.append(
                f"its closing line{where} says {best:g}, but the best in its table is {chosen.test_srcc:g} at epoch "
                f"{chosen.number}; the closing line counts"
            )
    if training.repeated:
        rows = "a row" if training.repeated == 1 else f"{training.repeated} rows"
        notes.append(f"{rows} of its table appeared twice; each counts once")
    return notes
