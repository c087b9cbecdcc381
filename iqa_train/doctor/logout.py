"""Whether detached runs outlive their user's log-out."""

import os
import pwd
import re
from collections.abc import Iterator
from pathlib import Path

from iqa_train.doctor.check_result import Checkup
from iqa_train.doctor.system_command import ask

_YES = {"1", "on", "t", "true", "y", "yes"}


def check_logout(root: Path) -> Iterator[Checkup]:
    """The warning of `logout_warning`, with its cure apart."""
    answer = _at_logout(root)
    yield Checkup("logout", "warning", *answer) if answer else Checkup("logout", "ok", "detached runs keep running")


def logout_warning(root: Path = Path("/")) -> str | None:
    """A sentence if what is started here, detached, ends when its user logs out; None if it does not."""
    answer = _at_logout(root)
    return "; ".join(answer) if answer else None


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
    """The unit this process is in, as systemd's path of control groups; empty where it is unknown."""
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
    answer = ask("loginctl", "show-user", user, "--property=Linger")
    if answer:
        return answer.strip() == "Linger=yes"
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
