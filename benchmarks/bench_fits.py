"""The logistic fit and the AUCs over pairs on 2,015 test images (KonIQ-10k's number), against SciPy.

  fit.4, fit.5   ours        `stats.logistic_search.best_curve`, with the monotonic one where the best is not
                 reference   scipy.optimize.curve_fit from 25 random starts (5 with --smoke, scaled), the best of them
  pairs          ours        AUC and placements of all two million pairs, better or worse
                 reference   the same by scipy.stats.rankdata, as programs after Sun and Xu (2014) do: three rankings
  judged         ours        `stats.pair_auc.judged_pairs`: Welch's test of every pair
                 reference   scipy.stats.ttest_ind_from_stats on blocks of pairs
  fair           same numbers, one thread each, processor time; the results are first held to be equal

Nothing is asked of these figures. `memory` is the growth of the resident set over our side of `pairs` and `judged`.
"""

import resource
import warnings

import numpy as np
from _common import figure, note, options, race
from scipy import stats
from scipy.optimize import curve_fit

from iqa_train.stats.logistic import logistic4, logistic5
from iqa_train.stats.logistic_search import best_curve
from iqa_train.stats.opinions import Opinions
from iqa_train.stats.pair_auc import Pairs, better_or_worse, judged_pairs

IMAGES, STARTS = 2015, 25


def random_starts(x: np.ndarray, y: np.ndarray, parameters: int, starts: int) -> float:
    """The least mean squared error of `curve_fit`."""
    rng, best = np.random.default_rng(3), np.inf
    curve = logistic5 if parameters == 5 else logistic4
    for _ in range(starts):
        steepness, middle, rest = np.exp(rng.uniform(-2, 3)), rng.normal(), rng.normal(size=2)
        start = (rest[0], steepness, middle, rest[1], 0.0) if parameters == 5 else (*rest, middle, 1 / steepness)
        try:
            found = curve_fit(curve, x, y, p0=start, maxfev=2000)[0]
        except RuntimeError:  # it did not converge
            continue
        best = min(best, float(np.mean((curve(x, *found) - y) ** 2)))
    return best


def our_fit(x: np.ndarray, y: np.ndarray, parameters: int) -> float:
    """The mean squared error of the best curve; the monotonic one, too, where it differs."""
    curve = best_curve(x, y, linear=parameters == 5)
    if not curve.monotonic:
        best_curve(x, y, linear=True, monotonic=True)
    return curve.error


def by_rankings(predictions: np.ndarray, pairs: Pairs) -> np.ndarray:
    """The placement of each pair."""
    rises = predictions[pairs.better] - predictions[pairs.worse]
    together = stats.rankdata(np.concatenate([rises, -rises]))
    alone = stats.rankdata(rises)
    stats.rankdata(-rises)  # the other class, whose placements mirror these
    return (together[: len(rises)] - alone) / len(rises)


def by_scipy(scores: np.ndarray, opinions: Opinions) -> int:
    """The number of significant pairs."""
    count = 0
    for i in range(len(scores) - 1):
        later = slice(i + 1, None)
        p = stats.ttest_ind_from_stats(
            scores[i], opinions.sd[i], opinions.votes[i], scores[later], opinions.sd[later], opinions.votes[later],
            equal_var=False,
        ).pvalue  # fmt: skip
        count += int(np.count_nonzero(p < 0.05))
    return count


def main() -> None:
    """Check, then time."""
    chosen = options(__doc__ or "").parse_args()
    warnings.simplefilter("ignore")
    rounds, starts = (1, 5) if chosen.smoke else (3, STARTS)
    rng = np.random.default_rng(20)
    scores = np.round(rng.normal(58, 15, IMAGES), 4)
    guessed = np.tanh((scores - 50) / 25) + rng.normal(0, 0.15, IMAGES)
    x, y = ((one - one.mean()) / one.std() for one in (guessed, scores))
    for parameters in (4, 5):
        excess = our_fit(x, y, parameters) / random_starts(x, y, parameters, starts) - 1
        if excess > 1e-6:
            raise SystemExit(f"bench_fits: the error with {parameters} parameters is {excess:.1e} above SciPy's")
        ours, theirs = race(
            rounds, lambda p=parameters: our_fit(x, y, p), lambda p=parameters: random_starts(x, y, p, starts)
        )
        theirs *= STARTS / starts
        figure(f"bench_fits.fit.{parameters}", ours, theirs, theirs / ours, unit="s", bar=None)
    opinions = Opinions(rng.uniform(10, 25, IMAGES), rng.integers(80, 130, IMAGES).astype(float))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pairs = judged_pairs(scores, opinions)
    placed = better_or_worse(guessed, pairs)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e3
    note(f"{len(pairs.better):,} of {IMAGES * (IMAGES - 1) // 2:,} pairs differ")
    if np.abs(placed.of_first - by_rankings(guessed, pairs)).max() > 1e-9 or len(pairs.better) != by_scipy(
        scores, opinions
    ):
        raise SystemExit("bench_fits: the pairs differ from SciPy's")
    fresh = iter(range(1, 1 << 20))  # other scores each time, so that nothing is cached
    ours, theirs = race(
        rounds, lambda: judged_pairs(scores + next(fresh) * 1e-9, opinions), lambda: by_scipy(scores, opinions)
    )
    figure("bench_fits.judged", ours, theirs, theirs / ours, unit="s", bar=None)
    ours, theirs = race(rounds, lambda: better_or_worse(guessed, pairs), lambda: by_rankings(guessed, pairs))
    figure("bench_fits.pairs", ours, theirs, theirs / ours, unit="s", bar=None)
    figure("bench_fits.memory", grown, grown, 1.0, unit="MB", bar=None)


if __name__ == "__main__":
    main()
