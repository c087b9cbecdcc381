"""Network file systems, and disks without locks."""

import fcntl
import tempfile
from collections.abc import Iterator
from pathlib import Path

from iqa_train.doctor.check_result import CheckScope, Checkup
from iqa_train.doctor.mounts import NETWORK, mount_of
from iqa_train.runs.state import SILENCE

_LOCAL_LOCKS = {"localflock", "local_lock=all", "local_lock=flock", "nobrl", "nolock"}


def check_file_systems(folders: dict[str, Path], where: CheckScope) -> Iterator[Checkup]:
    """Whether files in the runs folder can be locked, and which folders, given by their names, are on a network."""
    locks = _lock_trouble(where.runs_dir)
    if locks:
        message = f"files in {where.runs_dir} cannot be locked ({locks}): whether a run is alive cannot be determined"
        yield Checkup("file-system", "error", message, "choose another --runs-dir, or mount it with locks (flock)")
    remote = {words: mount for words, path in folders.items() if (mount := mount_of(path, where.root)).kind in NETWORK}
    for words, mount in remote.items():
        if words == "runs":
            local = mount.options & _LOCAL_LOCKS
            if local:
                message = f"the runs are on {mount} whose locks do not reach other hosts ({', '.join(sorted(local))})"
                cure = "start runs of this folder from one host only, or mount it without that option"
                yield Checkup("file-system", "warning", message, cure)
            else:
                message = (
                    f"the runs are on {mount}: a run that dies on another host is noticed {SILENCE:.0f} s later, and "
                    "changes are found by looking again, not announced"
                )
                yield Checkup("file-system", "note", message, "let one host's scheduler work on one runs folder")
        elif words == "logs":
            yield Checkup("file-system", "note", f"the logs are on {mount}: lines may show some seconds late")
        else:
            message = f"the {words} is on {mount}: every crop is read over the network until memory holds it"
            yield Checkup("file-system", "warning", message, "set cache_dir, or XDG_CACHE_HOME, to a disk of this host")
    if not remote and not locks:
        yield Checkup("file-system", "ok", f"{', '.join(folders)} on file systems of this host")


def _lock_trouble(runs_dir: Path) -> str:
    """Why files there cannot be locked; empty where they can, or where there is nothing to try it on."""
    try:
        file = tempfile.TemporaryFile(dir=runs_dir)  # noqa: SIM115
    except OSError:
        return ""
    with file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return str(error.strerror)
    return ""
