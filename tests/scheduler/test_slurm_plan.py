"""What is asked of Slurm so that it carries out the queue: the plan alone, played against a small model of Slurm."""

import random
import time
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iqa_train.scheduler.queue import Item
from iqa_train.scheduler.slurm.plan import Entry, SlurmPlan, answers, plan
from iqa_train.scheduler.slurm.submissions import Submission, new_submission, tasks_now
from iqa_train.slurm.jobs import Job


def item(name: str, batch: int = 1, **options: object) -> Item:
    return Item(f"study/{name}/s1-0123456789", name, 1, batch=batch, slurm=dict(options))


class Cluster:
    """What squeue would list of the arrays that were submitted; runs start as dependencies and limits allow."""

    def __init__(self) -> None:
        self.submissions: list[Submission] = []
        self.jobs: dict[tuple[str, int], str] = {}  # (array, task) -> state
        self.held: set[str] = set()
        self.at_once: dict[str, int | None] = {}
        self.after: dict[str, tuple[str, ...]] = {}
        self.ran: list[str] = []
        self.most = 0

    def listed(self) -> Mapping[str, Mapping[int, Job]]:
        by_number = {one.job: one for one in self.submissions}
        jobs = [
            Job(array, task, array, state, "", "", None, None, 0, "", f"iqa-train:{by_number[array].token}")
            for (array, task), state in self.jobs.items()
            if array in by_number
        ]
        return tasks_now(self.submissions, jobs)

    def follow(self, planned: SlurmPlan, items: Mapping[str, Item], policy: str) -> None:
        for name in planned.cancel:
            array, _, task = name.partition("_")
            assert self.jobs[array, int(task)] == "PENDING"
            self.jobs[array, int(task)] = "CANCELLED"
        self.held |= set(planned.hold)
        self.held -= set(planned.release)
        self.at_once |= planned.throttles
        numbers: list[str] = []
        for order in planned.submit:
            number = str(len(self.at_once) + 1)
            keys = [key for task in order.tasks for key in task]
            made = new_submission(
                order.tasks, {key: items[key].after for key in keys}, items[keys[0]].slurm or {}, order.batch, policy
            )
            self.submissions.append(Submission(**{**vars(made), "job": number}))
            self.at_once[number] = order.at_once
            if order.at_once == 0:
                self.held.add(number)
            self.after[number] = (*order.after, *(numbers[k] for k in order.after_orders))
            numbers.append(number)
            for array in planned.depend:
                if next(one.batch for one in self.submissions if one.job == array) > order.batch:
                    self.after[array] = (*self.after[array], number)
            self.jobs |= dict.fromkeys(((number, k) for k in range(len(order.tasks))), "PENDING")
        self.submissions = [
            Submission(**{**vars(one), "held": one.job in self.held, "at_once": self.at_once[one.job]})
            for one in self.submissions
            if one not in planned.over
        ]

    def start(self) -> None:
        for array, task in list(self.jobs):
            running = sum(state == "RUNNING" for (other, _), state in self.jobs.items() if other == array)
            open_before = any(
                state in {"PENDING", "RUNNING"} for (other, _), state in self.jobs.items() if other in self.after[array]
            )
            limit = self.at_once[array]
            free = limit is None or running < limit
            if self.jobs[array, task] == "PENDING" and array not in self.held and free and not open_before:
                self.jobs[array, task] = "RUNNING"
        self.most = max(self.most, sum(state == "RUNNING" for state in self.jobs.values()))

    def keys(self, array: str, task: int) -> tuple[str, ...]:
        return next(one.tasks[task] for one in self.submissions if one.job == array)


def carry_out(items: list[Item], policy: str, seed: int, changes: bool = False) -> Cluster:
    """Play until all has run, with the jobs ending in any order; `changes` moves and pauses meanwhile."""
    cluster, done, chance = Cluster(), set[str](), random.Random(seed)
    paused = False
    for _ in range(40 * len(items) + 40):
        if changes and chance.random() < 0.3:
            paused = not paused and chance.random() < 0.3
            chance.shuffle(items) if policy == "greedy" and chance.random() < 0.2 else None
        running = {k for (a, t), s in cluster.jobs.items() if s == "RUNNING" for k in cluster.keys(a, t)}
        entries = [
            Entry(i, "settled" if i.key in done else "running" if i.key in running else "waiting") for i in items
        ]
        planned = plan(entries, cluster.submissions, cluster.listed(), policy=policy, paused=paused)
        cluster.follow(planned, {i.key: i for i in items}, policy)
        cluster.start()
        active = [place for place, state in cluster.jobs.items() if state == "RUNNING"]
        if active:
            array, task = chance.choice(active)
            for key in cluster.keys(array, task):
                assert key not in done, "a run is carried out twice"
                batch = next(i.batch for i in items if i.key == key)
                if policy == "batches":
                    assert all(i.key in done for i in items if i.batch < batch), "a batch began before its turn"
                done.add(key)
                cluster.ran.append(key)
            cluster.jobs[array, task] = "COMPLETED"
        elif len(done) == len(items):
            break
    assert done == {i.key for i in items}
    return cluster


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 3), min_size=1, max_size=12),
    st.sampled_from(["batches", "greedy"]),
    st.sampled_from([None, 1, 2, 3]),
    st.sampled_from([None, 1, 2, 5]),
    st.booleans(),
    st.integers(0, 1000),
)
def test_everything_runs_once_in_its_turn_and_within_the_limit(
    batches: list[int], policy: str, limit: int | None, per_job: int | None, changes: bool, seed: int
) -> None:
    """Also with two kinds of options, which are two arrays that share the limit; and with changes meanwhile."""
    chance = random.Random(seed)
    options = {"array_limit": limit, "runs_per_job": per_job}
    items = [item(f"E{k}", b, **options, cpus=chance.choice([1, 2])) for k, b in enumerate(sorted(batches))]
    cluster = carry_out(items, policy, seed, changes)
    if limit is not None:
        assert cluster.most <= limit


def test_a_batch_depends_on_the_one_before() -> None:
    items = [item("A"), item("B"), item("C", 2)]
    planned = plan([Entry(i, "waiting") for i in items], [], {})
    assert [order.batch for order in planned.submit] == [1, 2]
    assert planned.submit[0].tasks == (((items[0].key,)), (items[1].key,))
    assert planned.submit[1].after_orders == (0,)


def test_a_batch_after_a_local_one_waits_for_it() -> None:
    local = Item("study/L/s1-0123456789", "L", 1, batch=1)
    after = item("A", 2)
    planned = plan([Entry(local, "running"), Entry(after, "waiting")], [], {})
    assert planned.submit == ()
    assert planned.waits[after.key] == "waiting for batch 1"


def test_a_moved_run_is_submitted_before_those_that_it_passed() -> None:
    """What is running and what comes before it stay."""
    items = [item(name) for name in "ABCDE"]
    cluster = Cluster()
    cluster.follow(
        plan([Entry(i, "waiting") for i in items], [], {}, policy="greedy"), {i.key: i for i in items}, "greedy"
    )
    moved = [items[0], items[3], items[1], items[2], items[4]]
    planned = plan([Entry(i, "waiting") for i in moved], cluster.submissions, cluster.listed(), policy="greedy")
    assert planned.cancel == ("1_1", "1_2", "1_4")


def test_a_retried_run_does_not_have_the_others_cancelled() -> None:
    items = [item(name) for name in "ABC"]
    cluster = Cluster()
    cluster.follow(
        plan([Entry(i, "waiting") for i in items], [], {}, policy="greedy"), {i.key: i for i in items}, "greedy"
    )
    cluster.jobs["1", 0] = "FAILED"
    entries = [Entry(items[0], "waiting", tried=True), *(Entry(i, "waiting") for i in items[1:])]
    planned = plan(entries, cluster.submissions, cluster.listed(), policy="greedy")
    assert planned.cancel == ()
    assert [order.tasks for order in planned.submit] == [((items[0].key,),)]
    cluster.follow(planned, {i.key: i for i in items}, "greedy")
    assert plan(entries, cluster.submissions, cluster.listed(), policy="greedy").cancel == ()


def test_a_submission_under_way_is_not_repeated() -> None:
    one = item("A")
    made = new_submission([(one.key,)], {one.key: 0}, {}, 1, "batches")
    planned = plan([Entry(one, "waiting")], [made], tasks_now([made], []))
    assert planned.submit == ()
    assert answers([one], [made], tasks_now([made], []))[one.key].kind == "waiting"


def test_a_run_that_left_the_queue_is_cancelled_while_it_waits() -> None:
    items = [item("A"), item("B")]
    cluster = Cluster()
    cluster.follow(plan([Entry(i, "waiting") for i in items], [], {}), {i.key: i for i in items}, "batches")
    cluster.jobs["1", 0] = "RUNNING"
    planned = plan([], cluster.submissions, cluster.listed())
    assert planned.cancel == ("1_1",)


def test_what_waits_is_submitted_again_with_the_options_of_a_repeated_start_and_what_runs_is_left() -> None:
    before, after = ([item(name, time=time_) for name in "ABC"] for time_ in ("60", "10"))
    cluster = Cluster()
    cluster.follow(plan([Entry(i, "waiting") for i in before], [], {}), {i.key: i for i in before}, "batches")
    cluster.jobs["1", 0] = "RUNNING"
    items = [before[0], *after[1:]]  # a run that is alive is not queued again
    entries = [Entry(items[0], "running"), *(Entry(i, "waiting") for i in items[1:])]
    planned = plan(entries, cluster.submissions, cluster.listed())
    assert planned.cancel == ("1_1", "1_2")
    cluster.follow(planned, {i.key: i for i in items}, "batches")
    planned = plan(entries, cluster.submissions, cluster.listed())
    assert [order.tasks for order in planned.submit] == [((items[1].key,), (items[2].key,))]
    cluster.follow(planned, {i.key: i for i in items}, "batches")
    assert cluster.submissions[-1].options == {"time": "10"}
    assert plan(entries, cluster.submissions, cluster.listed()) == SlurmPlan(waits={})


@pytest.mark.slow
def test_ten_thousand_runs_are_planned_in_time() -> None:
    """A guard against squares; benchmarks/bench_slurm_plan.py has the figure."""
    items = [item(f"E{k}", cpus=1) for k in range(10_000)]
    cluster = Cluster()
    cluster.follow(plan([Entry(i, "waiting") for i in items], [], {}), {i.key: i for i in items}, "batches")
    assert len(cluster.submissions) == 10
    began = time.monotonic()
    planned = plan([Entry(i, "waiting") for i in items], cluster.submissions, cluster.listed())
    assert (planned.cancel, planned.submit) == ((), ())
    assert time.monotonic() - began < 20
