"""What Slurm's accounting has recorded, where a site keeps one: squeue forgets a job minutes after its end."""

import shutil
from collections.abc import Iterable
from contextlib import suppress

from iqa_train.slurm.commands import SHORT, SlurmError, call


def recorded_as_cancelled(arrays: Iterable[str]) -> frozenset[str]:
    """Those of these arrays of which a task was cancelled; none where there is no accounting, or it does not answer."""
    numbers = sorted(arrays)
    if not numbers or shutil.which("sacct") is None:
        return frozenset()
    rows = ""
    with suppress(SlurmError):
        rows = call("sacct", "-X", "-n", "-P", "-o", "JobID,State", "-j", ",".join(numbers), limit=SHORT)
    found = (line.partition("|") for line in rows.splitlines())
    return frozenset(job.partition("_")[0] for job, _, state in found if state.startswith("CANCELLED"))
