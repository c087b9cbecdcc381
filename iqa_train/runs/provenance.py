"""Code, packages and host of a result. The worker adds its device and its data."""

import hashlib
import os
import platform
import socket
import stat
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import iqa_train
from iqa_train.procfs import boot_id
from iqa_train.redaction import without_secrets

PACKAGES = ("iqa-tui", "torch", "torchvision", "timm", "numpy", "pillow", "safetensors", "scipy", "pydantic")
_DIFF_LIMIT = 1 << 20


def code_state() -> dict[str, Any]:
    """Version, commit and uncommitted changes of this program; commit is None outside a git checkout."""
    folder = Path(iqa_train.__file__).parent
    commit = _git(folder, "rev-parse", "HEAD") if (folder.parent / ".git").exists() else None
    state: dict[str, Any] = {
        "version": iqa_train.__version__, "fingerprint": code_fingerprint(), "commit": commit,
    }  # fmt: skip
    if commit is not None:
        private = _private(folder.parent)
        diff = (
            _git(folder.parent, "diff", "HEAD", "--", "iqa_train", *(f":(exclude,literal){p}" for p in private)) or ""
        )
        new = _git(folder.parent, "ls-files", "--others", "--exclude-standard", "--", "iqa_train") or ""
        state |= {"dirty": bool(diff or new or private), "diff": without_secrets(diff[:_DIFF_LIMIT])}
        state |= {"untracked": new.split(), "private": private}
    return state


def _private(checkout: Path) -> list[str]:
    """Changed files that others may not read: provenance.json, which they may, says their names alone."""
    changed = (_git(checkout, "diff", "HEAD", "--name-only", "--no-renames", "-z", "--", "iqa_train") or "").split("\0")
    paths = [name for name in changed if name and (checkout / name).is_file()]
    return [name for name in paths if not (checkout / name).stat().st_mode & stat.S_IROTH]


def code_fingerprint() -> str:
    """Twelve hex digits of all of this package's source: equal as long as not one line of it has changed."""
    folder = Path(iqa_train.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def host_state() -> dict[str, Any]:
    """Host, boot, processor and interpreter."""
    return {
        "host": socket.gethostname(),
        "boot_id": boot_id(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cpus": len(os.sched_getaffinity(0)),
        "python": sys.version.split()[0],
    }


def _processor() -> str:
    """The CPU's model: some libraries choose their kernels by it, not by the instruction set alone. "" if unknown."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def package_versions() -> dict[str, str]:
    """Installed versions of what a result may depend on."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
