"""What `iqa-train doctor` looks at: the machine, its disks, the files of the runs, the data; and the cure of each ill.

Every check reads files as they are and runs the system's own commands; none changes anything that lasts.
"""

import os
import pwd
import re
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from iqa_train.errors import DataError, RunError, StudyError, UserError
from iqa_train.execution.devices import inventory_of
from iqa_train.execution.lease import _FOLDER, VARIABLE, Holder, holders
from iqa_train.execution.nvml import GpuReading, Nvml
from iqa_train.execution.post import scheduler_process, troubles
from iqa_train.execution.queue import Item, read_queue
from iqa_train.execution.standing import standing
from iqa_train.execution.tree import processes_of
from iqa_train.files import cache_root, is_held, lock_now, read_json
from iqa_train.runs.layout import QueueFiles, RunFolder, run_folders
from iqa_train.runs.outcome import outcome_from
from iqa_train.runs.provenance import package_versions
from iqa_train.runs.state import LOST, SILENCE, RunState, run_state

if TYPE_CHECKING:  # pydantic only when a study is read
    from iqa_train.study.spec import RunSpec

Verdict = Literal["ok", "note", "warning", "error"]

LOW_BYTES, SCARCE_BYTES = 10 * 10**9, 10**9
"""Free space below which a disk deserves a warning, and below which runs soon fail."""

LOW_FILES, SCARCE_FILES = 10_000, 1_000
"""The same for how many more files the disk can hold."""

CLOCK_TOLERANCE = 5.0
"""Seconds by which file times and this host's clock may differ."""

NETWORK = frozenset({
    "afs", "beegfs", "ceph", "cifs", "fuse.ceph", "fuse.glusterfs", "fuse.juicefs", "fuse.rclone", "fuse.s3fs",
    "fuse.sshfs", "gfs2", "glusterfs", "gpfs", "lustre", "nfs", "nfs4", "ocfs2", "orangefs", "panfs", "smb3", "smbfs",
})  # fmt: skip
"""File systems that other hosts may have mounted too, as /proc/self/mountinfo calls them."""

_LOCAL_LOCKS = {"localflock", "local_lock=all", "local_lock=flock", "nobrl", "nolock"}
_SETTLING = 0.5  # seconds in which the last process of a run that has ended must be gone
_COMMAND_LIMIT = 5.0
_NVIDIA, _DISPLAY = "0x10de", "0x03"
_READINGS = ("memory_used", "utilisation", "temperature", "power", "processes")
_YES = {"1", "on", "t", "true", "y", "yes"}


@dataclass(frozen=True)
class Checkup:
    """What one look has found."""

    name: str
    verdict: Verdict
    message: str
    cure: str = ""

    def as_json(self) -> dict[str, Any]:
        """What `iqa-train doctor --json` lists."""
        return asdict(self)


@dataclass(frozen=True)
class Where:
    """What is to be looked at. `root` is where the system's own files (/proc, /etc/systemd) are looked for."""

    runs_dir: Path
    logs_dir: Path
    study: Path | None = None  # the study file asked for
    profile: str | None = None
    root: Path = Path("/")


def checkups(where: Where) -> list[Checkup]:
    """Look at everything. Never raises for what it finds; UsageError for a profile that the study does not have."""
    specs, study = _study(where)
    folders = {"runs": where.runs_dir, "logs": where.logs_dir}
    caches = dict.fromkeys(cache_root(spec.settings.cache_dir) for spec in specs) or {cache_root(): None}
    folders |= {f"pixel cache{f' {n}' if n > 1 else ''}": path / "pixels" for n, path in enumerate(caches, 1)}
    checks: dict[str, Callable[[], Iterable[Checkup]]] = {
        "gpu": lambda: _gpus(where.root),
        "leases": lambda: _leases(where.root),
        "runs": lambda: _runs(where.runs_dir),
        "queue": lambda: _queue(where.runs_dir),
        "disk-space": lambda: _disks(folders),
        "file-system": lambda: _file_systems(folders, where),
        "log-out": lambda: _logging_out(where.root),
        "study": lambda: study,
        "data-set": lambda: _data(specs),
        "clock": lambda: _clock(where.runs_dir),
        "versions": _versions,
    }
    return [checkup for name, check in checks.items() for checkup in _guarded(name, check)]


def logout_warning(root: Path = Path("/")) -> str | None:
    """A sentence if what is started here, detached, ends when its user logs out; None if it does not."""
    told = _at_logout(root)
    return "; ".join(told) if told else None


def _guarded(name: str, check: Callable[[], Iterable[Checkup]]) -> list[Checkup]:
    """All that a check tells up to its end, or to what stops it, which is one more thing to tell."""
    found: list[Checkup] = []
    try:
        for checkup in check():
            found.append(checkup)
    except UserError as error:
        found.append(_told(name, "error", str(error)))
    except OSError as error:
        found.append(Checkup(name, "error", f"{error.filename or 'a file'} cannot be used: {error.strerror}"))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        found.append(Checkup(name, "error", f"a state file holds what no version writes ({error!r})"))
    return found


def _told(name: str, verdict: Verdict, sentence: str) -> Checkup:
    """From a sentence as this program's errors are: what is wrong; what to do."""
    message, _, cure = sentence.partition("; ")
    return Checkup(name, verdict, message, cure)


def _gpus(root: Path) -> Iterator[Checkup]:
    nvml = Nvml()
    sample = nvml.sample()
    nvml.close()
    if not sample.gpus:
        verdict: Verdict = "note"
        if sample.driver or _gpu_on_the_bus(root):
            verdict = "warning"
        elif _has_driver_library():
            verdict = "error"
        yield _told("gpu", verdict, sample.error)
        return
    for gpu in sample.gpus:
        yield from _one_gpu(gpu)
    found = inventory_of(sample)
    hidden = found.note or found.why_no_gpu
    if hidden:
        yield _told("gpu", "warning", hidden)
    well = sum(not (gpu.lost or gpu.refused) for gpu in sample.gpus)
    if well:
        count = f"{well} of {len(sample.gpus)}" if well < len(sample.gpus) else str(well)
        yield Checkup("gpu", "ok", f"{_count(count, 'GPU')} can be used, NVIDIA driver {sample.driver or 'n/a'}")


def _one_gpu(gpu: GpuReading) -> Iterator[Checkup]:
    if gpu.lost or gpu.refused:
        yield _told("gpu", "error" if gpu.lost else "warning", f"GPU {gpu.index}: {gpu.note}")
        return
    if gpu.note:
        yield _told("gpu", "note", f"GPU {gpu.index}: {gpu.note}")
    silent = [name.replace("_used", "") for name in _READINGS if getattr(gpu, name) is None]
    if gpu.mig:  # the whole GPU has only a memory
        silent = [name for name in silent if name == "memory"]
    if silent:
        needed = "memory" in silent  # runs are placed by it
        message = f"GPU {gpu.index}: the driver does not tell its {', '.join(silent)}"
        yield Checkup("gpu", "warning" if needed else "note", message)


def _gpu_on_the_bus(root: Path) -> bool:
    """Whether the PCI bus has a display or compute card of NVIDIA's, driver or not."""
    for device in (root / "sys/bus/pci/devices").glob("*"):
        try:
            vendor, kind = ((device / name).read_text().strip() for name in ("vendor", "class"))
        except OSError:
            continue
        if vendor == _NVIDIA and kind.startswith(_DISPLAY):
            return True
    return False


def _has_driver_library() -> bool:
    import ctypes

    try:
        ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return False
    return True


def _leases(root: Path) -> Iterator[Checkup]:
    folder = Path(os.environ.get(VARIABLE) or _FOLDER)
    cure = f"set {VARIABLE} to a folder of this host that all its users may write"
    there = _existing(folder)
    mount = _mount(folder, root)
    if mount.kind in NETWORK:
        message = f"the leases' folder {folder} is on {mount}: devices of all hosts would be taken for the same"
        yield Checkup("leases", "error", message, cure)
    if there != folder.absolute():
        if os.access(there, os.W_OK | os.X_OK):
            yield Checkup("leases", "ok", f"{folder} is made by the first run")
        else:
            yield Checkup("leases", "error", f"the leases' folder {folder} cannot be made in {there}", cure)
        return
    mode = folder.lstat().st_mode
    if not stat.S_ISDIR(mode):
        yield Checkup("leases", "error", f"{folder} is no folder, where leases are kept", f"remove it, or {cure}")
        return
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        yield Checkup("leases", "error", f"the leases' folder {folder} is closed to you", f"chmod 1777 it, or {cure}")
    elif mode & 0o777 != 0o777:
        message = f"only some users may write into the leases' folder {folder}: others' runs do not start"
        yield Checkup("leases", "warning", message, f"chmod 1777 {folder}")
    elif not mode & stat.S_ISVTX:
        message = f"anybody may remove others' locks from the leases' folder {folder}"
        yield Checkup("leases", "warning", message, f"chmod 1777 {folder}")
    closed = [path.name for path in sorted(folder.glob("*.lock")) if not os.access(path, os.R_OK)]
    if closed:
        message = f"leases that you cannot read, nor take: {_some(closed)}, in {folder}"
        yield Checkup("leases", "error", message, "let their owner chmod 666 them")
    yield from _held(folder)


def _held(folder: Path) -> Iterator[Checkup]:
    keys = dict.fromkeys(path.name.partition(".")[0] for path in sorted(folder.glob("*.lock")))
    held = [(key, holder) for key in keys for holder in holders(key)]
    if any(_has_ended(holder) for _, holder in held):
        time.sleep(_SETTLING)
        for key, holder in held:
            if holder in holders(key) and _has_ended(holder):
                message = f"{key} is held by {_who(holder)}, whose run has ended: a process of it still lives"
                yield Checkup("leases", "warning", message, "find it with fuser or lsof on the lock, and end it")
    listed = [f"{key} by {_who(holder)}" for key, holder in held]
    yield Checkup("leases", "ok", f"{folder}: {'held: ' + ', '.join(listed) if listed else 'none held'}")


def _has_ended(holder: Holder) -> bool:
    """Whether the holder's run is over; False where that cannot be seen."""
    seen = bool(holder.run) and os.access(holder.run, os.R_OK | os.X_OK)
    return seen and not run_state(RunFolder(Path(holder.run))).alive


def _who(holder: Holder) -> str:
    return f"{holder.name}{f' of {holder.study}' if holder.study else ''}{f' ({holder.user})' if holder.user else ''}"


def _runs(runs_dir: Path) -> Iterator[Checkup]:
    """Runs that came to nothing unseen, damaged files, and what ended attempts left."""
    files = QueueFiles(runs_dir)
    for path, cure in (
        (files.queue, "move it away and queue the runs again: none is lost"),
        (files.scheduler, "remove it; the scheduler writes it anew"),
    ):
        damage = _damage(path)
        if damage:
            yield Checkup("state-files", "error", damage, cure)
    waiting = {item.run for item in _waiting(runs_dir)}
    runs = [(run, run_state(run)) for run in run_folders(runs_dir)]
    left: list[str] = []
    damaged = False
    for run, state in runs:
        for damage, cure in _damages(run):
            damaged = True
            yield Checkup("state-files", "error", damage, cure)
        left += _left(run, state)
    lost = [(r, s) for r, s in runs if s.name == LOST and str(r.path.relative_to(runs_dir)) not in waiting]
    if lost:
        named = _some([f"{_name(run)}: {state.reason}" for run, state in lost], "; ")
        cure = f"`{_command('relaunch EXP', runs_dir)}` goes on from the last checkpoint"
        yield Checkup("lost-runs", "warning", f"{_count(len(lost), 'run')} lost: {named}", cure)
    if left:
        message = f"ended attempts left {_count(len(left), 'file')} that do no harm: {_some(left)}"
        yield Checkup("left-overs", "note", message, "remove them as you like")
    yield from _outliving([run for run, state in runs if not state.alive])
    if not lost and not damaged:
        alive = sum(state.alive for _, state in runs)
        told = f"{_count(len(runs), 'run')} in {runs_dir}, {alive} alive, none lost"
        yield Checkup("runs", "ok", told if runs_dir.is_dir() else f"{runs_dir} is made by the first run")


def _outliving(ended: Sequence[RunFolder]) -> Iterator[Checkup]:
    """Runs that have ended while a process of theirs goes on: it may still use their device."""
    held = [run for run in ended if _is_locked(run)]
    if held:
        time.sleep(_SETTLING)
    for run in held:
        if _is_locked(run) and not run_state(run).alive:
            pids = " ".join(str(process.pid) for attempt in run.attempts() for process in processes_of(attempt.folder))
            message = f"{_name(run)} has ended, but a process of it still lives and holds {run.lock}"
            yield Checkup("runs", "warning", message, f"kill {pids}" if pids else f"fuser {run.lock} tells which")


def _is_locked(run: RunFolder) -> bool:
    try:
        return is_held(run.lock)
    except OSError:  # another user's
        return False


def _damages(run: RunFolder) -> Iterator[tuple[str, str]]:
    """Each damaged file of a run, and what to do about it."""
    again = "move it away; status then says how the run stands, and relaunch goes on with it"
    cures = {run.spec: "move it away and queue the run again", run.provenance: again, run.result: again}
    try:
        cures |= {path: again for attempt in run.attempts() for path in (attempt.runner, attempt.exit)}
    except OSError:  # the state of the run says it
        return
    for path, cure in cures.items():
        damage = _damage(path)
        if damage:
            yield damage, cure


def _damage(path: Path) -> str:
    """What is wrong with a state file; empty if nothing, or if there is none."""
    try:
        value = read_json(path)
        if value is not None and path.name == "exit.json":
            outcome_from(value)
        elif value is not None and path.name == "queue.json":
            read_queue(path.parent)
    except RunError as error:
        return str(error).partition("; ")[0]
    except KeyError as error:
        return f"{path} is damaged (no {error.args[0]})"
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    return ""


def _left(run: RunFolder, state: RunState) -> list[str]:
    """Files that only a living attempt needs, of attempts that do not live."""
    try:
        attempts = run.attempts()
        dead = attempts[:-1] if state.alive else attempts
        return [str(p) for attempt in dead for p in (attempt.reserve, attempt.heartbeat) if p.exists()]
    except OSError:
        return []


def _waiting(runs_dir: Path) -> list[Item]:
    """What the queue still has to start; nothing where it is damaged, which is told elsewhere."""
    try:
        queue = read_queue(runs_dir)
    except (RunError, OSError):
        return []
    return [item for item in queue.items if standing(item, runs_dir).stand == "waiting"]


def _queue(runs_dir: Path) -> Iterator[Checkup]:
    files = QueueFiles(runs_dir)
    if _damage(files.queue) or _damage(files.scheduler):
        return
    waiting, paused = _waiting(runs_dir), read_queue(runs_dir).paused
    scheduler = scheduler_process(runs_dir)
    count = _count(len(waiting), "run")
    resume = f"`{_command('queue resume', runs_dir)}`"
    if waiting and paused:
        yield Checkup("queue", "note", f"the queue is paused; waiting in it: {count}", f"{resume} goes on")
    elif waiting and scheduler is None:
        yield Checkup("queue", "warning", f"{count} waiting and no scheduler running", f"{resume} starts one")
    else:
        yield Checkup("queue", "ok", f"{count} waiting")
    if scheduler is None:
        yield from _no_scheduler(files)
        return
    if scheduler.host in {"", socket.gethostname()}:
        yield Checkup("scheduler", "ok", f"process {scheduler.pid or 'not yet told'}")
    else:
        message = f"the scheduler of {runs_dir} is process {scheduler.pid} on host {scheduler.host}: runs start there"
        yield Checkup("scheduler", "note", message, "to have them here, end that one first")
    complaints = troubles(runs_dir)
    for item in waiting:
        if item.run in complaints:
            yield Checkup("queue", "error", f"{item.experiment} cannot be started: {complaints[item.run]}")


def _no_scheduler(files: QueueFiles) -> Iterator[Checkup]:
    """None runs; one that was killed leaves its file."""
    facts = read_json(files.scheduler)
    if facts is None:
        yield Checkup("scheduler", "ok", "none running, none left behind")
        return
    host = str(facts.get("host"))
    silent = time.time() - _mtime(files.scheduler)
    where = "" if host == socket.gethostname() else f" on host {host}, silent for {silent / 60:.0f} min,"
    message = f"a scheduler{where} was killed and has left {files.scheduler}, which does no harm"
    yield Checkup("scheduler", "note", message, "the next one replaces it")


def _disks(folders: dict[str, Path]) -> Iterator[Checkup]:
    disks: dict[int, list[tuple[str, Path]]] = {}
    for words, folder in folders.items():
        there = _existing(folder)
        disks.setdefault(there.stat().st_dev, []).append((words, there))
        if not os.access(there, os.W_OK | os.X_OK):
            message = f"{words}: {there} cannot be written"
            yield Checkup("disk-space", "error", message, "mend its permissions, or choose another folder")
    for used in disks.values():
        words, there = ", ".join(words for words, _ in used), used[0][1]
        free = os.statvfs(there)
        space, files = free.f_bavail * free.f_frsize, free.f_favail if free.f_files else None  # 0: no such limit
        verdict: Verdict = "ok"
        if space < LOW_BYTES or (files is not None and files < LOW_FILES):
            verdict = "warning"
        if space < SCARCE_BYTES or (files is not None and files < SCARCE_FILES):
            verdict = "error"
        more = "" if files is None else f" and room for {_count(f'{files:,}', 'file')}"
        message = f"{words}: {space / 1e9:,.1f} GB free{more} ({there})"
        yield Checkup("disk-space", verdict, message, "" if verdict == "ok" else "make room, or choose another folder")


@dataclass(frozen=True)
class _Mount:
    point: str
    kind: str
    options: frozenset[str]

    def __str__(self) -> str:
        return f"a network file system ({self.kind}, mounted at {self.point})"


def _mount(path: Path, root: Path) -> _Mount:
    """What is mounted where `path` lies, or would lie; of an unknown kind where the kernel does not tell."""
    there = os.path.realpath(_existing(path))
    best = _Mount("", "", frozenset())
    try:
        lines = (root / "proc/self/mountinfo").read_text(errors="replace").splitlines()
    except OSError:
        return best
    for line in lines:
        mounted, _, source = line.partition(" - ")
        fields, of_super = mounted.split(), source.split()
        if len(fields) < 6 or len(of_super) < 1:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), fields[4])
        inside = there == point or there.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best.point):  # the last of several on one point is on top
            options = frozenset(",".join([fields[5], *of_super[2:]]).split(","))
            best = _Mount(point, of_super[0], options)
    return best


def _file_systems(folders: dict[str, Path], where: Where) -> Iterator[Checkup]:
    locks = _lock_trouble(where.runs_dir)
    if locks:
        message = f"files in {where.runs_dir} cannot be locked ({locks}): whether a run lives cannot be told"
        yield Checkup("file-system", "error", message, "choose another --runs-dir, or mount it with locks (flock)")
    remote = {words: mount for words, path in folders.items() if (mount := _mount(path, where.root)).kind in NETWORK}
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
            lock_now(file.fileno())
        except OSError as error:
            return str(error.strerror)
    return ""


def _logging_out(root: Path) -> Iterator[Checkup]:
    told = _at_logout(root)
    yield Checkup("log-out", "warning", *told) if told else Checkup("log-out", "ok", "detached runs outlive it")


def _at_logout(root: Path) -> tuple[str, str] | None:
    """Why processes started here end with the log-out, and the cure.

    logind ends what is in a session's scope (KillUserProcesses), lingering or not; what is under the user's own manager
    ends with the last session unless the user lingers. Other units (services, batch systems) know no log-out.
    """
    if not (root / "run/systemd/system").is_dir():
        return None
    unit = _cgroup(root)
    owner = re.search(r"/user-(\d+)\.slice", unit)
    user = _user_name(int(owner[1]) if owner else os.getuid())
    linger, scope = "loginctl enable-linger", "`systemd-run --user --scope iqa-train --all --detach`"
    if "/user@" in unit:
        if _lingers(user, root):
            return None
        return f"detached runs are killed when {user} logs out for the last time (Linger=no)", f"`{linger}`"
    in_session = re.search(r"/session-[^/]+\.scope", unit)
    if (unit and not in_session) or not _kills(user, root):
        return None
    if not _lingers(user, root):
        message = f"detached runs are killed when {user} logs out (KillUserProcesses=yes, Linger=no)"
        return message, f"`{linger}` once, then start them with {scope}"
    if not in_session:
        return None
    return "runs started in this session are killed when it ends (KillUserProcesses=yes)", f"start them with {scope}"


def _cgroup(root: Path) -> str:
    """The unit this process is in, as systemd's path of control groups; empty where it is not told."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return ""
    paths = [line.split(":", 2)[2] for line in lines if re.match(r"0::|\d+:name=systemd:", line)]
    return max((path for path in paths if path != "/"), key=len, default="")


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _lingers(user: str, root: Path) -> bool:
    told = _ask("loginctl", "show-user", user, "--property=Linger")
    if told:
        return told.strip() == "Linger=yes"
    return (root / "var/lib/systemd/linger" / user).exists()  # not logged in: loginctl knows nothing of him


def _kills(user: str, root: Path) -> bool:
    """Whether logind ends the user's session with all that is in it."""
    kills, only, spared = False, list[str](), ["root"]
    for key, value in _logind(root):
        names = value.split()
        if key == "KillUserProcesses" and value:
            kills = value.lower() in _YES
        elif key == "KillOnlyUsers":
            only = [*only, *names] if names else []
        elif key == "KillExcludeUsers":
            spared = [*spared, *names] if names else []
    if user in spared:
        return False
    return user in only if only else kills


def _logind(root: Path) -> Iterator[tuple[str, str]]:
    """The settings of logind.conf and its drop-ins, in the order in which they count; the last wins."""
    folders = [root / name / "systemd" for name in ("etc", "run", "usr/local/lib", "usr/lib")]
    main = [path for folder in folders if (path := folder / "logind.conf").is_file()][:1]
    drop_ins: dict[str, Path] = {}
    for folder in reversed(folders):  # a name in /etc hides the same name elsewhere
        drop_ins |= {path.name: path for path in (folder / "logind.conf.d").glob("*.conf")}
    for path in [*main, *(drop_ins[name] for name in sorted(drop_ins))]:
        try:
            text = path.read_text(errors="replace")
        except OSError:
            continue
        section = ""
        for line in text.splitlines():
            if line.strip().startswith("["):
                section = line.strip()
            elif section == "[Login]" and "=" in line and line.strip()[0] not in "#;":
                key, _, value = line.partition("=")
                yield key.strip(), value.strip()


def _study(where: Where) -> tuple[list["RunSpec"], list[Checkup]]:
    """The runs that the study file declares, and what there is to say of the file."""
    from iqa_train.study.load import FILE_NAME, find_study, load_study
    from iqa_train.study.resolve import resolve_all

    if where.study is None and where.profile is None and not Path(FILE_NAME).exists():
        message = f"there is no {FILE_NAME} here; commands use the one that comes with the program"
        return [], [Checkup("study", "note", message, "name another with --experiments FILE")]
    path = find_study(where.study)
    try:
        study = load_study(path)
    except StudyError as error:
        first, *more = str(error).splitlines()
        message = first + (f" (and {len(more)} more)" if more else "")
        return [], [Checkup("study", "error", message, "`iqa-train check` tells all that is wrong")]
    specs = resolve_all(study, profile=where.profile)
    return specs, [Checkup("study", "ok", f"{path}: {_count(len(study.experiments), 'experiment')}")]


def _data(specs: Sequence["RunSpec"]) -> Iterator[Checkup]:
    if not specs:
        return
    from iqa_train.datasets import demo
    from iqa_train.datasets.catalogue import folder_of, read_table
    from iqa_train.datasets.presence import require_images

    sets = dict.fromkeys((spec.settings.dataset, spec.settings.data_dir, spec.source) for spec in specs)
    for name, data_dir, source in sets:
        folder = folder_of(name, data_dir, source)
        if name == demo.NAME and not source.csv and not (folder / demo.MARKER).exists():
            yield Checkup("data-set", "note", f"{name} is not in {folder} yet", "the first run makes it")
            continue
        try:
            table = require_images(read_table(name, source, data_dir))
        except DataError as error:
            yield _told("data-set", "error", str(error))
        else:
            yield Checkup("data-set", "ok", f"{name}: {len(table):,} images in {table.root}, none missing")


def _clock(runs_dir: Path) -> Iterator[Checkup]:
    synchronised = _ask("timedatectl", "show", "--property=NTPSynchronized").strip().partition("=")[2]
    wrong = synchronised == "no"
    if wrong:
        message = "the clock of this host is not synchronised; runs and hosts may tell different times"
        yield Checkup("clock", "warning", message, "`timedatectl set-ntp true`, or ask the administrator")
    skew = _skew(runs_dir)
    if skew is not None and abs(skew) > CLOCK_TOLERANCE:
        wrong = True
        side = "ahead of" if skew > 0 else "behind"
        message = f"times of files in {runs_dir} are {abs(skew):.0f} s {side} this host's clock"
        yield Checkup("clock", "warning", message, "set the clock of this host or of the file server")
    future = [str(path) for path in _state_files(runs_dir) if _mtime(path) > time.time() + CLOCK_TOLERANCE]
    if future:
        wrong = True
        message = f"{_count(len(future), 'file')} written in the future: {_some(future)}"
        yield Checkup("clock", "warning", message, "a clock was, or is, wrong; touch them once it is right")
    if not wrong:
        told = "synchronised" if synchronised == "yes" else "nobody tells whether it is synchronised"
        yield Checkup("clock", "ok", told + ("" if skew is None else "; file times agree with it"))


def _skew(runs_dir: Path) -> float | None:
    """Seconds by which a file written now is ahead of this host's clock."""
    try:
        with tempfile.TemporaryFile(dir=runs_dir) as file:
            file.write(b"0")
            file.flush()
            os.fsync(file.fileno())
            return os.fstat(file.fileno()).st_mtime - time.time()
    except OSError:
        return None


def _state_files(runs_dir: Path) -> Iterator[Path]:
    files = QueueFiles(runs_dir)
    yield from (files.queue, files.scheduler)
    for run in run_folders(runs_dir):
        yield run.result
        try:
            attempts = run.attempts()
        except OSError:
            continue
        for attempt in attempts[-1:]:
            yield from (attempt.runner, attempt.heartbeat, attempt.metrics, attempt.exit)


def _mtime(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _versions() -> Iterator[Checkup]:
    import platform

    versions = package_versions()
    missing = [name for name, version in versions.items() if version == "not installed" and name != "iqa-tui"]
    if missing:
        message = f"not installed: {', '.join(missing)}; runs cannot start"
        yield Checkup("versions", "error", message, "install the program anew, with all it needs")
    listed = [f"{name} {version}" for name, version in versions.items() if name not in missing]
    yield Checkup("versions", "note", f"Python {platform.python_version()}, {', '.join(listed)}")


def _ask(*command: str) -> str:
    """What a command of the system prints; nothing where there is no such command, or it fails."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=_COMMAND_LIMIT, check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout if done.returncode == 0 else ""


def _existing(path: Path) -> Path:
    """`path`, or the nearest folder above it that is there."""
    whole = path.absolute()
    return next(p for p in (whole, *whole.parents) if os.path.lexists(p))


def _name(run: RunFolder) -> str:
    return f"{run.path.parent.name} ({run.path.name.partition('-')[0].replace('s', 'seed ', 1)})"


def _command(words: str, runs_dir: Path) -> str:
    return f"iqa-train {words}" + ("" if runs_dir == Path("runs") else f" --runs-dir {runs_dir}")


def _count(number: int | str, what: str) -> str:
    return f"{number} {what}{'' if str(number) == '1' else 's'}"


def _some(names: Sequence[str], comma: str = ", ", most: int = 3) -> str:
    more = len(names) - most
    return comma.join(names[:most]) + (f" and {more} more" if more > 0 else "")
