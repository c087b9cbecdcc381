"""A pass over a queue of 10,000 runs on Slurm, against a squeue that lists 10,000 jobs.

bench_slurm.plan       parsing what squeue printed, lining the jobs up with what was submitted, and planning: 10 arrays
                       of 1,000 runs, a fifth of them done, some to be submitted again; reference: asking squeue about
                       one job at a time, as a loop in a shell does, at the 5 ms that a call takes on a small cluster
bench_slurm.reconcile  the same with reading the queue and all run folders, which hold no attempt yet; reference: the
                       2 s that are allowed for the plan alone
"""

import tempfile
from dataclasses import asdict, replace
from pathlib import Path

from _common import figure, options, race

from iqa_train.files import write_json
from iqa_train.runs.layout import QueueFiles
from iqa_train.scheduler.item_status import snapshots_of, status_of
from iqa_train.scheduler.queue import Item, Queue, read_queue
from iqa_train.scheduler.slurm.plan import Entry, plan
from iqa_train.scheduler.slurm.submissions import Submission, new_submission, tasks_now
from iqa_train.slurm.jobs import parse_jobs

_CALL = 0.005  # seconds of one squeue, measured on a cluster of two nodes without load


def _item(number: int) -> Item:
    return Item(f"bench/E{number}/s42-{number:010x}", f"E{number}", 42, batch=1 + number // 2000, slurm={"cpus": 1})


def _submitted(items: list[Item]) -> list[Submission]:
    made = []
    for k in range(0, len(items), 1000):
        part = items[k : k + 1000]
        one = new_submission([(i.key,) for i in part], {i.key: 0 for i in part}, {"cpus": 1}, part[0].batch, "batches")
        made.append(replace(one, job=str(1000 + k)))
    return made


def _squeue(submissions: list[Submission]) -> str:
    """What it prints: a fifth has ended, some of them failed."""
    lines = []
    for one in submissions:
        for task in range(len(one.tasks)):
            state = ("COMPLETED" if task % 100 else "FAILED") if task % 5 == 0 else "PENDING"
            lines.append(f"{one.job}|{task}|{one.job}|{state}||N/A|N/A|0|iqa-train:{one.token}|Priority|bench|")
    return "\n".join(lines)


def main() -> None:
    """Measure both in a temporary folder."""
    chosen = options(__doc__ or "").parse_args()
    count = 1000 if chosen.smoke else 10_000
    items = [_item(number) for number in range(count)]
    submissions = _submitted(items)
    text = _squeue(submissions)
    entries = [Entry(item, "settled" if n % 5 == 0 and n % 100 else "waiting") for n, item in enumerate(items)]

    def ours() -> None:
        planned = plan(entries, submissions, tasks_now(submissions, parse_jobs(text)))
        assert len(planned.submit) >= 1

    (seconds,) = race(2 if chosen.smoke else 7, ours)
    allowed = 2.0
    calls = _CALL * count
    figure("bench_slurm.plan", seconds, calls, calls / seconds, unit="s", bar="2s", ok=seconds < allowed)
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder)
        for item in items:
            (runs / item.run).mkdir(parents=True)
        write_json(QueueFiles(runs).queue, {"schema_version": 1, **asdict(Queue(tuple(items)))})

        def whole() -> None:
            queue = read_queue(runs)
            found = snapshots_of(queue.items, runs)
            states = [(item, status_of(item, found[item.key])) for item in queue.items]
            all_ = [Entry(item, status.phase, status.tried) for item, status in states]
            plan(all_, submissions, tasks_now(submissions, parse_jobs(text)))

        (seconds,) = race(1 if chosen.smoke else 3, whole)
        figure("bench_slurm.reconcile", seconds, allowed, allowed / seconds, unit="s", bar=None)


if __name__ == "__main__":
    main()
