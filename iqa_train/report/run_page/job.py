"""The Slurm job that a run waits for or is part of."""

from iqa_train.report.sections import Section, pair
from iqa_train.slurm.answer import Answer
from iqa_train.slurm.reasons import at_clock, meaning


def job_section(job: Answer) -> Section:
    """Its state and reason in Slurm's words, with what the reason means; its node and its times."""
    reason = ": ".join(filter(None, [job.reason, meaning(job)]))
    start = "" if job.start is None else at_clock(job.start)
    lines = [
        pair("job", job.job),
        pair("state", job.state),
        pair("reason", reason),
        pair("node", job.node),
        pair("expected to start" if job.kind == "waiting" else "started", start),
        pair("time is up", at_clock(job.end) if job.kind == "running" and job.end is not None else ""),
        pair("requeued", f"{job.restarts} times" if job.restarts > 1 else "once" if job.restarts else ""),
    ]
    return Section("Slurm", tuple(line for line in lines if line.cells[1]))
