from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iqa_train.datasets.splits import split_origin, split_table
from iqa_train.datasets.table import ImageTable
from iqa_train.errors import DataError


def table(n: int, per_reference: int = 0, splits: tuple[str, ...] | None = None) -> ImageTable:
    return ImageTable(
        name="t",
        root=Path("t"),
        images=tuple(f"{i:03d}.png" for i in range(n)),
        scores=np.arange(n, dtype=np.float64),
        score_range=(0, 1000),
        references=tuple(f"r{i // per_reference}" for i in range(n)) if per_reference else None,
        splits=splits,
    )


def names(of: ImageTable, seed: int) -> dict[str, set[str]]:
    split = split_table(of, seed)
    return {part: {of.images[i] for i in getattr(split, part)} for part in ("train", "val", "test")}


def test_shares_and_order() -> None:
    split = split_table(table(200), 42)
    assert (len(split.train), len(split.val), len(split.test)) == (140, 20, 40)
    for part in (split.train, split.val, split.test):
        assert part.dtype == np.int64
        assert (np.diff(part) > 0).all()


@settings(max_examples=60, deadline=None)
@given(n=st.integers(20, 120), per=st.integers(0, 4), seed=st.integers(0, 2**63 - 1), order=st.randoms())
def test_a_partition_that_no_row_order_changes_and_no_reference_crosses(n, per, seed, order) -> None:
    one = table(n, per)
    parts = names(one, seed)
    assert sorted(set.union(*parts.values())) == sorted(one.images)
    assert sum(map(len, parts.values())) == n
    shuffled = list(range(n))
    order.shuffle(shuffled)
    other = replace(
        one,
        images=tuple(one.images[i] for i in shuffled),
        scores=one.scores[shuffled],
        references=None if one.references is None else tuple(one.references[i] for i in shuffled),
    )
    assert names(other, seed) == parts
    if one.references is not None:
        reference = dict(zip(one.images, one.references, strict=True))
        seen = [{reference[image] for image in part} for part in parts.values()]
        assert sum(map(len, seen)) == len(set.union(*seen))


def test_seeds_differ_and_the_split_is_for_ever() -> None:
    assert names(table(100), 1) != names(table(100), 2)
    first = sorted(names(table(100), 42)["test"])[:4]
    assert first == ["005.png", "007.png", "009.png", "012.png"]


def test_official_is_kept_whatever_the_seed() -> None:
    official = ("train",) * 30 + ("val",) * 5 + ("test",) * 10
    for seed in (1, 2):
        split = split_table(table(45, splits=official), seed)
        assert split.val.tolist() == list(range(30, 35))
        assert split.test.tolist() == list(range(35, 45))


def test_validation_is_carved_from_official_training_by_reference() -> None:
    one = table(80, per_reference=2, splits=("train",) * 64 + ("test",) * 16)
    split = split_table(one, 7)
    assert len(split.val) == 8
    assert split.test.tolist() == list(range(64, 80))
    assert not set(split.val // 2) & set(split.train // 2)


@pytest.mark.parametrize(
    ("of", "message"),
    [
        (table(3), "the train split .by image. .* has no image, and at least 2 are needed; the set has 3"),
        (table(20, per_reference=20), "the train split .by reference. .* has no image"),
        (table(9, splits=("train",) * 9), "the test split .official. .* has no image"),
        (table(9, splits=("train",) * 5 + ("val",) * 3 + ("test",)), "the test split .* has one image"),
        (table(9, splits=("train",) * 5 + ("val",) + ("test",) * 3), "the val split .* has one image"),
    ],
)
def test_too_few(of: ImageTable, message: str) -> None:
    with pytest.raises(DataError, match=message):
        split_table(of, 42)


def test_constant_scores_in_one_split() -> None:
    of = table(20, splits=("train",) * 10 + ("val",) * 5 + ("test",) * 5)
    scores = of.scores.copy()
    scores[15:] = 3
    with pytest.raises(DataError, match=r"all 5 scores of the test split .* are 3, so there is nothing to rank"):
        split_table(replace(of, scores=scores), 42)


@pytest.mark.parametrize(
    ("splits", "per_reference", "words"),
    [
        (("train", "val", "test"), 0, "official split"),
        (
            ("train", "train", "test"),
            0,
            "official training and test images; validation images taken from training by seed",
        ),
        (None, 0, "split by seed, image by image"),
        (None, 3, "split by seed, reference by reference"),
    ],
)
def test_where_a_split_comes_from_is_reported(splits: tuple[str, ...] | None, per_reference: int, words: str) -> None:
    assert split_origin(table(3, per_reference, splits)).startswith(words)
