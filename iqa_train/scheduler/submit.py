"""Queues runs: writes the spec.json of each, and gives it its batch and its device."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from iqa_train.locks import lock_now, open_lock
from iqa_train.redaction import public_command
from iqa_train.runner.environment import interpreter, surroundings
from iqa_train.runs.layout import RunFolder, run_folder
from iqa_train.runs.project import inside, recorded
from iqa_train.runs.provenance import code_fingerprint
from iqa_train.runs.specfile import write_spec
from iqa_train.runs.state import state_of
from iqa_train.scheduler.backend import submit_queue
from iqa_train.scheduler.item_status import snapshots_of, status_of
from iqa_train.scheduler.queue import POLICIES, Item, Rounds, added, edit_queue
from iqa_train.study.manners import UNLIMITED, Manners
from iqa_train.study.model import Batch
from iqa_train.study.spec import RunSpec


@dataclass(frozen=True)
class SubmitOptions:
    """How the runs of one command are queued; see the options of `iqa-train`."""

    policy: str | None = None
    slots: int | None = None
    runs_per_gpu: int | None = None
    gpu: int | None = None
    retries: int = 3
    again: bool = False
    repeat: int = 1  # of each run; see `RunFolder.repeat`
    logs_dir: str = "logs"
    command: tuple[str, ...] = ()
    notify: dict[str, dict[str, Any] | None] = field(default_factory=dict)  # by study; None: no notifications
    local: Manners = UNLIMITED
    until_decided: bool = False  # further rounds of the study follow, as its design says
    slurm: Mapping[str, dict[str, Any]] = field(default_factory=dict)  # what is asked of Slurm, by experiment


def submit(specs: Sequence[RunSpec], batches: Sequence[Batch], runs_dir: Path, options: SubmitOptions) -> list[Item]:
    """Queue runs, in the order of `specs`, and have them carried out. Returns their items."""
    for spec in specs:
        declare(run_folder(runs_dir, spec, options.repeat), spec)
    items = items_of(specs, batches, runs_dir, options)
    of_first_seed = tuple(item for item in items if item.seed == specs[0].seed)
    rounds = {specs[0].study: Rounds(of_first_seed, asked=time.time())} if options.until_decided else {}
    enqueue(items, runs_dir, options, fresh=True, rounds=rounds)
    return items


def items_of(specs: Sequence[RunSpec], batches: Sequence[Batch], runs_dir: Path, options: SubmitOptions) -> list[Item]:
    """The items of runs, which nothing is written of yet.

    Every seed goes through all batches before the next; experiments without a batch follow in one of their own.
    """
    code, project = code_fingerprint(), Path.cwd()
    seeds = list(dict.fromkeys(spec.seed for spec in specs))
    place = {
        experiment: (n, batch, gpu) for n, batch in enumerate(batches, 1) for gpu, experiment in batch.gpus.items()
    }
    items = []
    for spec in specs:
        run = run_folder(runs_dir, spec, options.repeat)
        number, batch, gpu = place.get(spec.experiment, (len(batches) + 1, None, None))
        item = Item(
            run=str(run.path.relative_to(runs_dir)),
            experiment=spec.experiment,
            seed=spec.seed,
            batch=seeds.index(spec.seed) * (len(batches) + 1) + number,
            batch_name=batch.name if batch else "",
            gpu=gpu,
            minutes=batch.minutes if batch else None,
            memory_gib=spec.settings.memory_gib,
            after=max((attempt.number for attempt in run.attempts()), default=0),
            again=options.again,
            retries=options.retries,
            code=code,
            logs_dir=inside(Path(options.logs_dir), project),
            cwd=recorded(project, runs_dir),
            command=tuple(public_command(options.command)),
            environment=surroundings(project),
            python=interpreter(project),
            slurm=options.slurm.get(spec.experiment),
            local=options.local,
        )
        items.append(item if options.gpu is None else replace(item, gpu=options.gpu, pinned=True))
    return without_gaps(items)


def enqueue(
    items: Sequence[Item],
    runs_dir: Path,
    options: SubmitOptions,
    *,
    fresh: bool = False,
    rounds: Mapping[str, Rounds] | None = None,
) -> None:
    """Add items to the queue, except those of runs that are alive, and have it carried out.

    With `fresh`, a queue that has nothing left to do drops the options of earlier commands. `rounds` are wanted beside
    those that are wanted already.
    """
    with edit_queue(runs_dir) as edit:
        found = snapshots_of(edit.queue.items, runs_dir)
        if fresh and all(status_of(item, found[item.key]).phase == "settled" for item in edit.queue.items):
            edit.queue = replace(edit.queue, policy=POLICIES[0], slots=None, runs_per_gpu=1)
        new = [item for item in items if item.key not in found or not state_of(found[item.key]).alive]
        changes = {
            name: value for name in ("policy", "slots", "runs_per_gpu") if (value := getattr(options, name)) is not None
        }
        notify = {study: table for study, table in {**edit.queue.notify, **options.notify}.items() if table}
        queued = {item.study for item in items}  # the next round may have waited for one of them
        waiting = {n: replace(r, waits="") if n in queued else r for n, r in edit.queue.rounds.items()}
        wanted = {**waiting, **(rounds or {})}
        edit.queue = replace(added(edit.queue, new), notify=notify, rounds=wanted, **changes)
    submit_queue(runs_dir, edit.queue)


def without_gaps(items: Sequence[Item]) -> list[Item]:
    """Batches numbered 1, 2, ... without those that have no item."""
    numbers = {batch: n for n, batch in enumerate(sorted({item.batch for item in items}), 1)}
    return [replace(item, batch=numbers[item.batch]) for item in items]


def declare(run: RunFolder, spec: RunSpec) -> None:
    """Write spec.json into the run's folder, unless the run is alive and has it."""
    run.path.mkdir(parents=True, exist_ok=True)
    descriptor = open_lock(run.lock)
    try:
        if lock_now(descriptor, patience=0.2):
            write_spec(run, spec)
    finally:
        os.close(descriptor)
