"""The learning rate follows the settings."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from iqa_train.study.settings import TrainingConfig
from iqa_train.training.optimizer import rate_at


def rates(steps: int, ratio: float = 1.0, **settings: object) -> list[float]:
    config = TrainingConfig(**settings)
    return [rate_at(step, steps, config, ratio) for step in range(config.epochs * steps)]


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
        "lr_step": draw(st.sampled_from(["batch", "epoch"])),
        "lr_step_epochs": draw(st.integers(1, 10)),
        "lr_step_gamma": draw(st.sampled_from([0.1, 0.5, 1.0])),
    }
    return draw(st.integers(1, 50)), settings


@given(schedules())
def test_rates_are_within_the_peak_and_fall_after_the_warm_up(
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
    if settings["lr_step"] == "batch":
        assert got[-1] - floor <= steepest + 1e-12 * lr
    assert rate_at(len(got), steps, TrainingConfig(**settings)) == pytest.approx(floor, abs=1e-12 * lr)


def test_a_small_peak_is_not_lifted_by_the_default_floor() -> None:
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


def test_without_a_schedule_the_rate_is_constant() -> None:
    assert set(rates(13, lr=3e-4, epochs=5, lr_scheduler="none")) == {3e-4}


def test_a_warm_up_longer_than_training_only_rises() -> None:
    got = rates(3, lr=1.0, epochs=2, warmup_epochs=4.0)
    assert got == pytest.approx([k / 13 for k in range(1, 7)])


ORIGINAL = {"lr": 5e-7, "lr_ratio": 10.0, "epochs": 10, "lr_floor": 1e-6, "lr_step": "epoch"}


def test_the_original_schedule_raised_the_backbone_while_the_head_fell() -> None:
    head, backbone = (rates(1, ratio, **ORIGINAL) for ratio in (10.0, 1.0))
    assert (head[0], backbone[0]) == (pytest.approx(5e-6), pytest.approx(5e-7))
    assert (head[-1], backbone[-1]) == (pytest.approx(1.0979e-6, rel=1e-4), pytest.approx(9.8776e-7, rel=1e-4))
    assert all(a > b for a, b in itertools.pairwise(head))
    assert all(a < b for a, b in itertools.pairwise(backbone))


@pytest.mark.parametrize(
    ("lr", "ratio", "floor", "epochs"), [(5e-7, 10, 1e-6, 10), (5e-6, 10, 1e-6, 5), (1e-3, 3, 0.0, 7)]
)
@pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler")
def test_a_step_per_epoch_equals_torchs_cosine_annealing(lr: float, ratio: float, floor: float, epochs: int) -> None:
    groups = [{"params": [torch.zeros(1)], "lr": lr}, {"params": [torch.zeros(1)], "lr": lr * ratio}]
    optimizer = torch.optim.SGD(groups, lr=lr)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs, eta_min=floor)
    config = TrainingConfig(lr=lr, lr_ratio=float(ratio), lr_floor=floor, epochs=epochs, lr_step="epoch")
    for epoch in range(epochs):
        for step in (0, 3, 6):
            ours = [rate_at(7 * epoch + step, 7, config, r) for r in (1.0, config.lr_ratio)]
            assert ours == pytest.approx([group["lr"] for group in optimizer.param_groups], rel=1e-9)
        theirs.step()


@given(schedules(), st.sampled_from([0.5, 1.0, 10.0]))
def test_the_floor_is_the_same_for_every_group(schedule: tuple[int, dict[str, object]], ratio: float) -> None:
    steps, settings = schedule
    settings |= {"lr_scheduler": "cosine", "lr_floor": 1e-6, "warmup_epochs": 0.0}
    config = TrainingConfig(**settings)
    assert rate_at(config.epochs * steps, steps, config, ratio) == pytest.approx(1e-6, abs=1e-12)


@given(schedules())
def test_both_step_modes_agree_at_the_start_of_each_epoch(schedule: tuple[int, dict[str, object]]) -> None:
    steps, settings = schedule
    settings |= {"lr_scheduler": "cosine", "warmup_epochs": 0.0}
    by_batch, by_epoch = (rates(steps, **settings | {"lr_step": each}) for each in ("batch", "epoch"))
    assert by_epoch[::steps] == pytest.approx(by_batch[::steps], rel=1e-12)
    assert all(len(set(by_epoch[k : k + steps])) == 1 for k in range(0, len(by_epoch), steps))
