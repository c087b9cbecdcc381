"""What file system a path lies on, by the kernel's table of mounts."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

NETWORK = frozenset({
    "afs", "beegfs", "ceph", "cifs", "fuse.ceph", "fuse.glusterfs", "fuse.juicefs", "fuse.rclone", "fuse.s3fs",
    "fuse.sshfs", "gfs2", "glusterfs", "gpfs", "lustre", "nfs", "nfs4", "ocfs2", "orangefs", "panfs", "smb3", "smbfs",
})  # fmt: skip
"""File systems that other hosts may have mounted too, as /proc/self/mountinfo calls them."""


@dataclass(frozen=True)
class Mount:
    """A file system, where it is mounted, and how."""

    point: str
    kind: str
    options: frozenset[str]

    def __str__(self) -> str:
        return f"a network file system ({self.kind}, mounted at {self.point})"


def mount_of(path: Path, root: Path = Path("/")) -> Mount:
    """What is mounted where `path` lies, or would lie; of an unknown kind where the kernel does not tell."""
    there = os.path.realpath(existing(path))
    best = Mount("", "", frozenset())
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
            best = Mount(point, of_super[0], options)
    return best


def existing(path: Path) -> Path:
    """`path`, or the nearest folder above it that is there."""
    whole = path.absolute()
    return next(p for p in (whole, *whole.parents) if os.path.lexists(p))
