"""Which crops a run sees: the same for every experiment of a seed, all inside their images."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iqa_train.datasets.images import crops
from iqa_train.datasets.images.crops import CropPlan, ImageSizes, training_crops
from iqa_train.datasets.images.philox import image_keys
from iqa_train.study.load import load_study
from iqa_train.study.resolve import resolve

STUDY = Path(__file__).parents[2] / "experiments.toml"


def pictures(sizes: list[tuple[int, int]], names: list[str] | None = None) -> ImageSizes:
    names = names or [f"{k}.jpg" for k in range(len(sizes))]
    height, width = np.array(sizes, np.int64).T
    return ImageSizes(np.arange(len(sizes), dtype=np.int64), image_keys(tuple(names)), height, width)


def plan(
    images: ImageSizes, seed: int = 42, epoch: int = 1, per_image: int = 5, side: int = 32, color_jitter: bool = True
) -> CropPlan:
    return training_crops(images, seed=seed, epoch=epoch, per_image=per_image, side=side, color_jitter=color_jitter)


def same(a: CropPlan, b: CropPlan, *, but: tuple[str, ...] = ()) -> bool:
    return all(np.array_equal(getattr(a, f.name), getattr(b, f.name)) for f in fields(a) if f.name not in but)


IMAGES = pictures([(384, 512), (500, 333), (224, 224), (600, 800), (33, 1000)] * 8)

sizes = st.lists(st.tuples(st.integers(32, 700), st.integers(32, 700)), min_size=1, max_size=12)
seeds = st.integers(0, 2**63 - 1)


def test_experiments_of_one_seed_see_the_same_crops() -> None:
    study = load_study(STUDY)
    for profile in (None, "demo"):
        plans = []
        for experiment in ("Baseline", "A1", "A2"):
            settings = resolve(study, experiment, profile=profile).settings
            plans.append(
                [
                    plan(IMAGES, settings.seed, epoch, settings.train_patch_num, 32, color_jitter=settings.color_jitter)
                    for epoch in (1, 2, 3)
                ]
            )
        for others in plans[1:]:
            assert all(same(a, b) for a, b in zip(plans[0], others, strict=True))


def test_epochs_and_seeds_differ() -> None:
    first = plan(IMAGES)
    for other in (plan(IMAGES, epoch=2), plan(IMAGES, seed=43), plan(IMAGES, seed=42 + 2**32)):
        assert np.mean(first.image == other.image) < 0.2
        ours, theirs = (np.sort(np.stack([p.image, p.top, p.left], 1), 0) for p in (first, other))
        assert not np.array_equal(ours, theirs)


@given(sizes, seeds, st.integers(1, 1000), st.integers(1, 6))
def test_every_crop_is_inside_its_image(sizes: list[tuple[int, int]], seed: int, epoch: int, per_image: int) -> None:
    images = pictures(sizes)
    plans = [
        plan(images, seed, epoch, per_image),
        crops.eval_crops(images, seed=seed, per_image=per_image, side=32, random=True),
        crops.eval_crops(images, seed=seed, per_image=per_image, side=32, random=False),
    ]
    for p in plans:
        assert p.top.min() >= 0
        assert p.left.min() >= 0
        assert (p.top + 32 <= images.height[p.image]).all()
        assert (p.left + 32 <= images.width[p.image]).all()


def test_crops_reach_every_place() -> None:
    p = plan(pictures([(35, 34)]), per_image=600)
    assert set(p.top.tolist()) == {0, 1, 2, 3}
    assert set(p.left.tolist()) == {0, 1, 2}
    assert np.bincount(p.top).min() > 100
    assert 0.4 < p.flip.mean() < 0.6


@given(sizes, seeds, st.integers(1, 8))
def test_an_epoch_holds_each_image_equally_often(sizes: list[tuple[int, int]], seed: int, per_image: int) -> None:
    p = plan(pictures(sizes), seed, per_image=per_image)
    assert len(p) == len(sizes) * per_image
    assert np.bincount(p.image, minlength=len(sizes)).tolist() == [per_image] * len(sizes)


def test_an_epoch_is_shuffled() -> None:
    p = plan(IMAGES, per_image=25)
    assert abs(np.corrcoef(p.image, np.arange(len(p)))[0, 1]) < 0.1
    assert np.mean(p.image[1:] == p.image[:-1]) < 0.06  # one in 40 by chance
    assert abs(np.corrcoef(p.top, np.arange(len(p)))[0, 1]) < 0.1  # where is not bound to when


def test_jitter_changes_neither_crops_nor_order() -> None:
    plain, jittered = plan(IMAGES, color_jitter=False), plan(IMAGES, color_jitter=True)
    assert plain.jitter is None
    assert same(plain, jittered, but=("jitter",))
    assert jittered.jitter is not None
    assert jittered.jitter.shape == (len(jittered), 4)
    assert np.abs(jittered.jitter).max() <= 1
    assert np.abs(jittered.jitter.mean(0)).max() < 0.15
    assert jittered.jitter.std(0) == pytest.approx(3**-0.5, abs=0.1)


def test_an_image_keeps_its_crops_when_others_go() -> None:
    p = plan(IMAGES)
    half = ImageSizes(*(getattr(IMAGES, f.name)[::2] for f in fields(IMAGES)))
    q = plan(half)
    kept = p.image % 2 == 0
    assert np.array_equal(p.image[kept], q.image)  # in the same order, too
    assert np.array_equal(p.top[kept], q.top)
    assert np.array_equal(p.left[kept], q.left)


def test_test_crops_go_image_by_image_and_know_no_epoch() -> None:
    first, again = (crops.eval_crops(IMAGES, seed=42, per_image=3, side=32, random=True) for _ in range(2))
    assert same(first, again)
    assert first.image.tolist() == np.repeat(np.arange(40), 3).tolist()
    assert not first.flip.any()
    assert first.jitter is None
    other = crops.eval_crops(IMAGES, seed=43, per_image=3, side=32, random=True)
    assert not np.array_equal(first.top, other.top)
    assert not np.array_equal(np.sort(first.top), np.sort(plan(IMAGES, per_image=3).top))


def test_more_test_crops_begin_with_the_same_ones() -> None:
    few, many = (crops.eval_crops(IMAGES, seed=42, per_image=n, side=32, random=True) for n in (2, 5))
    for a, b in ((few.top, many.top), (few.left, many.left)):
        assert np.array_equal(a.reshape(-1, 2), b.reshape(-1, 5)[:, :2])


def test_centre_crop_when_random_is_off() -> None:
    images = pictures([(32, 32), (33, 40), (384, 512)])
    p = crops.eval_crops(images, seed=1, per_image=25, side=32, random=False)
    assert list(zip(p.image.tolist(), p.top.tolist(), p.left.tolist(), strict=True)) == [
        (0, 0, 0),
        (1, 0, 4),
        (2, 176, 240),
    ]
    assert not p.flip.any()


def test_parts_put_together_are_the_whole() -> None:
    p = plan(IMAGES)
    parts = [p.part(start, start + 33) for start in range(0, len(p), 33)]
    for f in fields(p):
        assert np.array_equal(np.concatenate([getattr(part, f.name) for part in parts]), getattr(p, f.name))
    assert sum(map(len, parts)) == len(p)
