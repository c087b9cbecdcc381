"""Queues runs that have ended for a new attempt."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from iqa_train.errors import UsageError
from iqa_train.files import read_json
from iqa_train.runner.environment import interpreter, surroundings
from iqa_train.runs.attempt_facts import read_runner_info
from iqa_train.runs.kind import kind_of_run
from iqa_train.runs.project import inside, project_of, recorded
from iqa_train.runs.provenance import code_fingerprint
from iqa_train.runs.revision import revision_label
from iqa_train.runs.state_names import FINISHED, OPEN
from iqa_train.scheduler.overview import Row
from iqa_train.scheduler.queue import Item
from iqa_train.scheduler.submit import SubmitOptions, enqueue
from iqa_train.study.manners import UNLIMITED, Manners, manners_from


def relaunch(rows: Sequence[Row], runs_dir: Path, logs_dir: str, retries: int, *, again: bool) -> list[Item]:
    """Queue each of `rows` again, with a scheduler running; returns their items.

    A run continues from its last checkpoint, or with `again` starts over. Raises UsageError, with nothing queued, for
    one that is open, was imported, or is complete without `again`.
    """
    for row in rows:
        require_ended(row, again=again)
    code = code_fingerprint()
    items = [_item(row, runs_dir, logs_dir, code, retries, again=again) for row in rows]
    enqueue(items, runs_dir, SubmitOptions())
    return items


def has_ended(row: Row, *, again: bool) -> bool:
    """Whether the run may have a new attempt, as far as its state goes."""
    return row.state not in OPEN and (again or row.state not in FINISHED)


def require_ended(row: Row, *, again: bool) -> None:
    """Raise UsageError with the reason where the run may not have a new attempt."""
    kind = kind_of_run(row.run)
    if kind.name == "external":
        raise UsageError(
            f"{row.experiment} ({row.run.seed_words}) has imported predictions, and there is nothing to run; "
            f"iqa-train import-predictions FILE --exp {row.experiment} --again replaces them"
        )
    if kind.name == "imported log":
        raise UsageError(
            f"{row.experiment} ({row.run.seed_words}) was imported from a log and cannot be continued; run it from "
            "scratch"
        )
    if label := revision_label(read_json(row.run.spec) or {}, imported=False):
        raise UsageError(
            f"{row.experiment} ({row.run.seed_words}) was {label} and cannot be continued; start "
            f"{row.experiment} again, as a run of its own"
        )
    if row.state in OPEN:
        raise UsageError(f"{row.experiment} ({row.run.seed_words}) is {row.state}; there is nothing to relaunch")
    if row.state in FINISHED and not again:
        raise UsageError(f"{row.experiment} ({row.run.seed_words}) is {row.state}; --again runs it from scratch")


def _project(row: Row, runs_dir: Path) -> Path:
    """The project of its last attempt."""
    attempts = row.run.attempts()
    facts = read_runner_info(attempts[-1]) if attempts else {}
    return project_of(str(facts.get("cwd", "")), runs_dir, early="environment" not in facts)


def _manners(row: Row) -> Manners:
    """Those of its last attempt."""
    attempts = row.run.attempts()
    with suppress(ValueError):  # changed by hand
        return manners_from((read_runner_info(attempts[-1]) if attempts else {}).get("local", {}))
    return UNLIMITED


def _slurm_options(row: Row) -> dict[str, Any] | None:
    """What was asked of Slurm for its last attempt; None for one that ran on this machine."""
    attempts = row.run.attempts()
    return read_runner_info(attempts[-1]).get("slurm", {}).get("options") if attempts else None


def _item(row: Row, runs_dir: Path, logs_dir: str, code: str, retries: int, *, again: bool) -> Item:
    command = ("iqa-train", "relaunch", row.experiment)
    project = row.item.project(runs_dir) if row.item else _project(row, runs_dir)
    base = row.item or Item(
        str(row.run.path.relative_to(runs_dir)), row.experiment, row.seed, logs_dir=inside(Path(logs_dir), project),
        local=_manners(row), slurm=_slurm_options(row),
    )  # fmt: skip
    renewed = replace(base, after=row.attempt, again=again, retries=retries, code=code, command=command, told=False)
    requeued = replace(
        renewed, cwd=recorded(project, runs_dir), environment=surroundings(project), python=interpreter(project)
    )  # those of the command that relaunches it
    return replace(requeued, batch=1, batch_name="")  # the first of the batches that come after those there
