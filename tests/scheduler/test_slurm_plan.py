"""What is asked of Slurm so that it carries out the queue: the plan alone, played against a small model of Slurm."""

import random
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iqa_train.scheduler.queue import Item
from iqa_train.scheduler.slurm.plan import Entry, SlurmPlan, answers, plan
from iqa_train.scheduler.slurm.submissions import Submission, new_submission, tasks_now
from iqa_train.slurm.jobs import Job
from tests.scheduler.slurm_model import Cluster, item


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


def test_a_release_or_cancellation_that_the_controller_has_forgotten_is_done_again() -> None:
    one = item("A")
    made = replace(new_submission([(one.key,)], {one.key: 0}, {}, 1, "batches"), job="7")
    held = Job("7", 0, "7", "PENDING", "JobHeldUser", "", None, None, 0, "", "")

    def planned(submission: Submission) -> SlurmPlan:
        return plan([Entry(one, "waiting")], [submission], {made.token: {0: held}})

    assert planned(made) == SlurmPlan()  # its owner holds it
    assert planned(replace(made, released=True)).release == ("7",)
    assert planned(replace(made, cancelled=(0,))).cancel == ("7_0",)


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
