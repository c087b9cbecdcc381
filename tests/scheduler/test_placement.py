"""Who starts where, who waits and why, and when everything will be done."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iqa_train.devices.inventory import Device
from iqa_train.scheduler.forecast import forecast
from iqa_train.scheduler.item_status import Phase
from iqa_train.scheduler.placement import DeviceSlots, Plan, QueueEntry, plan
from iqa_train.scheduler.queue import POLICIES, Item
from iqa_train.study.load import load_study

GIB = 1 << 30
MINUTE = 60.0


def item(experiment: str, batch: int = 1, **fields: object) -> Item:
    return Item(f"study/{experiment}/s42-0123456789", experiment, 42, batch=batch, **fields)  # type: ignore[arg-type]


def gpu(index: int, *, total: int | None = 80, lost: bool = False, **fields: object) -> DeviceSlots:
    """A GPU of `total` GiB that nobody uses, unless `fields` of the place say otherwise."""
    memory = None if total is None else total * GIB
    device = Device("gpu", index, f"GPU-{index}", "NVIDIA H100", memory_total=memory, lost=lost)
    return replace(DeviceSlots(device, others_gib=0.0), **fields)  # type: ignore[arg-type]


def waiting(*items: Item) -> list[QueueEntry]:
    return [QueueEntry(each, "waiting") for each in items]


def started(made: Plan) -> list[tuple[str, int]]:
    return [(start.item.experiment, start.device.index) for start in made.starts]


def waits(made: Plan) -> dict[str, str]:
    return {key.split("/")[1]: why for key, why in made.waits.items()}


def seeds_queue() -> list[Item]:
    study = load_study(Path(__file__).parents[2] / "experiments.toml")
    return [
        item(experiment, number, batch_name=batch.name, gpu=index, minutes=batch.minutes)
        for number, batch in enumerate(study.batches, 1)
        for index, experiment in batch.gpus.items()
    ]


def minutes_of(items: Sequence[Item]) -> dict[str, float]:
    return {each.key: (each.minutes or 0) * MINUTE for each in items}


def test_the_seeds_five_experiments_take_an_hour_on_two_gpus() -> None:
    items = seeds_queue()
    ahead = forecast(waiting(*items), [gpu(0), gpu(1)], minutes_of(items), policy="batches")
    starts = {each.experiment: ahead.starts[each.key] / MINUTE for each in items}
    assert starts == {"Baseline": 0, "A1": 0, "A2": 20, "B1": 20, "B2": 40}
    assert (ahead.seconds / MINUTE, ahead.complete) == (60, True)
    greedy = forecast(waiting(*items), [gpu(0), gpu(1)], minutes_of(items), policy="greedy")
    assert greedy.seconds / MINUTE == 60


def test_the_seeds_batches_one_after_another() -> None:
    items, places = seeds_queue(), [gpu(0), gpu(1)]
    stands: dict[str, Phase] = {each.experiment: "waiting" for each in items}

    def now() -> Plan:
        room = [replace(p, room=0 if any(on.get(k) == p.device.index for k in running()) else 1) for p in places]
        return plan([QueueEntry(each, stands[each.experiment]) for each in items], room)

    def running() -> list[str]:
        return [name for name, phase in stands.items() if phase == "running"]

    on: dict[str, int] = {}
    for batch in (["Baseline", "A1"], ["A2", "B1"], ["B2"]):
        made = now()
        assert started(made) == list(zip(batch, (0, 1), strict=False))
        on |= dict(started(made))
        stands |= dict.fromkeys(batch, "running")
        for name in batch:
            assert now().starts == ()  # not even on the GPU that is free by now
            stands[name] = "settled"
    assert now() == Plan()


batches_of_minutes = st.lists(st.lists(st.integers(1, 90), min_size=1, max_size=4), min_size=1, max_size=6)


@given(batches_of_minutes, st.data())
def test_greedy_never_takes_longer_than_batches(batches: list[list[int]], data: st.DataObject) -> None:
    """With at least as many devices as the widest batch has runs."""
    devices = data.draw(st.integers(max(map(len, batches)), 6))
    items = [
        item(f"E{number}.{k}", number, gpu=data.draw(st.none() | st.just(k)), minutes=minutes)
        for number, batch in enumerate(batches, 1)
        for k, minutes in enumerate(batch)
    ]
    ahead = {
        policy: forecast(waiting(*items), [gpu(k) for k in range(devices)], minutes_of(items), policy=policy)
        for policy in POLICIES
    }
    assert ahead["greedy"].seconds <= ahead["batches"].seconds
    if all(each.gpu is not None for each in items):
        assert ahead["batches"].seconds == sum(map(max, batches)) * MINUTE
    for each in ahead.values():
        assert each.complete
        assert each.ends.keys() == {i.key for i in items}
        for now in each.starts.values():
            assert sum(each.starts[key] <= now < each.ends[key] for key in each.starts) <= devices
    of = {number: [i.key for i in items if i.batch == number] for number in range(1, len(batches) + 1)}
    starts, ends = ahead["batches"].starts, ahead["batches"].ends
    for number in range(1, len(batches)):
        assert max(ends[key] for key in of[number]) <= min(starts[key] for key in of[number + 1])


@st.composite
def a_situation(draw: st.DrawFn) -> tuple[list[QueueEntry], list[DeviceSlots]]:
    items = [
        item(
            f"E{k}", draw(st.integers(1, 3)), gpu=draw(st.none() | st.integers(0, 4)), pinned=draw(st.booleans()),
            memory_gib=draw(st.sampled_from([0.0, 0.0, 8.0, 30.0, 79.5, 100.0])),
        )
        for k in range(draw(st.integers(0, 8)))
    ]  # fmt: skip
    places = [
        gpu(
            index, total=draw(st.sampled_from([80, 80, None])), lost=draw(st.integers(0, 4)) == 0,
            room=draw(st.integers(0, 3)), ours_gib=draw(st.sampled_from([0.0, 8.0])),
            others_gib=draw(st.none() | st.sampled_from([0.0, 0.4, 30.0, 71.0])),
        )
        for index in draw(st.lists(st.integers(0, 4), unique=True, max_size=4))
    ]  # fmt: skip
    stands: st.SearchStrategy[Phase] = st.sampled_from(["waiting", "waiting", "running", "settled"])
    return [QueueEntry(replace(i, pinned=i.pinned and i.gpu is not None), draw(stands)) for i in items], places


@settings(max_examples=300)
@given(a_situation(), st.sampled_from(POLICIES))
def test_no_device_is_given_more_than_it_has_room_for(
    situation: tuple[list[QueueEntry], list[DeviceSlots]], policy: str
) -> None:
    entries, places = situation
    made = plan(entries, places, policy=policy)
    by_key = {place.device.key: place for place in places}
    for key, runs in Counter(start.device.key for start in made.starts).items():
        assert runs <= by_key[key].room
        assert not by_key[key].device.lost
    for start in made.starts:
        assert not start.item.pinned or start.device.index == start.item.gpu
    on: dict[str, float] = {}
    for start in made.starts:
        place = by_key[start.device.key]
        on[place.device.key] = on.get(place.device.key, place.ours_gib) + start.item.memory_gib
        if start.item.memory_gib and place.total_gib is not None and place.others_gib is not None:
            assert place.others_gib + on[place.device.key] <= place.total_gib
    chosen = [start.item.key for start in made.starts]
    assert sorted([*chosen, *made.waits]) == sorted(e.item.key for e in entries if e.phase == "waiting")
    assert all(made.waits.values())
    if policy == "batches":
        current = min((e.item.batch for e in entries if e.phase != "settled"), default=0)
        assert {start.item.batch for start in made.starts} <= {current}


@given(st.lists(st.integers(0, 2), max_size=5), st.integers(0, 8))
def test_greedy_leaves_no_device_idle(room: list[int], count: int) -> None:
    runs = [item(f"E{k}", batch=k) for k in range(count)]
    made = plan(waiting(*runs), [gpu(k, room=r) for k, r in enumerate(room)], policy="greedy")
    assert [start.item for start in made.starts] == runs[: sum(room)]


def test_a_paused_queue_starts_nothing() -> None:
    made = plan([QueueEntry(item("A1"), "running"), *waiting(item("A2"))], [gpu(0), gpu(1)], paused=True)
    assert (made.starts, waits(made)) == ((), {"A2": "the queue is paused"})


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Batch 1", "batch 1"),
        ("", "the runs with seed 42 that were queued before"),
        ("Widths", 'batch "Widths"'),
        ("batch of widths", "batch of widths"),
    ],
)
def test_a_later_batch_waits_for_the_one_before(name: str, words: str) -> None:
    first, later = item("A1", batch_name=name), item("A2", 2, batch_name="Batch 2")
    made = plan([QueueEntry(first, "running"), *waiting(later)], [gpu(0), gpu(1)])
    assert waits(made) == {"A2": f"waiting for {words}"}


def test_a_failed_batch_does_not_block_the_next() -> None:
    first, later = item("A1"), item("A2", 2)
    assert started(plan([QueueEntry(first, "settled"), *waiting(later)], [gpu(0)])) == [("A2", 0)]


def test_a_leased_gpu_is_named_with_its_holder() -> None:
    taken = gpu(1, room=0, holders=("A1",))
    assert waits(plan(waiting(item("B1", gpu=1)), [gpu(0), taken])) == {"B1": "waiting for GPU 1 (leased by A1)"}
    made = plan(waiting(item("B1")), [gpu(0, room=0, holders=("Baseline",)), taken], policy="greedy")
    assert waits(made) == {"B1": "waiting for GPU 0 (leased by Baseline) or GPU 1 (leased by A1)"}
    made = plan(waiting(item("B1", gpu=1), item("B2", gpu=1)), [gpu(0), gpu(1)])
    assert waits(made) == {"B2": "waiting for GPU 1 (leased by B1)"}
    unsigned = plan(waiting(item("B1")), [gpu(1, room=0)])
    assert waits(unsigned) == {"B1": "waiting for GPU 1 (leased by another run)"}


def test_memory_that_others_use_is_waited_for() -> None:
    full = gpu(0, others_gib=71.3)
    assert waits(plan(waiting(item("A1")), [full])) == {
        "A1": "waiting for memory on GPU 0: 71 of 80 GiB in use by others"
    }
    assert started(plan(waiting(item("A1")), [full, gpu(1)], policy="greedy")) == [("A1", 1)]
    assert started(plan(waiting(item("A1", memory_gib=8)), [full])) == [("A1", 0)]  # it says that it needs no more
    made = plan(waiting(item("A1", memory_gib=12)), [full])
    assert waits(made) == {"A1": "waiting for memory on GPU 0: 71 of 80 GiB in use by others, 12 GiB needed"}
    half = plan(waiting(item("A1")), [gpu(0, others_gib=40)])
    assert started(half) == [("A1", 0)]
    unknown = plan(waiting(item("A1")), [gpu(0, total=None, others_gib=71)])
    assert started(unknown) == [("A1", 0)]


def test_runs_share_a_gpu_as_far_as_their_memory_goes() -> None:
    three = [item(name, memory_gib=30) for name in ("A1", "A2", "B1")]
    made = plan(waiting(*three), [gpu(0, room=3, others_gib=10)])
    assert started(made) == [("A1", 0), ("A2", 0)]
    assert waits(made) == {
        "B1": "waiting for memory on GPU 0: 10 of 80 GiB in use by others and 60 by ours, 30 GiB needed"
    }
    made = plan([QueueEntry(three[0], "running"), *waiting(*three[1:])], [gpu(0, room=2, others_gib=10, ours_gib=30)])
    assert started(made) == [("A2", 0)]
    assert started(plan(waiting(*three), [gpu(0, room=2)])) == [("A1", 0), ("A2", 0)]


def test_runs_spread_over_the_gpus_before_they_share_one() -> None:
    places = [gpu(0, room=2), gpu(1, room=2)]
    made = plan(waiting(*(item(name) for name in ("A1", "A2", "B1", "B2"))), places, policy="greedy")
    assert Counter(start.device.index for start in made.starts[:2]) == {0: 1, 1: 1}
    assert Counter(start.device.index for start in made.starts) == {0: 2, 1: 2}


def test_declared_memory_counts_where_use_by_others_is_unknown() -> None:
    two = [item(name, memory_gib=50) for name in ("A1", "A2")]
    made = plan(waiting(*two), [gpu(0, room=2, others_gib=None)])
    assert started(made) == [("A1", 0)]
    assert "memory on GPU 0" in waits(made)["A2"]


def test_a_pinned_run_has_its_gpu_or_waits() -> None:
    pinned = item("A1", gpu=1, pinned=True)
    for policy in POLICIES:
        assert started(plan(waiting(pinned), [gpu(0), gpu(1)], policy=policy)) == [("A1", 1)]
        made = plan(waiting(pinned), [gpu(0), gpu(1, room=0, holders=("B2",))], policy=policy)
        assert waits(made) == {"A1": "waiting for GPU 1 (leased by B2)"}
        made = plan(waiting(pinned), [gpu(0)], policy=policy)
        assert waits(made) == {"A1": "waiting for GPU 1, which is not there"}
    assert started(plan(waiting(item("A1", gpu=1)), [gpu(0), gpu(1)], policy="greedy")) == [("A1", 0)]


def test_a_gpu_that_is_not_there_is_replaced_by_one_that_is() -> None:
    two = waiting(item("Baseline", gpu=0), item("A1", gpu=1))
    assert started(plan(two, [gpu(2), gpu(3)])) == [("Baseline", 2), ("A1", 3)]
    made = plan(two, [gpu(0)])
    assert started(made) == [("Baseline", 0)]
    assert waits(made) == {"A1": "waiting for GPU 0 (leased by Baseline)"}
    slot = DeviceSlots(Device("cpu", 0, "cpu-0", "CPU"))
    assert waits(plan(two, [slot])) == {"A1": "waiting for CPU slot 0 (leased by Baseline)"}
    assert waits(plan(two, [])) == dict.fromkeys(("Baseline", "A1"), "there is no device")


@pytest.mark.parametrize("gpus", [(0, 2), (2, 0), (1, 2), (2, 1), (3, 5)])
def test_a_batch_does_not_queue_for_one_gpu_while_another_is_idle(gpus: tuple[int, int]) -> None:
    made = plan(waiting(item("A1", gpu=gpus[0]), item("A2", gpu=gpus[1])), [gpu(0), gpu(1)])
    assert len(made.starts) == 2


def test_a_lost_gpu_gets_nothing() -> None:
    two = waiting(item("Baseline", gpu=0), item("A1", gpu=1))
    for policy in POLICIES:
        made = plan(two, [gpu(0, lost=True), gpu(1)], policy=policy)
        assert len(made.starts) == 1
        assert made.starts[0].device.index == 1
    made = plan(waiting(item("A1", gpu=0, pinned=True), item("A2")), [gpu(0, lost=True), gpu(1)])
    assert started(made) == [("A2", 1)]
    assert waits(made) == {"A1": "waiting for GPU 0, which the driver has lost"}
    assert waits(plan(two[:1], [gpu(0, lost=True)])) == {"Baseline": "waiting for GPU 0, which the driver has lost"}


def test_a_forecast_starts_from_what_runs_already() -> None:
    a1, a2, b1 = item("A1"), item("A2"), item("B1", 2)
    entries = [QueueEntry(a1, "running"), *waiting(a2, b1), QueueEntry(item("B2"), "settled")]
    seconds = {a1.key: 5.0, a2.key: 20.0, b1.key: 20.0}
    ahead = forecast(entries, [gpu(0, room=0)], seconds, policy="batches", running_on={a1.key: "GPU-0"})
    assert (ahead.starts, ahead.complete) == ({a1.key: 0.0, a2.key: 5.0, b1.key: 25.0}, True)
    assert ahead.ends == {a1.key: 5.0, a2.key: 25.0, b1.key: 45.0}


def test_a_forecast_leaves_out_what_cannot_start() -> None:
    a1, a2 = item("A1"), item("A2", gpu=3, pinned=True)
    ahead = forecast(waiting(a1, a2), [gpu(0)], {a1.key: 60.0, a2.key: 60.0}, policy="greedy")
    assert (ahead.ends, ahead.complete) == ({a1.key: 60.0}, False)
    assert forecast([], [], {}, policy="batches").seconds == 0


def test_a_forecast_minds_declared_memory() -> None:
    two = [item(name, memory_gib=50) for name in ("A1", "A2")]
    ahead = forecast(waiting(*two), [gpu(0, room=2)], {i.key: 60.0 for i in two}, policy="greedy")
    assert ahead.seconds == 120
