"""[local] in placement: never more GPUs, no other GPU and no other hour than it says; and why a run waits."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from iqa_train.devices.inventory import Device
from iqa_train.scheduler.forecast import forecast
from iqa_train.scheduler.item_status import Phase
from iqa_train.scheduler.placement import DeviceSlots, Plan, QueueEntry, plan
from iqa_train.scheduler.queue import POLICIES, Item
from iqa_train.scheduler.visits import WAIT, Visits
from iqa_train.study.manners import Manners
from tests.scheduler.test_placement import gpu, item, started, waiting, waits

NIGHT = ("22:00-07:00",)
EVENING, MORNING = datetime(2026, 11, 30, 23).timestamp(), datetime(2026, 12, 1, 7).timestamp()


def polite(experiment: str, batch: int = 1, *, gpu: int | None = None, pinned: bool = False, **manners: object) -> Item:
    return item(experiment, batch, gpu=gpu, pinned=pinned, local=Manners(**manners))  # type: ignore[arg-type]


@st.composite
def _manners(draw: st.DrawFn) -> Manners:
    return Manners(
        gpu_order=tuple(draw(st.lists(st.integers(0, 4), unique=True, max_size=3))),
        max_gpus=draw(st.none() | st.integers(1, 3)),
        quiet_hours=draw(st.sampled_from([(), NIGHT, ("08:00-12:00", "Sat,Sun 00:00-24:00")])),
        yield_to_others=draw(st.booleans()),
    )


@st.composite
def _a_queue(draw: st.DrawFn) -> list[Item]:
    items = []
    for k in range(draw(st.integers(1, 9))):
        number = draw(st.none() | st.integers(0, 4))
        pinned = number is not None and draw(st.integers(0, 3)) == 0
        items.append(item(f"E{k}", draw(st.integers(1, 3)), gpu=number, pinned=pinned, local=draw(_manners())))
    return items


def _is_quiet(hours: Sequence[str], at: float) -> bool:
    shown = datetime.fromtimestamp(at)
    if not hours:
        return False
    if hours == NIGHT:
        return not 7 <= shown.hour < 22
    return 8 <= shown.hour < 12 or shown.weekday() >= 5


@settings(max_examples=100, deadline=None)
@given(_a_queue(), st.sampled_from(POLICIES), st.integers(1, 2), st.data())
def test_a_queue_is_worked_off_within_its_manners(
    items: list[Item], policy: str, each: int, data: st.DataObject
) -> None:
    """Played over days: starts as planned, ends at random, and our other runs and other users come and go."""
    phases: dict[str, Phase] = {i.key: "waiting" for i in items}
    on: dict[str, int] = {}
    clock = EVENING
    for _ in range(12):
        clock += data.draw(st.integers(0, 9 * 3600))
        places = []
        for index in range(4):
            mine = sum(on.get(i.key) == index and phases[i.key] == "running" for i in items)
            elsewhere = data.draw(st.integers(0, 5)) == 0
            others = "alice (process 7)" if data.draw(st.integers(0, 3)) == 0 else ""
            places.append(gpu(index, room=max(0, each - mine - elsewhere), ours=bool(mine or elsewhere), others=others))
        made = plan([QueueEntry(i, phases[i.key]) for i in items], places, policy=policy, now=clock)
        used = {p.device.index for p in places if p.ours}
        for start in made.starts:
            manners, index = start.item.local, start.device.index
            assert index in used or manners.max_gpus is None or len(used) < manners.max_gpus
            used.add(index)
            assert start.item.pinned or not manners.gpu_order or index in manners.gpu_order
            assert not _is_quiet(manners.quiet_hours, clock)
            assert not (manners.yield_to_others and places[index].others)
            phases[start.item.key], on[start.item.key] = "running", index
        left = [i.key for i in items if phases[i.key] == "waiting"]
        assert sorted(made.waits) == sorted(left)
        assert all(made.waits.values())
        for i in items:
            if phases[i.key] == "running" and data.draw(st.integers(0, 2)) == 0:
                phases[i.key] = "settled"


@settings(max_examples=50, deadline=None)
@given(_a_queue(), st.sampled_from(POLICIES), st.integers(0, 7 * 24), st.integers(1, 2))
def test_a_forecast_keeps_to_them(items: list[Item], policy: str, hour: int, each: int) -> None:
    clock = EVENING + 3600 * hour
    places = [gpu(k, room=each) for k in range(4)]
    seconds = {i.key: 3600.0 * (1 + k % 3) for k, i in enumerate(items)}
    ahead = forecast([QueueEntry(i, "waiting") for i in items], places, seconds, policy=policy, clock=clock)
    assert ahead.complete == (ahead.starts.keys() == seconds.keys())
    for i in items:
        if i.key in ahead.starts:
            assert not _is_quiet(i.local.quiet_hours, clock + ahead.starts[i.key])
    free = [i for i in items if not i.pinned and (not i.local.gpu_order or set(i.local.gpu_order) & {0, 1, 2, 3})]
    if len(free) == len(items):
        assert ahead.complete


def test_the_order_is_one_of_preference_and_a_limit() -> None:
    three = waiting(*(polite(name, gpu_order=(2, 0)) for name in ("A1", "A2", "B1")))
    made = plan(three, [gpu(k) for k in range(4)], policy="greedy")
    assert started(made) == [("A1", 2), ("A2", 0)]
    assert waits(made) == {"B1": "waiting for GPU 2 (leased by A1) or GPU 0 (leased by A2)"}
    made = plan(waiting(polite("A1", gpu_order=(5, 6))), [gpu(0)])
    assert waits(made) == {"A1": "waiting for GPU 5 or GPU 6 (gpu_order), which is not there"}
    slot = DeviceSlots(Device("cpu", 0, "cpu-0", "CPU"))
    assert started(plan(waiting(polite("A1", gpu_order=(5,), max_gpus=1)), [slot])) == [("A1", 0)]


def test_a_batch_names_a_gpu_that_is_not_in_the_order() -> None:
    two = waiting(polite("Baseline", gpu=0, gpu_order=(2, 3)), polite("A1", gpu=3, gpu_order=(2, 3)))
    assert started(plan(two, [gpu(k) for k in range(4)])) == [("Baseline", 2), ("A1", 3)]


def test_a_gpu_that_was_asked_for_by_number_is_used_whatever_the_order() -> None:
    pinned = polite("A1", gpu=1, pinned=True, gpu_order=(0,))
    assert started(plan(waiting(pinned), [gpu(0), gpu(1)])) == [("A1", 1)]


def test_runs_spread_in_the_order() -> None:
    four = waiting(*(polite(name, gpu_order=(1, 0)) for name in ("A1", "A2", "B1", "B2")))
    made = plan(four, [gpu(0, room=2), gpu(1, room=2)], policy="greedy")
    assert [index for _, index in started(made)] == [1, 0, 1, 0]


def test_at_most_so_many_gpus() -> None:
    two = waiting(polite("A1", max_gpus=1), polite("A2", max_gpus=1))
    made = plan(two, [gpu(0), gpu(1)], policy="greedy")
    assert started(made) == [("A1", 0)]
    assert waits(made) == {"A2": "max_gpus = 1 is in use; waiting for GPU 0 (leased by A1)"}
    elsewhere = gpu(1, room=0, ours=True, shown_by=frozenset())
    assert waits(plan(two[:1], [gpu(0), elsewhere])) == {"A1": "max_gpus = 1 is in use"}
    shared = plan(two, [gpu(0, room=2), gpu(1, room=2)], policy="greedy")
    assert started(shared) == [("A1", 0), ("A2", 0)]


def test_two_studies_with_different_manners_in_one_queue() -> None:
    mixed = waiting(polite("A1", max_gpus=1, quiet_hours=NIGHT), item("B1"), polite("A2", max_gpus=2))
    made = plan(mixed, [gpu(k) for k in range(3)], policy="greedy", now=EVENING)
    assert started(made) == [("B1", 0), ("A2", 1)]
    assert waits(made) == {"A1": "quiet hours until 07:00"}
    made = plan(mixed, [gpu(k) for k in range(3)], policy="greedy", now=MORNING)
    assert started(made) == [("A1", 0), ("B1", 1)]
    assert waits(made)["A2"].startswith("max_gpus = 2 is in use; waiting for GPU 0 (leased by A1) or GPU 1")


def test_a_gpu_that_another_user_is_on() -> None:
    taken = gpu(0, others="alice (process 123)")
    made = plan(waiting(polite("A1", yield_to_others=True), item("A2")), [taken], policy="greedy")
    assert started(made) == [("A2", 0)]  # it does not mind
    assert waits(made) == {"A1": "waiting for GPU 0, used by alice (process 123)"}
    made = plan(waiting(polite("A1", yield_to_others=True)), [taken, gpu(1)])
    assert started(made) == [("A1", 1)]
    two = waiting(polite("A1", gpu=0, yield_to_others=True), polite("A2", gpu=1, yield_to_others=True))
    assert started(plan(two, [taken, gpu(1), gpu(2)])) == [("A1", 2), ("A2", 1)]  # a batch's GPU, too, is given up
    assert started(plan(two, [taken, gpu(1)])) == [("A1", 1)]


def test_a_forecast_waits_for_the_morning() -> None:
    first, second = polite("A1", quiet_hours=NIGHT), item("A2", 2)
    ahead = forecast(
        waiting(first, second), [gpu(0)], {first.key: 3600.0, second.key: 60.0}, policy="batches", clock=EVENING
    )
    assert round(ahead.ends[first.key]) == 9 * 3600
    assert round(ahead.seconds) == 9 * 3600 + 60
    assert ahead.complete


def test_a_forecast_of_what_can_never_start_ends() -> None:
    two = [
        polite("A1", gpu=7, pinned=True, quiet_hours=NIGHT),
        polite("A2", gpu=7, pinned=True, quiet_hours=("07:00-22:00",)),
    ]
    ahead = forecast(waiting(*two), [gpu(0)], {}, policy="greedy", clock=EVENING)
    assert (ahead.complete, ahead.ends) == (False, {})


def test_a_forecast_counts_gpus() -> None:
    two = [polite(name, max_gpus=1) for name in ("A1", "A2")]
    ahead = forecast(waiting(*two), [gpu(0), gpu(1)], {i.key: 60.0 for i in two}, policy="greedy", clock=MORNING)
    assert (ahead.seconds, ahead.complete) == (120, True)


def test_who_has_just_left_counts_as_there() -> None:
    now = 0.0
    visits = Visits(lambda: now)

    def seen(others: str) -> str:
        (place,) = visits.kept([gpu(0, others=others)])
        return place.others

    assert seen("") == ""
    assert seen("alice (process 1)") == "alice (process 1)"
    now = WAIT - 1
    assert seen("") == "alice (process 1)"
    now = WAIT
    assert seen("") == ""
    assert replace(gpu(0), others="") == visits.kept([gpu(0)])[0]


def test_a_plan_of_nothing() -> None:
    assert plan([], [gpu(0)], now=EVENING) == Plan()
