"""With nobody there, a study on Slurm goes on: the plans that jobs make as they end, against a small model of Slurm."""

import random
from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from iqa_train.scheduler.item_status import Phase
from iqa_train.scheduler.queue import Item
from iqa_train.scheduler.slurm.cluster_look import as_ended
from iqa_train.scheduler.slurm.plan import Entry, answers, plan
from iqa_train.scheduler.slurm.submissions import tasks_now
from iqa_train.slurm.answer import Answer
from iqa_train.slurm.jobs import Job
from tests.scheduler.slurm_model import Cluster, item


class Study:
    """Runs, and what has happened to them; whatever is asked of Slurm is asked by `reconcile`."""

    def __init__(self, items: list[Item], policy: str, chance: random.Random) -> None:
        self.items, self.policy, self.chance = items, policy, chance
        self.cluster = Cluster()
        self.done: set[str] = set()
        self.put_off: dict[str, float] = {}  # after a trouble
        self.refused: set[str] = set()

    def reconcile(self, ending: str = "", *, refuses: bool = False) -> None:
        """As the last act of the job `ending`, which squeue lists as running; afterwards nothing may be stuck."""
        cluster, ended = self.cluster, {ending: "COMPLETED"} if ending else {}
        for _ in range(3):  # where jobs are cancelled, another pass follows
            jobs = tasks_now(cluster.submissions, as_ended(cluster.squeue(), ended))
            planned = plan(self._entries(jobs), cluster.submissions, jobs, policy=self.policy)
            self.refused.clear()
            if refuses:
                self.refused = {key for order in planned.submit for task in order.tasks for key in task}
                planned = replace(planned, submit=(), depend=())
            planned = replace(planned, over=tuple(one for one in planned.over if one.job != ending.partition("_")[0]))
            cluster.follow(planned, {one.key: one for one in self.items}, self.policy)
            if not planned.cancel:
                break
        if ending:
            array, _, task = ending.partition("_")
            cluster.jobs[array, int(task)] = "COMPLETED"
        self._judge()

    def _entries(self, jobs: Mapping[str, Mapping[int, Job]]) -> list[Entry]:
        tasks = [(one, task, job) for one in self.cluster.submissions for task, job in jobs[one.token].items()]
        running = {key for one, task, job in tasks if job.state == "RUNNING" for key in one.tasks[task]}
        phases: dict[str, Phase] = dict.fromkeys((one.key for one in self.items), "waiting")
        phases |= dict.fromkeys(running, "running")
        phases |= dict.fromkeys(self.done, "settled")
        return [Entry(one, phases[one.key], begin=self.put_off.get(one.key, 0.0)) for one in self.items]

    def _judge(self) -> None:
        """Each run has a job, unless Slurm has refused that, or one before its turn; and a job can begin, or runs."""
        cluster = self.cluster
        known = answers(self.items, cluster.submissions, cluster.listed())
        missing = {i.key for i in self.items if i.key not in self.done and known.get(i.key, GONE).kind == "gone"}
        first = min((i.batch for i in self.items if i.key in self.refused), default=99)
        assert all(i.key in self.refused or i.batch > first for i in self.items if i.key in missing)
        if len(self.done) < len(self.items) and not self.refused:
            assert cluster.may_start() or "RUNNING" in cluster.jobs.values(), "nothing will ever begin"


GONE = Answer("gone")


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.integers(1, 3), min_size=1, max_size=9),
    st.sampled_from(["batches", "greedy"]),
    st.sampled_from([None, 1, 2]),
    st.sampled_from([None, 2]),
    st.integers(0, 1000),
)
def test_a_study_goes_on_whatever_becomes_of_its_jobs(
    batches: list[int], policy: str, limit: int | None, per_job: int | None, seed: int
) -> None:
    """Jobs end, find that it is not their turn, and are killed; submissions are refused. Only ends reconcile."""
    chance = random.Random(seed)
    options = {"array_limit": limit, "runs_per_job": per_job}
    items = [item(f"E{k}", b, **options, cpus=chance.choice([1, 2])) for k, b in enumerate(sorted(batches))]
    study = Study(items, policy, chance)
    cluster = study.cluster
    study.reconcile()
    for _ in range(1000):
        cluster.start()
        active = [place for place, state in cluster.jobs.items() if state == "RUNNING"]
        if not active:
            break
        array, task = chance.choice(active)
        keys = cluster.keys(array, task)
        what = chance.random()
        if what < 0.7:
            assert not study.done.intersection(keys), "a run is carried out twice"
            study.done.update(keys)
        elif what < 0.85:  # it did not begin its runs
            study.put_off |= dict.fromkeys(keys, chance.choice([0.0, 1.0, 100.0]))
        if what < 0.85:
            study.reconcile(f"{array}_{task}", refuses=what < 0.1)
        else:  # killed: another end, or the job that follows a failed array, reconciles
            cluster.jobs[array, task] = "FAILED"
        alone = not any(state in {"PENDING", "RUNNING"} for (a, _), state in cluster.jobs.items() if a == array)
        if alone and (what > 0.85 or study.refused):
            study.reconcile()
    assert study.done == {one.key for one in items}
    assert limit is None or cluster.most <= limit * (len(set(batches)) if policy == "greedy" else 1)
