"""The copy of a study's own code in a run's folder: what the run imports, whatever happens to the files meanwhile."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iqa_train.errors import RunError, visible
from iqa_train.files import content_digest, write_atomic
from iqa_train.runs.layout import RunFolder

if TYPE_CHECKING:  # a runner stays small without it
    from iqa_train.study.own_code import OwnCode


def copy_code(run: RunFolder, spec: Mapping[str, Any]) -> None:
    """Copy the files that a spec.json lists under `code` into the run's folder, unless they are there.

    Raises RunError for a file that is missing or has changed since the run was resolved, and for a name that leads
    elsewhere.
    """
    if not spec.get("code"):
        return
    code = spec["code"]
    folder, files, roots = code["folder"], code["files"], code["roots"]
    if not damaged_copies(run, files):
        return
    if outside := next((name for name in files if Path(name).is_absolute() or ".." in Path(name).parts), None):
        raise RunError(f'{run.spec}: "{visible(outside)}" is no file of a study\'s own code; start over with --again')
    shutil.rmtree(run.code, ignore_errors=True)
    for name, digest in files.items():
        source = Path(roots.get(name.partition("/")[0], folder), name)
        try:
            content = source.read_bytes()
        except OSError as error:
            raise RunError(f"{source}: {error.strerror}; the run needs this file of the study's code") from None
        target = run.code / name
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(target, content)
        if content_digest(target) != digest:
            raise RunError(f"{source} changed while the run was being queued; give the command again")


def damaged_copies(run: RunFolder, files: Mapping[str, str]) -> list[str]:
    """Of `files`, with their digests, those whose copy is missing or not what they were when the run was queued."""
    return [name for name, digest in files.items() if not digest or content_digest(run.code / name) != digest]


def require_copy(run: RunFolder, code: "OwnCode") -> Path:
    """The folder of the copy, as modules are imported from. Raises RunError for a damaged one."""
    if damaged := damaged_copies(run, code.files):
        raise RunError(
            f"{run.code / damaged[0]} is missing or was changed after the run was queued; start over with --again"
        )
    return run.code
