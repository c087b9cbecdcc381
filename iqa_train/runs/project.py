"""Which folder the paths in a run's documents are relative to: the project, wherever it lies now.

Documents name the project from the runs folder ("..") where that lies in it, so that a project which is moved or copied
takes its runs along. Earlier versions wrote the whole path, which may be gone, or be the original of a copy.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from iqa_train.regular import real_path

_STUDY = "experiments.toml"  # what a project has, and a folder that was made in its old place has not
_DEEPEST = 2  # levels between a project and its runs folder, as in out/runs; further up is another place, not a project


def recorded(folder: Path, runs_dir: Path) -> str:
    """How a document names the project `folder`: from the runs folder if that lies in it, else in full."""
    whole, runs = real_path(folder), real_path(runs_dir)
    if not runs.is_relative_to(whole) or len(runs.relative_to(whole).parts) > _DEEPEST:
        return str(whole)
    return os.path.relpath(whole, runs)


def project_of(name: str, runs_dir: Path, *, early: bool = False) -> Path:
    """The folder that `recorded` named, an absolute path.

    With `early`, as a version wrote it that knew only whole paths: one that is gone, or that has a runs folder of its
    own, is that of a project which has been moved or copied to where `runs_dir` lies.
    """
    runs = real_path(runs_dir)
    if not Path(name).is_absolute():
        return Path(os.path.normpath(runs / name)) if name else Path.cwd()
    whole = Path(name)
    if not early:
        return whole
    if not whole.is_dir():
        return runs.parent
    for depth in range(_DEEPEST):
        candidate = whole.joinpath(*runs.parts[len(runs.parts) - depth - 1 :])
        if candidate.is_dir() and not candidate.samefile(runs):
            return runs.parents[depth]
    moved = (runs.parent / _STUDY).exists() and not (whole / _STUDY).exists()
    return runs.parent if moved else whole


def inside(path: Path, project: Path) -> str:
    """`path` as a document names it: from the project if it lies in it, else in full, as given."""
    if path.is_absolute() and path.is_relative_to(project):
        return str(path.relative_to(project))
    return str(path)


def data_record(root: Path, runs_dir: Path) -> dict[str, str]:
    """How a document names the folder of a data set: from the project (the working folder) if it lies there."""
    project = real_path(Path.cwd())
    return {"project": recorded(project, runs_dir), "root": inside(real_path(root), project)}


def data_root(data: Mapping[str, Any], runs_dir: Path) -> Path | None:
    """The folder that `data_record` named, as an absolute path; None where none is named."""
    root, project = data.get("root"), data.get("project", "")
    if not isinstance(root, str) or not isinstance(project, str):
        return None
    return project_of(project, runs_dir) / root
