"""The environment that a queued run is given: that of the command which queued it, not the scheduler's own.

Only the variables named here are recorded. They say where caches and libraries are, which devices may be used and how
many threads; none of them holds a secret.
"""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from iqa_train.runs.project import inside

VISIBLE = "CUDA_VISIBLE_DEVICES"

NAMES = (
    VISIBLE, "CUDA_HOME", "CUDA_PATH", "CUDA_CACHE_PATH", "CUDA_MODULE_LOADING", "CUBLAS_WORKSPACE_CONFIG",
    "NVIDIA_TF32_OVERRIDE", "PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF", "TORCH_HOME", "TORCH_EXTENSIONS_DIR",
    "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE",
    "HF_HUB_OFFLINE", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "TMPDIR", "LD_LIBRARY_PATH", "LD_PRELOAD",
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PATH", "PYTHONPATH", "VIRTUAL_ENV", "CONDA_PREFIX",
)  # fmt: skip
"""What is recorded of the environment of a command that queues runs."""


_PROJECT = "{project}"  # stands for the project's folder in a value


def surroundings(project: Path, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Those of `environment`, the caller's own by default. Paths in the project are named from it: it may be moved."""
    given = os.environ if environment is None else environment
    here = re.compile(f"(?<![^:]){re.escape(str(project))}(?=[/:]|$)")
    return {name: here.sub(_PROJECT, given[name]) for name in NAMES if name in given}


def environment_of(
    recorded: Mapping[str, str] | None, project: Path, base: Mapping[str, str] | None = None
) -> dict[str, str]:
    """`base` (the caller's own by default) with what was `recorded`; what was not set then is not set.

    None is what items of earlier versions have: they get `base` as it is.
    """
    environment = dict(os.environ if base is None else base)
    if recorded is None:
        return environment
    kept = {name: value for name, value in environment.items() if name not in NAMES}
    given = {name: value.replace(_PROJECT, str(project)) for name, value in recorded.items() if name in NAMES}
    return kept | given


def visible_in(recorded: Mapping[str, str] | None) -> str | None:
    """The CUDA_VISIBLE_DEVICES that counts for a run; None where it was not set."""
    return os.environ.get(VISIBLE) if recorded is None else recorded.get(VISIBLE)


def interpreter(project: Path) -> str:
    """This Python as a queue item names it: a virtual environment in the project is moved with it."""
    return inside(Path(sys.executable), project)


def interpreter_of(name: str, project: Path) -> str:
    """The Python that `interpreter` named; where it is gone, this one."""
    path = project / name if name else None
    return str(path) if path is not None and os.access(path, os.X_OK) and path.is_file() else sys.executable
