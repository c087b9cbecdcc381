"""The learning rate: what the settings say, and never more."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iqa_train.study.settings import TrainingConfig
from iqa_train.training.schedule import rate_at


def rates(steps: int, **settings: object) -> list[float]:
    config = TrainingConfig(**settings)
    return [rate_at(step, steps, config) for step in range(config.epochs * steps)]


@st.composite
def schedules(draw: st.DrawFn) -> tuple[int, dict[str, object]]:
    lr = draw(st.sampled_from([5e-7, 1e-6, 2e-5, 1e-3, 0.1, 1.0]))
    epochs = draw(st.integers(1, 30))
    settings: dict[str, object] = {
        "lr": lr,
        "epochs": epochs,
        "lr_scheduler": draw(st.sampled_from(["cosine", "step", "none"])),
        "lr_floor": lr * draw(st.sampled_from([0.0, 0.0, 0.01, 0.5, 1.0])),
        "warmup_epochs": draw(st.one_of(st.just(0.0), st.floats(0, 3))),
        "lr_step_epochs": draw(st.integers(1, 10)),
        "lr_step_gamma": draw(st.sampled_from([0.1, 0.5, 1.0])),
    }
    return draw(st.integers(1, 50)), settings


@given(schedules())
def test_between_nothing_and_the_peak_and_falling_after_the_warm_up(
    schedule: tuple[int, dict[str, object]],
) -> None:
    steps, settings = schedule
    lr, got = settings["lr"], rates(steps, **settings)
    assert all(0 <= rate <= lr * (1 + 1e-12) for rate in got)
    warm = round(settings["warmup_epochs"] * steps)
    ramp, rest = got[:warm], got[warm:]
    assert all(a < b for a, b in itertools.pairwise(ramp))
    assert all(b <= a * (1 + 1e-12) for a, b in itertools.pairwise(rest))
    if ramp:
        assert ramp[0] == pytest.approx(lr / (warm + 1))
    if rest and settings["lr_scheduler"] != "step":
        assert rest[0] == pytest.approx(lr, rel=1e-12)


@given(schedules())
def test_a_cosine_ends_at_its_floor(schedule: tuple[int, dict[str, object]]) -> None:
    steps, settings = schedule
    settings |= {"lr_scheduler": "cosine", "warmup_epochs": 0.0}
    lr, floor, got = settings["lr"], settings["lr_floor"], rates(steps, **settings)
    assert all(rate >= floor * (1 - 1e-12) for rate in got)
    steepest = max([a - b for a, b in itertools.pairwise(got)], default=lr)
    assert got[-1] - floor <= steepest + 1e-12 * lr
    assert rate_at(len(got), steps, TrainingConfig(**settings)) == pytest.approx(floor, abs=1e-12 * lr)


def test_the_smallest_peak_in_use_is_not_lifted_by_a_floor() -> None:
    got = rates(100, lr=5e-7, epochs=10)
    assert got[0] == 5e-7
    assert max(got) == 5e-7
    assert got[-1] < 2e-12
    assert got[500] == pytest.approx(2.5e-7)


def test_drops_come_at_the_end_of_their_epochs() -> None:
    got = rates(7, lr=1e-3, epochs=9, lr_scheduler="step", lr_step_epochs=4, lr_step_gamma=0.1)
    by_epoch = [got[7 * k : 7 * k + 7] for k in range(9)]
    assert all(len(set(epoch)) == 1 for epoch in by_epoch)
    assert [epoch[0] for epoch in by_epoch] == pytest.approx([1e-3] * 4 + [1e-4] * 4 + [1e-5])


def test_none_stays_where_it_is() -> None:
    assert set(rates(13, lr=3e-4, epochs=5, lr_scheduler="none")) == {3e-4}


def test_a_warm_up_longer_than_training_only_rises() -> None:
    got = rates(3, lr=1.0, epochs=2, warmup_epochs=4.0)
    assert got == pytest.approx([k / 13 for k in range(1, 7)])
