"""Turns an imported log into the documents of a run, with only what the log states."""

import statistics
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from iqa_train.files import SCHEMA_VERSION
from iqa_train.log_import.epoch_table import Epoch
from iqa_train.log_import.naming import RunNames
from iqa_train.log_import.read_log import OldLog
from iqa_train.log_import.rounds import Round
from iqa_train.redaction import public_command
from iqa_train.runs.imported import Imported
from iqa_train.runs.specfile import spec_document
from iqa_train.runs.state_names import FINISHED
from iqa_train.study.spec import RunSpec
from iqa_train.timestamp import utc_timestamp

Document = dict[str, Any]


def spec_of(log: OldLog, names: RunNames, study: str) -> RunSpec:
    """The run's specification as far as the log states it; `imported` in its provenance lists what was assumed."""
    values = log.settings.model_dump()
    return RunSpec(
        study=study,
        experiment=names.experiment,
        slug=names.slug,
        title=names.title,
        purpose="imported from a log",
        baseline=names.baseline,
        settings=log.settings,
        differs={name: (theirs, values[name]) for name, theirs in names.about.items() if values[name] != theirs},
    )


def spec_document_of(log: OldLog, spec: RunSpec) -> Document:
    """spec.json with only the known settings; reading it gives the others their defaults, and the same hash.

    Settings that are not in it are not compared with other runs.
    """
    document = spec_document(spec)
    known = {
        part: {name: value for name, value in document[part].items() if name not in log.unknown}
        for part in ("settings", "differs")
    }
    return document | known


def imported_of(log: OldLog, shown: str) -> Imported:
    """Where the run comes from; `shown` is the path of the log for display."""
    return Imported(shown, log.sha256, log.size, log.assumed, log.images, log.notes, log.began)


def provenance_of(imported: Imported) -> Document:
    """provenance.json: the log in place of code, packages and host, which are unknown."""
    return {"schema_version": SCHEMA_VERSION, "imported": imported.as_json()}


def runner_of(log: OldLog, shown: str, folder: str) -> Document:
    """runner.json: without a process; the command, if the log has it, and the path of the log."""
    return {
        "schema_version": SCHEMA_VERSION,
        "command": public_command(log.command),
        "log": shown,
        "cwd": folder,
        "resumed": False,
        "imported": True,
    }


def exit_of(log: OldLog) -> Document:
    """exit.json: how the run ended according to the log."""
    outcome = log.outcome
    return {
        "schema_version": SCHEMA_VERSION,
        "state": outcome.state,
        "reason": outcome.reason,
        "exit_code": outcome.exit_code,
        "signal": outcome.signal,
        "requested": outcome.requested,
        "ended": _written(log),
        "seconds": _seconds(log.rounds),
    }


def events_of(log: OldLog) -> Iterator[Document]:
    """metrics.jsonl: an event for each epoch. There were no validation images, so their scores are null."""
    time = _written(log)
    yield {"event": "imported", "time": time, "log": str(log.path), "sha256": log.sha256}
    for number, round_ in enumerate(log.rounds, 1):
        best: float | None = None
        for epoch in round_.epochs:
            is_best = epoch.test_srcc is not None and (best is None or epoch.test_srcc > best)
            best = epoch.test_srcc if is_best else best
            yield _event(log, number, epoch, best=is_best) | {"time": time}


def _event(log: OldLog, number: int, epoch: Epoch, *, best: bool) -> Document:
    settings = log.settings
    rate = epoch.rate
    if epoch.number == 1 and "lr" not in log.assumed and not settings.warmup_epochs:
        rate = settings.lr
    event: Document = {
        "event": "epoch",
        "round": number,
        "epoch": epoch.number,
        "epochs": settings.epochs,
        "steps": None,
        "lr": rate,
        "train_loss": epoch.train_loss,
        "train_srcc": epoch.train_srcc,
        "val_srcc": None,
        "val_plcc": None,
        "test_srcc": epoch.test_srcc,
        "test_plcc": epoch.test_plcc,
        "best": best,
        "seconds": epoch.seconds,
    }
    extra = {f"loss_{name.lower()}": value for name, value in epoch.parts.items()} | dict(epoch.more)
    return event | {name: value for name, value in extra.items() if name not in event}


def result_of(log: OldLog, spec: RunSpec) -> Document | None:
    """result.json, marked as imported and without predictions; None if the log has no final result."""
    if log.outcome.state not in FINISHED:
        return None
    rounds = [_round(log, number, round_) for number, round_ in enumerate(log.rounds, 1)]
    return {
        "schema_version": SCHEMA_VERSION,
        "imported": True,
        "study": spec.study,
        "experiment": spec.experiment,
        "seed": spec.seed if log.seed_is_known else None,
        "config_hash": spec.config_hash,
        "dataset": spec.settings.dataset,
        "images": {"train": log.images.get("train"), "val": 0, "test": log.images.get("test")},
        "srcc": _median([r["test"]["srcc"] for r in rounds]),
        "krcc": None,
        "plcc": _median([r["test"]["plcc"] for r in rounds]),
        "rmse": None,
        "stopped_early": any(r.stopped_early for r in log.rounds),
        "rounds": rounds,
    }


def _round(log: OldLog, number: int, round_: Round) -> Document:
    chosen = round_.chosen
    srcc, plcc = (chosen.test_srcc, chosen.test_plcc) if chosen else (None, None)
    if round_.best is not None:  # the closing line has two decimals more than the table
        srcc, plcc = round_.best
    nothing = {"srcc": None, "krcc": None, "plcc": None, "rmse": None}
    # The script's rounds had no seeds of their own; they are numbered as this program's are.
    seed = {"seed": log.settings.seed + number - 1} if log.seed_is_known else {}
    return seed | {
        "round": number,
        "epochs": round_.epochs[-1].number,
        "best_epoch": chosen.number if chosen else None,
        "select_on": log.settings.select_on,
        "stopped_early": round_.stopped_early,
        "val": nothing,
        "test": nothing | {"srcc": srcc, "plcc": plcc},
        "test_chosen": {"epoch": chosen.number if chosen else None, "srcc": srcc},
        "seconds": _seconds((round_,)),
    }


def _seconds(rounds: tuple[Round, ...]) -> float:
    """The time of training and testing, as far as progress bars state it."""
    return round(sum(epoch.seconds or 0.0 for r in rounds for epoch in r.epochs), 3)


def _median(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _written(log: OldLog) -> str:
    """When the log was last modified."""
    return utc_timestamp(datetime.fromtimestamp(log.path.stat().st_mtime, UTC))
