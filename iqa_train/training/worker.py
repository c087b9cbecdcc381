"""The worker process: `python -m iqa_train.training.worker RUN_FOLDER ATTEMPT_FOLDER [--resume]`.

Reads the run's spec.json and carries it out. Its standard output is the attempt's log. It ends with a code of
`runs.outcome`, and says why as its last event. TERM and INT make it write a checkpoint and stop.
"""

import iqa_train.startup  # noqa: F401 (before anything that opens a file)

# isort: split
import argparse
import errno
import os
import signal
import statistics
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from iqa_train.datasets.catalogue import load_table
from iqa_train.datasets.images.pixel_store import PixelStore, open_store, require_room
from iqa_train.datasets.splits import fingerprint, split_origin, split_table
from iqa_train.datasets.table import ImageTable, Split
from iqa_train.errors import DataError, UsageError, UserError
from iqa_train.escape import escape_outputs
from iqa_train.files import SCHEMA_VERSION, DamagedFileError, write_json
from iqa_train.handed import require_handed
from iqa_train.models.backbone import find_weights
from iqa_train.redaction import without_secrets
from iqa_train.runs import outcome
from iqa_train.runs.documents import read_provenance
from iqa_train.runs.layout import Attempt, RunFolder
from iqa_train.runs.metrics import epoch_events
from iqa_train.runs.project import data_record
from iqa_train.runs.provenance import code_state, host_state, package_versions
from iqa_train.runs.specfile import read_spec
from iqa_train.study.revision import revision_words
from iqa_train.study.settings import TrainingConfig
from iqa_train.study.spec import RunSpec
from iqa_train.training.checkpoint import DiskFullError, owner_of
from iqa_train.training.compute_device import ComputeDevice, choose_device
from iqa_train.training.cross_dataset import CrossSet, cross_sets, evaluate_all_rounds
from iqa_train.training.journal import Journal, Stopped, Waiting
from iqa_train.training.out_of_memory import ShortageError, naming_shortage
from iqa_train.training.trainer import DivergedError, RoundInputs, Trainer


class _StopRequest:
    """Set by TERM and INT."""

    def __init__(self) -> None:
        self.made = False
        signal.signal(signal.SIGTERM, self._make)
        signal.signal(signal.SIGINT, self._make)

    def _make(self, _signal: int, _frame: FrameType | None) -> None:
        self.made = True

    def __call__(self) -> bool:
        return self.made


def main(argv: list[str] | None = None) -> int:
    """Run the worker; returns its exit code."""
    escape_outputs()
    parser = argparse.ArgumentParser(prog="iqa_train.training.worker")
    parser.add_argument("run", type=Path)
    parser.add_argument("attempt", type=Path)
    parser.add_argument("--resume", action="store_true")
    arguments = parser.parse_args(argv)
    run, attempt = RunFolder(arguments.run), Attempt(arguments.attempt)
    journal = Journal(attempt.metrics, _StopRequest())
    code, message = _run_and_classify(run, journal, resume=arguments.resume)
    if not attempt.folder.is_dir():
        code, message = outcome.UNEXPECTED, f"{run.path} is gone: it was moved, deleted or unmounted; the run ends"
    _report_end(journal, code, message)
    return code


def _report_end(journal: Journal, code: int, message: str) -> None:
    """The last words, for programs first. Disks that are full take some or all of them; the exit code still tells."""
    message = without_secrets(message)
    with suppress(OSError):
        journal.event("end", code=code, message=message)
    with suppress(OSError):
        if message:
            journal.say(message)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # Python would try again at its end, and change the exit code for it
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _run_and_classify(run: RunFolder, journal: Journal, *, resume: bool) -> tuple[int, str]:
    """Exit code and the sentence that goes with it."""
    try:
        require_handed()
        spec = read_spec(run)
        with naming_shortage(spec.settings.batch_size):
            return _run(spec, run, journal, resume=resume)
    except Stopped:
        return outcome.STOPPED, "stopped on request; --resume continues"
    except DivergedError as error:
        return outcome.DIVERGED, f"diverged: {error}"
    except DiskFullError as error:
        return outcome.DISK_FULL, f"disk full: {error}"
    except UserError as error:
        return (outcome.INVALID if error.exit_code == 2 else outcome.UNEXPECTED), str(error)
    except ShortageError as error:
        return outcome.OUT_OF_MEMORY, f"out of memory: {error}"
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            return outcome.DISK_FULL, f"disk full: {error}; make room and continue with --resume"
        if not run.path.is_dir():  # said at the end, without a traceback
            return outcome.UNEXPECTED, str(error)
        return _unexpected(error)
    except Exception as error:  # noqa: BLE001 (the outermost frame: a defect keeps its traceback, in the log)
        return _unexpected(error)


def _unexpected(error: Exception) -> tuple[int, str]:
    with suppress(OSError):  # the log's disk may be full
        sys.stderr.write(without_secrets(traceback.format_exc()))
    return outcome.UNEXPECTED, f"{type(error).__name__}: {error}"


def _run(spec: RunSpec, run: RunFolder, journal: Journal, *, resume: bool) -> tuple[int, str]:
    settings = spec.settings
    if other := revision_words(spec.revision):
        raise UsageError(f"this run was {other} and cannot go on; start its experiment again, as a run of its own")
    device = choose_device(settings)
    _log_header(spec, device, journal)
    table = load_table(settings.dataset, spec.source, settings.data_dir)
    find_weights(settings)  # before the long work of the pixel store
    store = open_store(
        table, resize=settings.resize, cache_dir=settings.cache_dir, workers=settings.workers,
        progress=lambda done, total: journal.progress("pixels", 0, done, total, "images"),
        waiting=Waiting(journal, table.name),
    )  # fmt: skip
    require_room(table, store, settings.patch_size)
    across = cross_sets(settings, spec.cross_sources, journal)
    already_logged = (
        frozenset((event["round"], event["epoch"]) for event in epoch_events(run)) if resume else frozenset()
    )
    results, split = [], None
    for number in range(1, settings.train_test_num + 1):
        mine = settings.model_copy(update={"seed": settings.seed + number - 1})
        split = split_table(table, mine.seed)
        if number == 1:
            _describe_data(table, split, store, journal)
            _record_provenance(run, device, table, split, resume=resume)
        files = run.round(number, settings.train_test_num)
        if files.folder != run.path:
            files.folder.mkdir(exist_ok=True)
        trainer = Trainer(
            RoundInputs(
                number, mine, owner_of(spec, run, number), files, table, split, store, device, journal, already_logged
            ),
            resume=resume,
        )
        _describe_round(trainer, journal, settings.train_test_num)
        result = trainer.train()
        result["parameters"] = sum(p.numel() for p in trainer.network.parameters())
        journal.say("Best test SRCC {:f}, PLCC {:f}".format(*_undefined_as_nan(result["test"], "srcc", "plcc")))
        journal.say(_what_best_means(result))
        results.append(result | {"cross": {}})
        del trainer  # its memory is wanted for what follows
    assert split is not None
    _write_result(run, spec, results, split)  # before anything else is tried
    failed = _test_across(run, spec, across, results, device, journal)
    if any(result["cross"] for result in results):
        _write_result(run, spec, results, split)
    message = _log_summary(results, journal)
    return (outcome.UNTESTED, failed) if failed else (outcome.OK, message)


def _test_across(
    run: RunFolder,
    spec: RunSpec,
    across: list[CrossSet],
    results: list[dict[str, Any]],
    device: ComputeDevice,
    journal: Journal,
) -> str:
    """Test the finished run on the other sets, into `results`; what went wrong, "" for nothing."""
    failures = []
    for found in across:
        try:
            with naming_shortage(spec.settings.batch_size):
                measured = evaluate_all_rounds(run, spec, found, device, journal)
        except (UserError, ShortageError, OSError) as error:
            failures.append(f"the test on {found.table.name} failed: {error}")
            journal.say(failures[-1])
            continue
        for result, measures in zip(results, measured, strict=True):
            result["cross"][found.name] = measures
    again = f"iqa-train test --exp {spec.experiment} --on NAME tries that once more"
    return f"trained to the end, but {'; '.join(failures)}; {again}" if failures else ""


def _log_header(spec: RunSpec, device: ComputeDevice, journal: Journal) -> None:
    journal.event("start", experiment=spec.experiment, seed=spec.seed, epochs=spec.settings.epochs, device=device.name)
    journal.say(
        f"{spec.experiment}: {spec.title or spec.slug} (study {spec.study}, seed {spec.seed}, {spec.config_hash})"
    )
    if spec.differs:
        parts = (f"{name} {ours} (baseline: {theirs})" for name, (theirs, ours) in spec.differs.items())
        journal.say(f"differs from {spec.baseline} in: " + "; ".join(parts))
    precision = "bf16" if device.bf16 else "fp32"
    journal.say(f"device: {device.name}, {precision}, torch {torch.__version__}")


def _describe_data(table: ImageTable, split: Split, store: PixelStore, journal: Journal) -> None:
    sizes = f"{len(split.train)} training, {len(split.val)} validation, {len(split.test)} test images"
    journal.say(f"data: {table.name}, {sizes} ({split_origin(table)}); pixels in {store.folder}")
    for note in table.notes:
        journal.say(f"note: {note}")


def _describe_round(trainer: Trainer, journal: Journal, rounds: int) -> None:
    round_, progress = trainer.round, trainer.progress
    if rounds > 1:
        journal.say(f"round {round_.number} of {rounds}, seed {round_.settings.seed}")
    millions = sum(p.numel() for p in trainer.network.parameters()) / 1e6
    settings = round_.settings
    journal.say(
        f"network: {settings.backbone} {settings.model_size}, {millions:.3f} M parameters; lr {settings.lr:g} "
        f"(rest {settings.lr * settings.lr_ratio:g}), {_schedule_words(settings)}"
    )
    if progress.epoch or progress.step:
        journal.say(f"resumed after epoch {progress.epoch}, step {progress.step}")


def _schedule_words(settings: TrainingConfig) -> str:
    if settings.lr_scheduler != "cosine":
        return settings.lr_scheduler
    return f"cosine, a step per {settings.lr_step}, floor {settings.lr_floor:g}"


def _record_provenance(run: RunFolder, device: ComputeDevice, table: ImageTable, split: Split, *, resume: bool) -> None:
    """Write provenance.json. Raises DataError when a run would go on with other data than it began with."""
    seen = fingerprint(table, split)
    before = _data_before(run) if resume else None
    if before is not None and before != seen:
        raise DataError(
            f"{table.root} has other images, scores or split than when this run began; put the data back to "
            "continue, or start over with --again"
        )
    write_json(
        run.provenance,
        {
            "schema_version": SCHEMA_VERSION,
            "code": code_state(),
            "packages": package_versions(),
            "host": host_state(),
            "device": {"name": device.name, "bf16": device.bf16, "threads": torch.get_num_threads()},
            "data": {
                "name": table.name,
                **data_record(table.root, run.path.absolute().parents[2]),
                "images": {"train": len(split.train), "val": len(split.val), "test": len(split.test)},
                "fingerprint": seen,
                "resize": table.resize,
            },
        },
    )


def _data_before(run: RunFolder) -> str | None:
    """Fingerprint of the data that the run began with; None where nothing was recorded. Raises DamagedFileError."""
    cure = "start over with --again"
    try:
        before = read_provenance(run.provenance)
    except DamagedFileError as error:
        raise DamagedFileError(f"{error}; {cure}") from None
    if before is None:
        return None
    found = before.get("data", {}).get("fingerprint")
    if found is None:
        raise DamagedFileError(f"{run.provenance} is damaged (it names no data); {cure}")
    return found


def _medians(results: list[dict[str, Any]]) -> dict[str, float | None]:
    return {key: _median([r["test"][key] for r in results]) for key in ("srcc", "krcc", "plcc", "rmse")}


def _write_result(run: RunFolder, spec: RunSpec, results: list[dict[str, Any]], split: Split) -> None:
    """Write result.json: medians over rounds, and the rounds."""
    write_json(
        run.result,
        {
            "schema_version": SCHEMA_VERSION,
            "study": spec.study,
            "experiment": spec.experiment,
            "seed": spec.seed,
            "config_hash": spec.config_hash,
            "dataset": spec.settings.dataset,
            "images": {"train": len(split.train), "val": len(split.val), "test": len(split.test)},
            **_medians(results),
            "stopped_early": any(r["stopped_early"] for r in results),
            "rounds": results,
        },
    )


def _what_best_means(result: dict[str, Any]) -> str:
    """The line beside "Best test SRCC", which people look for by that name: which epoch it is of, chosen on what."""
    epoch = f"that is the test SRCC of epoch {result['best_epoch']} of {result['epochs']}"
    if result["select_on"] == "test":
        return f"{epoch}, chosen on the test images themselves (select_on = test), so it is optimistic"
    chosen, own = result["test_chosen"], result["test"]["srcc"]
    said = f"{epoch}, chosen on the validation images"
    if chosen["srcc"] is None or own is None:
        return f"{said}; the test SRCC is undefined"
    if chosen["epoch"] == result["best_epoch"]:
        return f"{said}; choosing on test would have taken the same epoch"
    claim = f"claimed {chosen['srcc']:.4f} ({chosen['srcc'] - own:+.4f})"
    return f"{said}; choosing on test would have taken epoch {chosen['epoch']} and {claim}"


def _log_summary(results: list[dict[str, Any]], journal: Journal) -> str:
    """The log's last lines; returns what is to be said of the end."""
    median = _medians(results)
    journal.say("Testing median SRCC {:4.4f},\tmedian PLCC {:4.4f}".format(*_undefined_as_nan(median, "srcc", "plcc")))
    early = [r for r in results if r["stopped_early"]]
    if not early:
        return ""
    return f"stopped early after epoch {early[0]['epochs']}: no better epoch than {early[0]['best_epoch']} for a while"


def _median(values: list[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return statistics.median(known) if known else None


def _undefined_as_nan(values: dict[str, float | None], *keys: str) -> list[float]:
    return [float("nan") if (v := values[k]) is None else v for k in keys]


if __name__ == "__main__":
    sys.exit(main())
