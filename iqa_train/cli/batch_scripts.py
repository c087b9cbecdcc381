"""What `--dry-run --backend slurm` shows: the batch script of each job array that a start would submit."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from iqa_train.runs.layout import RunFolder
from iqa_train.scheduler.queue import POLICIES
from iqa_train.scheduler.slurm.plan import Entry, plan
from iqa_train.scheduler.slurm.script import script_of
from iqa_train.scheduler.slurm.submissions import new_submission
from iqa_train.scheduler.submit import SubmitOptions, items_of
from iqa_train.slurm.commands import SlurmError, is_available, try_out
from iqa_train.study.model import Study
from iqa_train.study.profiles import batches_of
from iqa_train.study.resolve_slurm import resolved
from iqa_train.study.spec import RunSpec

TOKEN = "TOKEN"
"""Stands for the name that a submission is given when it is made."""


@dataclass(frozen=True)
class ArrayScript:
    """A job array: the run folders of each of its tasks, and its script."""

    tasks: tuple[tuple[str, ...], ...]
    script: str

    def as_json(self) -> dict[str, Any]:
        """As in `--dry-run --json`."""
        return {"tasks": [list(task) for task in self.tasks], "script": self.script}


def array_scripts(
    runs: Sequence[tuple[RunSpec, RunFolder]], study: Study, options: argparse.Namespace
) -> list[ArrayScript]:
    """The arrays of runs that have none yet, in their order. ARRAY1 stands for the number of the first one."""
    if not runs:
        return []
    runs_dir, policy = Path(options.runs_dir), options.policy or POLICIES[0]
    tables = {spec.experiment: resolved(study, spec).as_json() for spec, _ in runs}
    submit_options = SubmitOptions(repeat=options.repeat, logs_dir=options.logs_dir, slurm=tables)
    batches = batches_of(study, runs[0][0].study)
    items = {item.key: item for item in items_of([spec for spec, _ in runs], batches, runs_dir, submit_options)}
    found = []
    for order in plan([Entry(item, "waiting") for item in items.values()], [], {}, policy=policy).submit:
        first = items[order.tasks[0][0]]
        made = new_submission(order.tasks, {}, first.slurm or {}, order.batch, policy)
        made = replace(made, token=TOKEN, held=order.at_once == 0, at_once=order.at_once)
        after = [f"ARRAY{number + 1}" for number in order.after_orders]
        tasks = tuple(tuple(str(runs_dir / key) for key in task) for task in order.tasks)
        found.append(ArrayScript(tasks, script_of(made, first, runs_dir, after)))
    return found


def refusals(scripts: Sequence[ArrayScript]) -> list[str]:
    """What Slurm here, asked with `sbatch --test-only`, has against the arrays that depend on no other."""
    if not is_available():
        return []
    found = []
    for one in scripts:
        if "--dependency" not in one.script:
            try:
                try_out(one.script)
            except SlurmError as error:
                if error.passing:  # nobody answers
                    break
                found.append(f"{error} (sbatch --test-only)")
    return list(dict.fromkeys(found))


def print_scripts(scripts: Sequence[ArrayScript]) -> None:
    """Each script, below the runs that its jobs carry out."""
    for number, found in enumerate(scripts, 1):
        print(f"job array {number} of {len(scripts)}:")
        for task, folders in enumerate(found.tasks):
            print(f"  {task}: {', '.join(folders)}")
        print("  batch script:")
        print("".join(f"    {line}\n" if line else "\n" for line in found.script.splitlines()))
