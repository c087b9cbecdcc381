"""The folder of the leases of devices, and who holds them."""

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from iqa_train.devices.leases import VARIABLE, Holder, folder_complaint, holders, leases_folder
from iqa_train.doctor.check_result import Checkup
from iqa_train.doctor.runs import SETTLING
from iqa_train.lockholder import user_name
from iqa_train.mounts import NETWORK, existing, mount_of
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.state import run_state
from iqa_train.text import join_names


def check_leases(root: Path) -> Iterator[Checkup]:
    """Whether every user can take a device on this host, and none another's; then who holds what."""
    folder = leases_folder()
    cure = f"set {VARIABLE} to a folder of this host that all its users may write"
    there = existing(folder)
    mount = mount_of(folder, root)
    if mount.kind in NETWORK:
        message = f"the leases' folder {folder} is on {mount}: devices of all hosts would be taken for the same"
        yield Checkup("leases", "error", message, cure)
    if there != folder.absolute():
        if os.access(there, os.W_OK | os.X_OK):
            yield Checkup("leases", "ok", f"{folder} will be created by the first run")
        else:
            yield Checkup("leases", "error", f"the leases' folder {folder} cannot be made in {there}", cure)
        return
    mode = folder.lstat().st_mode
    if not stat.S_ISDIR(mode):
        yield Checkup(
            "leases", "error", f"{folder} is not a folder, but leases are kept there", f"remove it, or {cure}"
        )
        return
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        yield Checkup("leases", "error", f"the leases' folder {folder} is closed to you", f"chmod 1777 it, or {cure}")
    elif (complaint := folder_complaint(folder)) is not None:
        yield Checkup("leases", "error", complaint.partition(";")[0], f"chmod 1777 {folder}")
    elif mode & 0o777 != 0o777:
        message = f"only some users may write into the leases' folder {folder}: others' runs do not start"
        yield Checkup("leases", "warning", message, f"chmod 1777 {folder}")
    elif folder.lstat().st_uid not in {0, os.geteuid()}:
        message = f"the leases' folder {folder} is {user_name(folder.lstat().st_uid)}'s, who may remove others' locks"
        yield Checkup("leases", "warning", message, f"have an administrator chown it to root, or {cure}")
    closed = [path.name for path in sorted(folder.glob("*.lock")) if not os.access(path, os.R_OK)]
    if closed:
        message = f"leases that you cannot read, nor take: {join_names(closed, most=3)}, in {folder}"
        yield Checkup("leases", "error", message, "let their owner chmod 666 them")
    yield from _held(folder)


def _held(folder: Path) -> Iterator[Checkup]:
    keys = dict.fromkeys(path.name.partition(".")[0] for path in sorted(folder.glob("*.lock")))
    held = [(key, holder) for key in keys for holder in holders(key)]
    if any(_has_ended(holder) for _, holder in held):
        time.sleep(SETTLING)
        for key, holder in held:
            if holder in holders(key) and _has_ended(holder):
                message = f"{key} is held by {_who(holder)}, whose run has ended: one of its processes is still alive"
                yield Checkup("leases", "warning", message, "find it with fuser or lsof on the lock, and end it")
    listed = [f"{key} by {_who(holder)}" for key, holder in held]
    yield Checkup("leases", "ok", f"{folder}: {'held: ' + ', '.join(listed) if listed else 'none held'}")


def _has_ended(holder: Holder) -> bool:
    """Whether the holder's run is over; False where that cannot be seen."""
    seen = bool(holder.run) and os.access(holder.run, os.R_OK | os.X_OK)
    return seen and not run_state(RunFolder(Path(holder.run))).alive


def _who(holder: Holder) -> str:
    return f"{holder.name}{f' of {holder.study}' if holder.study else ''}{f' ({holder.user})' if holder.user else ''}"
