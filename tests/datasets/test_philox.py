"""Random numbers by address: the published generator, uniform, and independent of company."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from iqa_train.datasets.images.philox import image_keys, philox, uniforms

ONES = 0xFFFFFFFF


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [  # Random123, kat_vectors, philox4x32 10
        ([0, 0, 0, 0], (0, 0), [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        ([ONES] * 4, (ONES, ONES), [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            (0xA4093822, 0x299F31D0),
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ],
)
def test_published_vectors(counter: list[int], key: tuple[int, int], words: list[int]) -> None:
    assert philox(np.array(counter, np.uint64), key).tolist() == words
    many = np.tile(np.array(counter, np.uint64), (3, 2, 1))
    assert philox(many, key).tolist() == np.tile(words, (3, 2, 1)).tolist()


def test_uniform_and_uncorrelated() -> None:
    images = image_keys(tuple(f"{k}.jpg" for k in range(2000)))
    u = uniforms(42, 0, 1, images[:, None], np.arange(25)[None, :])
    assert u.shape == (2000, 25, 4)
    assert u.min() >= 0
    assert u.max() < 1
    for k in range(4):
        counts = np.histogram(u[..., k], 64, (0, 1))[0]
        assert stats.chisquare(counts).pvalue > 1e-4
    assert np.abs(np.corrcoef(u.reshape(-1, 4).T) - np.eye(4)).max() < 0.02
    assert np.abs(np.corrcoef(u[..., 0]) - np.eye(2000)).mean() < 0.25  # 25 crops: chance alone gives 0.16
    assert abs(np.corrcoef(u[:, :-1, 0].ravel(), u[:, 1:, 0].ravel())[0, 1]) < 0.02


@pytest.mark.parametrize("change", [{"seed": 43}, {"seed": 42 + 2**40}, {"purpose": 1}, {"epoch": 2}])
def test_every_part_of_the_address_counts(change: dict[str, int]) -> None:
    address = {"seed": 42, "purpose": 0, "epoch": 1} | change
    before = uniforms(42, 0, 1, np.arange(1000), 0)
    after = uniforms(**address, image=np.arange(1000), crop=0)
    assert np.abs(np.corrcoef(before.ravel(), after.ravel())[0, 1]) < 0.06
    assert not np.any(before == after)


@given(st.integers(0, 2**63 - 1), st.integers(1, 10**5), st.permutations(range(30)))
def test_an_image_keeps_its_stream_in_any_company(seed: int, epoch: int, order: list[int]) -> None:
    names = tuple(f"images/{k:04}.jpg" for k in range(30))
    everyone = uniforms(seed, 0, epoch, image_keys(names), 3)
    some = order[:10]
    few = uniforms(seed, 0, epoch, image_keys(tuple(names[k] for k in some)), 3)
    assert np.array_equal(few, everyone[some])
    alone = uniforms(seed, 0, epoch, image_keys((names[7],))[0], 3)
    assert np.array_equal(alone, everyone[7])


def test_keys_are_the_same_on_every_host() -> None:
    # Crops of published results hang on these; a change would silently make old and new runs incomparable.
    assert image_keys(("10004473376.jpg", "é/2.png")).tolist() == [0xA785472B, 0x6959B37D]
    assert len(set(image_keys(tuple(map(str, range(10_000)))).tolist())) > 9_990
