"""From the pixel store to the network: in order, mirrored, jittered and normalised as planned."""

import itertools
from collections.abc import Generator

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from iqa_train.datasets.images import crops
from iqa_train.datasets.images.crops import CropPlan, training_crops
from iqa_train.datasets.images.pixel_store import PixelStore, open_store
from iqa_train.datasets.table import ImageTable
from iqa_train.models.network import QualityNetwork
from iqa_train.study.normalisation import IMAGENET, Normalisation
from iqa_train.study.settings import TrainingConfig
from iqa_train.training.batches import batches, color_jitter, prepare
from iqa_train.training.compute_device import ComputeDevice
from iqa_train.training.evaluate import NonFiniteScoreError, predict, score_images

CPU = torch.device("cpu")
DEVICE = ComputeDevice(CPU, bf16=False)
MEAN = torch.tensor([0.485, 0.456, 0.406])
STD = torch.tensor([0.229, 0.224, 0.225])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> PixelStore:
    """Twelve pictures of mixed sizes."""
    root = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    names = tuple(f"{k:02}.png" for k in range(12))
    for k, name in enumerate(names):
        pixels = rng.integers(0, 256, (64 + 3 * k, 80 - k, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / name)
    table = ImageTable("pictures", root, names, np.zeros(12), (0, 1))
    return open_store(table, cache_dir=str(root / "cache"))


@pytest.fixture
def plan(store: PixelStore) -> CropPlan:
    everything = store.pictures(np.arange(12))
    return training_crops(everything, seed=1, epoch=2, per_image=5, side=32, color_jitter=True)


def run(store: PixelStore, plan: CropPlan, workers: int = 0, first: int = 0, size: int = 7) -> list[torch.Tensor]:
    got = list(
        batches(store, plan, side=32, size=size, device=CPU, workers=workers, normalisation=IMAGENET, first=first)
    )
    edges = [*list(range(first * size, len(plan), size)), len(plan)]
    assert [(b.start, b.stop) for b in got] == list(itertools.pairwise(edges))
    return [b.crops for b in got]


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("size", [1, 7, 60, 100])
def test_workers_change_neither_order_nor_content(store: PixelStore, plan: CropPlan, workers: int, size: int) -> None:
    alone, helped = run(store, plan, 0, size=size), run(store, plan, workers, size=size)
    assert all(torch.equal(a, b) for a, b in zip(alone, helped, strict=True))
    assert sum(map(len, alone)) == 60


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("first", [0, 1, 5, 8])
def test_starting_at_a_later_batch_yields_the_same_batches(
    store: PixelStore, plan: CropPlan, workers: int, first: int
) -> None:
    whole, rest = run(store, plan), run(store, plan, workers, first)
    assert all(torch.equal(a, b) for a, b in zip(whole[first:], rest, strict=True))


@pytest.mark.parametrize("workers", [0, 2])
def test_stopping_in_the_middle_leaves_the_store_usable(store: PixelStore, plan: CropPlan, workers: int) -> None:
    ahead = batches(store, plan, side=32, size=7, device=CPU, workers=workers, normalisation=IMAGENET)
    first = next(ahead).crops
    assert isinstance(ahead, Generator)
    ahead.close()
    assert torch.equal(first, run(store, plan)[0])


def test_an_error_in_a_worker_is_raised_where_the_batches_are_used(store: PixelStore, plan: CropPlan) -> None:
    beyond = CropPlan(plan.image + 100, plan.top, plan.left, plan.flip)
    with pytest.raises(IndexError):
        run(store, beyond, workers=2)


@pytest.mark.parametrize("flip", [[False, True, True, False], [False] * 4, [True] * 4])
def test_crops_are_normalised_and_mirrored_with_imagenets_statistics(flip: list[bool]) -> None:
    pixels = torch.randint(0, 256, (4, 32, 32, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    before = pixels.clone()
    zeros = np.zeros(4, np.int64)
    got = prepare(pixels, CropPlan(zeros, zeros, zeros, np.array(flip)), CPU)
    assert got.shape == (4, 3, 32, 32)
    assert got.dtype == torch.float32
    for k in range(4):
        expected = ((pixels[k].double() / 255 - MEAN) / STD).permute(2, 0, 1)
        expected = expected.flip(2) if flip[k] else expected
        assert torch.allclose(got[k].double(), expected, atol=1e-5)
    assert torch.equal(pixels, before)


@pytest.mark.parametrize("jittered", [False, True])
def test_crops_are_normalised_as_the_weights_were_trained(jittered: bool) -> None:
    pixels = torch.randint(0, 256, (4, 32, 32, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    mean, std = torch.tensor([0.5, 0.4, 0.3]), torch.tensor([0.5, 0.25, 0.2])
    zeros, flip = np.zeros(4, np.int64), np.zeros(4, bool)
    plan = CropPlan(zeros, zeros, zeros, flip, np.zeros((4, 4), np.float32) if jittered else None)
    got = prepare(pixels, plan, CPU, Normalisation(mean=(0.5, 0.4, 0.3), std=(0.5, 0.25, 0.2)))
    assert torch.allclose(got, ((pixels / 255 - mean) / std).permute(0, 3, 1, 2), atol=1e-4)


def test_jitter_that_is_zero_changes_nothing() -> None:
    pixels = torch.randint(0, 256, (5, 32, 32, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    zeros = np.zeros(5, np.int64)
    flip = np.array([True, False, True, True, False])
    jittered, plain = (
        prepare(pixels, CropPlan(zeros, zeros, zeros, flip, jitter), CPU)
        for jitter in (np.zeros((5, 4), np.float32), None)
    )
    assert torch.allclose(jittered, plain, atol=1e-4)


def picture() -> torch.Tensor:
    """One crop in gentle colours, away from black and white."""
    return 0.3 + 0.4 * torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def jittered(component: int, amount: float) -> tuple[torch.Tensor, torch.Tensor]:
    jitter = torch.zeros(1, 4)
    jitter[0, component] = amount
    before = picture()
    return before, color_jitter(before.clone(), jitter)


def grey(crops: torch.Tensor) -> torch.Tensor:
    return (crops * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True)


@pytest.mark.parametrize("amount", [-1.0, -0.3, 0.5, 1.0])
def test_each_component_does_what_its_name_says(amount: float) -> None:
    before, brighter = jittered(0, amount)
    assert torch.allclose(brighter, before * (1 + 0.1 * amount), atol=1e-4)
    before, contrasted = jittered(1, amount)
    middle = grey(before).mean()
    assert torch.allclose(contrasted - middle, (before - middle) * (1 + 0.1 * amount), atol=1e-4)
    before, saturated = jittered(2, amount)
    assert torch.allclose(saturated - grey(before), (before - grey(before)) * (1 + 0.1 * amount), atol=1e-4)
    before, turned = jittered(3, amount)
    assert torch.allclose(grey(turned), grey(before), atol=1e-3)  # hue leaves how light it is
    assert not torch.allclose(turned, before, atol=1e-2)
    back = color_jitter(turned.clone(), torch.tensor([[0.0, 0.0, 0.0, -amount]]))
    assert torch.allclose(back, before, atol=1e-3)


def test_each_crop_has_its_own_jitter_and_stays_in_range() -> None:
    generator = torch.Generator().manual_seed(2)
    many = torch.rand(20, 3, 16, 16, generator=generator)
    amounts = 2 * torch.rand(20, 4, generator=generator) - 1
    together = color_jitter(many.clone(), amounts)
    assert together.min() >= 0
    assert together.max() <= 1
    for k in range(20):
        alone = color_jitter(many[k : k + 1].clone(), amounts[k : k + 1])
        assert torch.allclose(alone[0], together[k], atol=1e-5)


def network() -> QualityNetwork:
    settings = TrainingConfig(backbone="demo", weights="none", patch_size=32)
    return QualityNetwork(settings, 1)


@pytest.mark.parametrize("per_image", [1, 3, 17])
def test_a_prediction_is_the_mean_over_single_crops(store: PixelStore, per_image: int) -> None:
    index = np.array([7, 2, 11, 0])
    plan = crops.eval_crops(store.pictures(index), seed=1, per_image=per_image, side=32, random=True)
    model, ticks = network(), []
    got = predict(model, store, plan, side=32, device=DEVICE, workers=2, normalisation=IMAGENET, tick=ticks.append)
    assert got.shape == (4,)
    assert got.dtype == np.float64
    assert ticks[-1] == len(plan)
    assert ticks == sorted(set(ticks))
    assert per_image < 17 or len(ticks) > 1  # in several batches
    model.eval()
    with torch.inference_mode():
        single = [float(model(part)[0]) for part in run(store, plan, size=1)]
    assert got == pytest.approx(np.reshape(single, (4, per_image)).mean(1), rel=1e-4, abs=1e-4)


def test_predicting_leaves_the_network_as_it_was(store: PixelStore) -> None:
    plan = crops.eval_crops(store.pictures(np.arange(3)), seed=1, per_image=2, side=32, random=True)
    model = network().train()
    state = {k: v.clone() for k, v in model.state_dict().items()}
    first, again = (
        predict(model, store, plan, side=32, device=DEVICE, workers=0, normalisation=IMAGENET) for _ in range(2)
    )
    assert np.array_equal(first, again)  # no dropout
    assert model.training
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())  # batch statistics, too


def test_images_are_scored_on_the_crops_that_the_settings_choose(store: PixelStore) -> None:
    config = TrainingConfig(patch_size=32, test_patch_num=3, test_random_crop=True, seed=7, workers=0)
    images, model, ticks = store.pictures(np.array([7, 2, 11, 0])), network(), []
    plan = crops.eval_crops(images, seed=7, per_image=3, side=32, random=True)
    scores = score_images(
        model, store, images, config, DEVICE, normalisation=IMAGENET, tick=lambda *done: ticks.append(done)
    )
    assert np.array_equal(
        scores, predict(model, store, plan, side=32, device=DEVICE, workers=0, normalisation=IMAGENET)
    )
    assert ticks[-1] == (12, 12)


def test_a_network_whose_scores_are_not_finite_is_refused(store: PixelStore) -> None:
    model = network()
    model.hyper.start_at(float("inf"))
    with pytest.raises(NonFiniteScoreError, match="not a finite number"):
        score_images(
            model, store, store.pictures(np.arange(3)), TrainingConfig(patch_size=32), DEVICE, normalisation=IMAGENET
        )


class _StopError(Exception):
    pass


def test_a_stop_in_the_middle_of_an_evaluation_comes_through(store: PixelStore) -> None:
    plan = crops.eval_crops(store.pictures(np.arange(12)), seed=1, per_image=12, side=32, random=True)

    def stop(done: int) -> None:
        raise _StopError(done)

    model: nn.Module = network().train()
    with pytest.raises(_StopError):
        predict(model, store, plan, side=32, device=DEVICE, workers=2, normalisation=IMAGENET, tick=stop)
    assert model.training
