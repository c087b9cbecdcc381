"""The environment of a run in a job: what was recorded when it was queued, on the node and in the shell of the job."""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from iqa_train.runner.environment import VISIBLE, environment_of

_OF_THE_NODE = frozenset({
    VISIBLE, "CUDA_HOME", "CUDA_PATH", "TMPDIR", "LD_LIBRARY_PATH", "LD_PRELOAD", "PATH", "PYTHONPATH", "VIRTUAL_ENV",
    "CONDA_PREFIX", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS",
})  # fmt: skip
"""Variables that a node, a module or a virtual environment sets: what the job's shell says of them counts."""


def job_environment(
    recorded: Mapping[str, str] | None, project: Path, setup: Iterable[str], shell: Mapping[str, str] | None = None
) -> dict[str, str]:
    """`recorded` over `shell` (the job's own environment by default), but for what is the node's or the setup's.

    `setup` are the lines of the study file that the job has run first; a variable that they name is theirs.
    """
    here = os.environ if shell is None else shell
    named = set(re.findall(r"\w+", " ".join(setup)))
    own = {name: here[name] for name in _OF_THE_NODE | named if name in here}
    return environment_of(recorded, project, here) | own
