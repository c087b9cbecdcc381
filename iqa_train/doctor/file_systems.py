"""The file system of the runs folder: its kind, what it does, and what follows; and what lies on a network."""

from collections.abc import Iterator
from pathlib import Path

from iqa_train.doctor.check_result import CheckScope, Checkup
from iqa_train.doctor.file_abilities import LIMIT, FileAbilities, measure_abilities
from iqa_train.mounts import NETWORK, mount_of
from iqa_train.runs.state import SILENCE

_LOCAL_LOCKS = {"localflock", "local_lock=all", "local_lock=flock", "nobrl", "nolock"}
_SLOW = 0.5  # seconds of an fsync
_SECOND = 10**9
_OTHER = "choose another --runs-dir"
_PAIR = "`srun -N2 --ntasks-per-node=1 iqa-train doctor --pair` measures what two hosts see of each other"


def check_file_systems(folders: dict[str, Path], where: CheckScope) -> Iterator[Checkup]:
    """What the file system of the runs folder does, and which folders, given by their names, are on a network."""
    yield from _abilities(where)
    remote = {words: mount for words, path in folders.items() if (mount := mount_of(path, where.root)).kind in NETWORK}
    for words, mount in remote.items():
        if words == "runs":
            local = mount.options & _LOCAL_LOCKS
            if local:
                message = (
                    f"the runs are on {mount} whose locks do not reach other hosts ({', '.join(sorted(local))}): the "
                    f"queue is safe, but a run that dies on another host is noticed {SILENCE:.0f} s later"
                )
                cure = "let one host's scheduler work on one runs folder, or mount it without that option"
                yield Checkup("file-system", "warning", message, cure)
            else:
                message = (
                    f"the runs are on {mount}: a run that dies on another host is noticed {SILENCE:.0f} s later, and "
                    "changes are found by looking again, not announced"
                )
                cure = f"let one host's scheduler work on one runs folder; {_PAIR}"
                yield Checkup("file-system", "note", message, cure)
        elif words == "logs":
            yield Checkup("file-system", "note", f"the logs are on {mount}: lines may show some seconds late")
        else:
            message = f"the {words} is on {mount}: every crop is read over the network until memory holds it"
            cure = 'set cache_dir to a disk of the host, such as "$TMPDIR/iqa": it is copied there once'
            yield Checkup("file-system", "warning", message, cure)
    if not remote:
        yield Checkup("file-system", "ok", f"{', '.join(folders)} on local disks")


def _abilities(where: CheckScope) -> Iterator[Checkup]:
    """What the runs' file system does, where there is a runs folder that can be written."""
    if not where.runs_dir.is_dir():
        return
    try:
        found = measure_abilities(where.runs_dir)
    except PermissionError:  # which check_disks reports
        return
    if found is None:
        message = f"{where.runs_dir} has not answered within {LIMIT:.0f} s"
        yield Checkup("file-system", "error", message, f"ask the administrator of the file server, or {_OTHER}")
        return
    yield from _troubles(where.runs_dir, found)
    mount = mount_of(where.runs_dir, where.root)
    kind = f"{mount.kind}, mounted at {mount.point} ({','.join(sorted(mount.options))})" if mount.kind else "unknown"
    yield Checkup("file-system", "ok", f"{where.runs_dir}: {kind}; {_in_words(found)}")


def _troubles(runs_dir: Path, found: FileAbilities) -> Iterator[Checkup]:
    if not found.exclusive:
        message = f"two processes can create the same file in {runs_dir}: a run may be started twice"
        yield Checkup("file-system", "error", message, _OTHER)
    if not found.renames:
        message = f"files and folders in {runs_dir} are not replaced whole by a rename: state files may be seen damaged"
        yield Checkup("file-system", "error", message, _OTHER)
    if found.flock:
        message = (
            f"locks on files in {runs_dir} do nothing ({found.flock}): the queue is guarded by tickets and each run by "
            "its attempt's folder, but what is left of a killed run cannot be noticed by its lock"
        )
        yield Checkup("file-system", "warning", message, f"mount it with locks (flock), or {_OTHER}")
    if found.fsync > _SLOW:
        message = f"writing a state file to {runs_dir} durably takes {found.fsync:.1f} s"
        yield Checkup("file-system", "note", message, "commands that queue many runs take as long for each")


def _in_words(found: FileAbilities) -> str:
    step = "1 s" if found.time_step >= _SECOND else f"{found.time_step / 1e6:g} ms"
    works = [
        ("exclusive creation", found.exclusive), ("renames", found.renames), ("hard links", found.links),
        ("locks", not found.flock),
    ]  # fmt: skip
    good, bad = (", ".join(name for name, works_ in works if works_ is yes) for yes in (True, False))
    failing = f", {bad} not" if bad else ""
    return (
        f"{good or 'nothing'} as they should be{failing}; fsync {found.fsync * 1e3:.1f} ms; file times in steps of "
        f"{step} or more, {abs(found.ahead):.3f} s {'ahead of' if found.ahead > 0 else 'behind'} this host's clock"
    )
