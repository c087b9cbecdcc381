"""The tables of docs/statistics.md: `python -m tests.stats.simulated_studies --studies 2000 --by-image 200`."""

import argparse
from math import sqrt

import numpy as np

from iqa_train.stats.holm import holm
from tests.stats.simulated_images import QUALITY, ImageSetting, simulated_study, true_difference
from tests.stats.simulated_runs import ALPHA, Setting, Share, any_of, judged, share
from tests.stats.simulated_splits import covered

POWER_AT = (0.0, 0.004, 0.006, 0.010)
RUNS_VARY_THREE_TIMES = sqrt(5)
"""Factor of the SD of a difference, where an experiment's runs vary three times as much as the baseline's."""


def of_runs(factor: float) -> float:
    """The factor of the SD of a difference, where an experiment's runs vary `factor` times as much."""
    return sqrt((1 + factor**2) / 2)


def by_image(setting: ImageSetting, studies: int) -> tuple[Share, Share]:
    """Coverage of the 95 % interval (with one seed, of the difference of the runs), and any "different" at all."""
    held, wrong = [], []
    ties = setting.references is not None
    for number in range(studies):
        found = simulated_study(setting, number)
        row = []
        for comparison, qualities, mean in zip(
            found.comparisons, found.qualities[1:], setting.qualities[1:], strict=True
        ):
            pair = (qualities, found.qualities[0]) if setting.seeds == 1 else ([mean], [setting.qualities[0]])
            truth = true_difference(pair[0], pair[1], ties)
            assert comparison.delta_interval is not None
            row.append(comparison.delta_interval[0] <= truth <= comparison.delta_interval[1])
        held.append(row)
        adjusted = holm([comparison.p for comparison in found.comparisons])
        wrong.append([p is not None and p < ALPHA for p in adjusted])
    return share(np.array(held, dtype=float)), any_of(np.array(wrong))


def four_equal(kind: str, seeds: int) -> ImageSetting:
    """By `kind` of set."""
    five = (QUALITY,) * 5
    return {
        "400 images": ImageSetting(five, seeds),
        "2,015 images": ImageSetting(five, seeds, images=2015),
        "16 references": ImageSetting(five, seeds, references=16, resamples=1000),
        "400 images, split by seed": ImageSetting(five, seeds, anew=True, overlap=0.25),
    }[kind]


KINDS = ("400 images", "2,015 images", "16 references", "400 images, split by seed")


def _tables(studies: int, images: int) -> None:
    print("seeds | any wrong of four equal | held | three times as noisy: any wrong | held for that one | heavy tails")
    for k in (2, 3, 5, 10):
        null, noisy = (judged(Setting(seeds=k, noisier=n), studies) for n in ((), (RUNS_VARY_THREE_TIMES, 1, 1, 1)))
        heavy = judged(Setting(seeds=k, heavy=True), studies)
        _row(k, any_of(null.different()), share(null.covered), any_of(noisy.different()),
             share(noisy.covered[:, 0]), any_of(heavy.different()))  # fmt: skip
    print("seeds | found of effects 0, .004, .006, .010 | wrong same at a margin of .006")
    for k in (2, 3, 5, 10):
        mixed = judged(Setting(POWER_AT, seeds=k), studies).different()
        edge = judged(Setting((0.006,) * 4, seeds=k), studies, margin=0.006)
        _row(k, *(share(mixed[:, e]) for e in range(4)), any_of(edge.within()))
    print("shared of 5 seeds | correlation | any wrong | held")
    for k in (2, 3):
        for rho in (0.0, 0.5, 0.8):
            linear = judged(Setting(seeds=k, more=5 - k, rho=rho), studies)
            _row(k, rho, any_of(linear.different()), share(linear.covered))
    print("one experiment alone, shared of 5 seeds | its runs vary by a factor of | held | found of .006, .010")
    for k in (1, 2, 3):
        found = [judged(Setting((effect,), seeds=k, more=5 - k), studies).different() for effect in (0.006, 0.010)]
        for factor in (1.0, sqrt(2), 2.0):
            alone = judged(Setting((0.0,), seeds=k, more=5 - k, noisier=(of_runs(factor),)), studies)
            _row(k, f"{factor:.2f}", share(alone.covered), *map(share, found))
    print("one seed, spread borrowed from k | its runs vary by a factor of | any wrong | held")
    for k in (3, 5):
        for factor in (1.0, sqrt(2), 2.0):
            lent = judged(Setting(seeds=1, more=k - 1, noisier=(of_runs(factor),) * 4), studies)
            _row(k, f"{factor:.2f}", any_of(lent.different()), share(lent.covered))
    print("split by seed | part from training images | held, any data | these data | allowed: any data | these data")
    for k in (3, 5):
        for part in (0.0, 0.1, 0.5):
            plain, allowed = (covered(k, part, studies // 2, allowed=with_it) for with_it in (False, True))
            _row(k, part, *map(share, (*plain, *allowed)))
    print("set | seeds | held | any wrong of four equal")
    for kind in KINDS:
        for k in (1, 2, 3, 5):
            _row(kind, k, *by_image(four_equal(kind, k), images))


def _row(*cells: object) -> None:
    print(" | ".join(map(str, cells)), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--by-image", type=int, default=200)
    chosen = parser.parse_args()
    _tables(chosen.studies, chosen.by_image)
