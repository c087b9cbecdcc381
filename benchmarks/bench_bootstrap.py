"""Comparisons of experiments, and the paired bootstrap beneath them against a loop over SciPy's correlations.

  ours        `results.bootstrap.bootstrap`: 10,000 resamples, all five models at once
  reference   the loop: draw 2,015 images, take them from scores and predictions, scipy.stats.spearmanr (kendalltau,
              pearsonr) for each of the five; timed on 200 resamples (100 of krcc, 40 with --smoke) and scaled
  fair        same images, same predictions, the draw counted on both sides, one thread each, processor time; the
              values of the resamples that both compute are first held to be equal

`bench_bootstrap.srcc` is what is asked for. `bench_bootstrap.wall` is its time on the wall against the 2 s that are
allowed, `bench_bootstrap.memory` the growth of the resident set over everything, against 500 MB. Of the other metrics
nothing is asked.

`bench_bootstrap.table` is the whole comparison of five experiments with a baseline, five seeds each, after the
predictions are read (values, intervals, p, verdicts of SRCC): processor seconds against the second that is allowed.
`bench_bootstrap.large` is one of three runs on 40,000 images, against 30 s.
"""

import resource

import numpy as np
from _common import figure, note, options, race
from scipy import stats

from iqa_train.results.comparison import compare
from iqa_train.results.paired_predictions import ExperimentPredictions
from iqa_train.runs.predictions import Predictions
from iqa_train.stats.bootstrap import Model, bootstrap
from iqa_train.stats.resamples import Resamples, generator

IMAGES, EXPERIMENTS, RESAMPLES = 2015, 5, 10_000
ASKED, ALLOWED_S, ALLOWED_MB = 50.0, 2.0, 500.0
TABLE_S, LARGE_S = 1.0, 30.0
_REFERENCE = {"srcc": stats.spearmanr, "krcc": stats.kendalltau, "plcc": stats.pearsonr}


def five_models() -> list[Model]:
    """Scores as KonIQ-10k's, and five predictions with SRCC 0.91 to 0.94 that agree with each other by about 0.97."""
    rng = np.random.default_rng(20)
    scores = np.round(rng.normal(58, 15, IMAGES), 4)
    hard = rng.normal(size=IMAGES)
    rows = np.arange(IMAGES)
    return [
        Model(scores, scores + (5.5 + k / 4) * (0.8 * hard + 0.6 * rng.normal(size=IMAGES)), rows)
        for k in range(EXPERIMENTS)
    ]


def loop(models: list[Model], metric: str, count: int) -> np.ndarray:
    """The reference way: (models, count) values."""
    measure = _REFERENCE[metric]
    rng = generator("bench")
    values = np.empty((len(models), count))
    for j in range(count):
        drawn = rng.integers(0, IMAGES, IMAGES)
        scores = models[0].scores[drawn]
        for k, model in enumerate(models):
            values[k, j] = measure(model.predictions[drawn], scores).statistic
    return values


def require_equal(models: list[Model], metric: str) -> None:
    """Both sides draw the same images where they draw from the same stream: hold the values to each other."""
    ours = bootstrap(models, metric, Resamples(IMAGES, 10, "bench"))
    theirs = loop(models, metric, 10)
    worst = float(np.abs(ours - theirs).max())
    if worst > 1e-12:
        raise SystemExit(f"bench_bootstrap: {metric} differs from SciPy's by {worst:.3g}")


def measured(models: list[Model], metric: str, scaled: int, rounds: int) -> tuple[float, float]:
    """Processor seconds of 10,000 resamples on either side."""
    resamples = Resamples(IMAGES, RESAMPLES, "bench")
    ours, reference = race(rounds, lambda: bootstrap(models, metric, resamples), lambda: loop(models, metric, scaled))
    return ours, reference * RESAMPLES / scaled


def study(experiments: int, seeds: int, images: int) -> list[ExperimentPredictions]:
    """Predictions that agree with each other by about 0.97."""
    rng = np.random.default_rng(21)
    scores, hard = np.round(rng.normal(58, 15, images), 4), rng.normal(size=images)
    names = tuple(f"{k:05}.jpg" for k in range(images))
    return [
        ExperimentPredictions(
            f"E{e}",
            {
                s: Predictions(names, scores, scores + 5.5 * (0.8 * hard + 0.6 * rng.normal(size=images)))
                for s in range(seeds)
            },
        )
        for e in range(experiments)
    ]


def time_tables(rounds: int) -> None:
    """Processor seconds of whole comparisons."""
    for name, size, allowed in (("table", (6, 5, IMAGES), TABLE_S), ("large", (3, 1, 40_000), LARGE_S)):
        tested = study(*size)
        (taken,) = race(rounds, lambda tested=tested: compare(tested, tested[0]))
        bar = f"{allowed:g}s"
        figure(f"bench_bootstrap.{name}", taken, allowed, allowed / taken, unit="s", bar=bar, ok=taken < allowed)


def main() -> None:
    """Check, then time."""
    chosen = options(__doc__ or "").parse_args()
    rounds = 1 if chosen.smoke else 5
    models = five_models()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for metric in _REFERENCE:
        require_equal(models, metric)
    note(f"{RESAMPLES:,} resamples of {IMAGES:,} images, {EXPERIMENTS} models; values equal to SciPy's within 1e-12")
    for metric, scaled in (("srcc", 200), ("krcc", 100), ("plcc", 200)):
        ours, reference = measured(models, metric, 40 if chosen.smoke else scaled, rounds)
        ratio = reference / ours
        bar = ASKED if metric == "srcc" else None
        ok = bar is None or ratio >= bar
        figure(f"bench_bootstrap.{metric}", ours, reference, ratio, unit="s", bar=bar, ok=ok)
    resamples = Resamples(IMAGES, RESAMPLES, "bench")
    (wall,) = race(rounds, lambda: bootstrap(models, "srcc", resamples), wall=True)
    figure("bench_bootstrap.wall", wall, ALLOWED_S, ALLOWED_S / wall, unit="s", bar="2s", ok=wall < ALLOWED_S)
    time_tables(1)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e3
    ok = grown < ALLOWED_MB
    figure("bench_bootstrap.memory", grown, ALLOWED_MB, ALLOWED_MB / grown, unit="MB", bar="500MB", ok=ok)


if __name__ == "__main__":
    main()
