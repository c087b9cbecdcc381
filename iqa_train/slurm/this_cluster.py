"""Which cluster the commands of Slurm speak to: two may share one home, and know nothing of each other's jobs."""

import re
from dataclasses import dataclass

from iqa_train.slurm.commands import SHORT, SlurmError, call


@dataclass(frozen=True)
class ThisCluster:
    """`identity`: name, and the controller's host and port. `booted`: when the controller started, since 1970."""

    identity: str
    booted: float | None


def ask_cluster() -> ThisCluster:
    """Ask. Raises SlurmError."""
    return parse_configuration(call("scontrol", "show", "config", limit=SHORT))


def parse_configuration(text: str) -> ThisCluster:
    """From the output of `scontrol show config`. Raises SlurmError for another."""
    found = dict(re.findall(r"^([\w\[\]]+)\s*=\s*(.*?)\s*$", text, re.MULTILINE))
    if not found.get("ClusterName"):
        raise SlurmError("scontrol did not say which cluster this is", text[:200], passing=True)
    host = (found.get("SlurmctldHost[0]") or found.get("ControlMachine") or "").partition("(")[0]
    identity = f"{found['ClusterName']} ({host}:{found.get('SlurmctldPort', '')})"
    booted = found.get("BOOT_TIME", "")
    return ThisCluster(identity, float(booted) if booted.isdecimal() else None)
