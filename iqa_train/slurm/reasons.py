"""Why a job waits, in words: Slurm's own reason, and what it means where that is not plain."""

import re
import time
from datetime import datetime

from iqa_train.slurm.answer import Answer
from iqa_train.slurm.job_watch import JobList

HELD = frozenset({"JobHeldUser", "JobHeldAdmin"})

# Slurm's words are given without what follows a comma or colon, and with spaces for underscores.
_MEANINGS = {
    "Priority": "jobs of higher priority come first",
    "Resources": "no node has room for it at the moment",
    "Dependency": "it waits until other jobs, such as the batch before, have ended",
    "DependencyNeverSatisfied": "a job that it waits for did not end as it must have",
    "ReqNodeNotAvail": "a node that it could run on is down, drained or reserved",
    "ReservationDeleted": "the reservation that it asks for is gone",
    "Reservation": "its reservation has not begun",
    "JobHeldUser": "it is held by its owner",
    "JobHeldAdmin": "an administrator holds it",
    "BeginTime": "it may not begin yet; after a requeue, Slurm waits for about two minutes",
    "JobArrayTaskLimit": "as many of these runs as array_limit allows are running",
    "PartitionTimeLimit": "more time than the partition allows; shorten it in [slurm], and repeat the start",
    "PartitionNodeLimit": "it asks for more nodes than the partition allows or has",
    "PartitionDown": "the partition takes no jobs to run at the moment",
    "PartitionInactive": "the partition is closed",
    "PartitionConfig": "the partition does not allow what it asks for",
    "BadConstraints": "no node has what it asks for, so it never starts; correct [slurm], and repeat the start",
    "MaxMemPerLimit": "it asks for more memory than the partition allows for each CPU or node",
    "NodeDown": "the node that it needs is down",
    "Licenses": "a licence that it asks for is in use",
    "AccountNotAllowed": "the partition does not take jobs of its account",
    "InvalidAccount": "its account does not exist or is not yours",
    "QOSNotAllowed": "its partition or account does not allow its QOS",
    "InvalidQOS": "its QOS does not exist",
    "QOSUsageThreshold": "its account has used too much of its share for this QOS",
    "AssociationJobLimit": "as many jobs as your account may run are running",
    "AssociationResourceLimit": "your account already uses as much as it may",
    "AssociationTimeLimit": "your account has used up its time",
    "QOSJobLimit": "as many jobs as the QOS allows are running",
    "QOSResourceLimit": "jobs of the QOS already use as much as it allows",
    "QOSTimeLimit": "the QOS has used up its time",
    "Cleaning": "what it left on its last node is being cleared up",
    "Prolog": "its node is being prepared",
    "launch failed requeued held": "its node could not start it, and Slurm holds it",
    "job requeued in held state": "it was requeued and is held",
}  # fmt: skip
_CURES = {
    "JobHeldUser": "`scontrol release {job}` lets it go",
    "launch failed requeued held": "`scontrol release {job}` tries again",
    "job requeued in held state": "`scontrol release {job}` lets it go",
}
_LIMIT = re.compile(
    r"(?P<who>QOSGrp|QOSMax|QOSMin|AssocGrp|AssocMax|MaxGrp|Max)"
    r"(?P<what>CPU|Cpu|GRES|Mem(?:ory)?|Node|SubmitJobs?|Jobs?|Wall(?:Duration)?|Billing)"
    r"(?P<minutes>(?:Run)?Minutes)?(?P<per>PerUser|PerAccount|PerJob|PerNode)?(?:Limit)?"
)
_RESOURCES = {
    "cpu": "CPUs", "gres": "GPUs (GRES)", "mem": "memory", "memory": "memory", "node": "nodes", "job": "running jobs",
    "jobs": "running jobs", "submitjob": "submitted jobs", "submitjobs": "submitted jobs", "wall": "time",
    "wallduration": "time", "billing": "billing units",
}  # fmt: skip


def waiting_words(answer: Answer, *, paused: bool = False) -> str:
    """For a person: the job, Slurm's reason, and when Slurm expects it to start. `paused`: the queue is."""
    if answer.state == "SUBMITTING":
        return "being submitted to Slurm"
    if answer.kind == "running":
        return f"Slurm job {answer.job} is starting on {answer.node or 'its node'}"
    if paused and answer.reason in HELD:
        return f"the queue is paused; Slurm job {answer.job} is held"
    words = f"Slurm job {answer.job}: {answer.reason or answer.state}"
    if answer.start is not None and answer.start > time.time():
        words += f", expected to start {at_clock(answer.start)}"
    return words


def meaning(answer: Answer, *, paused: bool = False) -> str:
    """What the reason of a job that waits means and what to do, in a few words; "" where nothing is known of it."""
    if answer.kind != "waiting" or (paused and answer.reason in HELD):
        return ""
    word = re.split(r"[,:(]", answer.reason.lstrip("("), maxsplit=1)[0].replace("_", " ").strip()
    found = _MEANINGS.get(word) or _limit(word)
    cure = _CURES.get(word, "").format(job=answer.job)
    return "; ".join(filter(None, [found, cure]))


def at_clock(moment: float) -> str:
    """`at 14:20`; with its date if that is not today's."""
    then = datetime.fromtimestamp(moment)
    return f"at {then:%H:%M}" if then.date() == datetime.now().date() else f"on {then:%Y-%m-%d} at {then:%H:%M}"


def silence_words(listed: JobList) -> str:
    """That Slurm does not answer, and of when what is shown is; "" while it does."""
    if listed.error is None:
        return ""
    if listed.time is None:
        return f"Slurm does not answer ({listed.error}); what it makes of the runs is unknown"
    since = at_clock(listed.time).removeprefix("at ").removeprefix("on ")
    return f"Slurm does not answer since {since} ({listed.error}); what is shown of its jobs is from then"


def _limit(word: str) -> str:
    """Of the many names of limits, each built of whose limit it is, on what, and per what."""
    found = _LIMIT.fullmatch(word)
    if found is None:
        return ""
    what = _RESOURCES[found["what"].lower()] + (" over time" if found["minutes"] else "")
    whose = "the QOS" if found["who"].startswith("QOS") else "your account"
    if found["who"] == "QOSMin":
        return f"it asks for less than the least {what} of the QOS, so it never starts"
    alone = found["per"] in {"PerJob", "PerNode"} or (not found["per"] and found["who"].endswith("Max"))
    if alone and not what.endswith("jobs"):
        each = "node" if found["per"] == "PerNode" else "job"
        return f"it asks for more {what} than {whose} allows one {each}"
    used = "as much" if what in {"memory", "time"} else "as many"
    who = "your jobs" if found["per"] == "PerUser" else f"jobs of {whose}"
    return f"{who} have {used} {what} already as {whose} allows"
