"""`iqa-train results --json` against an independent computation with NumPy and SciPy."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import optimize, stats

from iqa_train.cli.commands.results import main
from iqa_train.runs.predictions import Predictions
from tests.results.made_study import MadeStudy, predictions, with_values

Array = NDArray[np.float64]

IMAGES, DRAWS = 150, 1500
NOISE = {"Baseline": 5.0, "A1": 5.2, "A2": 7.0, "B1": 5.6}
MEASURES: dict[str, Any] = {
    "srcc": lambda q, y: np.corrcoef(stats.rankdata(q), stats.rankdata(y))[0, 1],
    "krcc": lambda q, y: stats.kendalltau(q, y)[0],
    "plcc": lambda q, y: np.corrcoef(q, y)[0, 1],
    "plcc_fit": lambda q, y: np.corrcoef(q, y)[0, 1],
    "rmse_fit": lambda q, y: float(np.sqrt(np.mean((q - y) ** 2))),
}


def table(number: int, noise: float, seed: int) -> Predictions:
    made = predictions(100 * number + seed, noise, IMAGES)
    guessed = 1 / (1 + np.exp(-(made.predictions - 60) / 12))
    return with_values(made, predictions=np.round(guessed, 2) if number == 1 else guessed)


def study(folder: Path, seeds: list[int]) -> dict[str, list[Predictions]]:
    made = MadeStudy(folder / "runs", "made")
    tables = {name: [table(k, noise, s) for s in seeds] for k, (name, noise) in enumerate(NOISE.items())}
    for k, (name, of_seeds) in enumerate(tables.items()):
        for seed, one in zip(seeds, of_seeds, strict=True):
            made.run(name, one, seed=seed, changes={"lr": 1e-6 * k} if k else {})
    return tables


def fitted(q: Array, y: Array) -> Array:
    """Least squares: the ends of the curve by linear regression, its middle and slope by a search."""

    def mapped(at: Array) -> Array:
        rise = 1 / (1 + np.exp(-(q - at[0]) / np.exp(at[1])))
        basis = np.column_stack([np.ones_like(q), rise])
        return np.asarray(basis @ np.linalg.lstsq(basis, y, rcond=None)[0])

    def error(at: Array) -> float:
        exponents = (q - at[0]) / np.exp(at[1])
        rounding = np.abs(exponents).min() > 14 or np.ptp(exponents) < 1e-3  # what is left of the rise
        return np.inf if rounding else float(np.sum((mapped(at) - y) ** 2))

    found = optimize.brute(error, ((q.min(), q.max()), np.log([q.std() / 10, q.std() * 10])), Ns=12, finish=None)
    for _ in range(3):  # its valley is flat: one descent may stop short of the floor
        found = optimize.minimize(error, found, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-9}).x
    return mapped(found)


def percentiles(draws: Array, units: int = IMAGES) -> Array:
    """Hesterberg's: where a normal variable is as a widened t has 2.5 and 97.5 of 100."""
    tails = stats.t.ppf([0.025, 0.975], units - 1) * np.sqrt(units / (units - 1))
    return np.asarray(np.quantile(draws, stats.norm.cdf(tails)))


def over_seeds(draws: Array, values: Array, others: list[Array] | None = None) -> Array:
    """Interval of a mean over seeds: a normal part that the seeds share, and a t of their SD.

    With `others`, values by seed of other experiments, their mean variance counts like two further seeds (Smyth 2004).
    """
    k, mean = len(values), draws.mean(axis=0)
    own = ((draws - mean).var(axis=1).sum() / (k - 1)) / k
    shared = np.sqrt(max(0.0, mean.var() - own) / mean.var())
    variance, degrees = values.var(ddof=1), k - 1
    if others:
        variance = (2 * np.mean([one.var(ddof=1) for one in others]) + degrees * variance) / (2 + degrees)
        degrees += 2
    rng = np.random.default_rng(5)
    seeds = np.sqrt(variance / k) * rng.standard_t(degrees, (400, draws.shape[1]))
    return np.quantile(mean.mean() + (mean - mean.mean()) * shared + seeds, [0.025, 0.975])


def williams(r1: float, r2: float, r12: float, inflation: float) -> float:
    determinant = np.linalg.det(np.array([[1, r1, r2], [r1, 1, r12], [r2, r12, 1]]))
    below = 2 * (IMAGES - 1) / (IMAGES - 3) * determinant + ((r1 + r2) / 2) ** 2 * (1 - r12) ** 3
    t = (r1 - r2) * np.sqrt((IMAGES - 1) * (1 + r12) / below / inflation)
    return float(2 * stats.t.sf(abs(t), IMAGES - 3))


def near(recorded: Any, own: Array) -> bool:
    """Ends of intervals, within the chance of 1,500 draws."""
    return bool(np.abs(np.asarray(recorded) - own).max() < 0.12 * (own[1] - own[0]))


@pytest.mark.parametrize("metric", MEASURES)
@pytest.mark.parametrize(
    "seeds", [pytest.param([42], id="one seed"), pytest.param([1, 2, 3], id="three seeds", marks=pytest.mark.slow)]
)
def test_results_are_those_of_a_plain_computation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, seeds: list[int], metric: str
) -> None:
    monkeypatch.chdir(tmp_path)
    tables = study(tmp_path, seeds)
    assert main(["--study", "made", "--metric", metric, "--json"]) == 0
    rows = {row["experiment"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    measure, y = MEASURES[metric], tables["Baseline"][0].scores
    mapped = {
        name: [fitted(one.predictions, y) if metric.endswith("_fit") else one.predictions for one in of_seeds]
        for name, of_seeds in tables.items()
    }
    rng, count = np.random.default_rng(11), DRAWS if metric != "krcc" else DRAWS // 2
    picks = rng.integers(0, IMAGES, (count, IMAGES))
    values = {name: np.array([measure(q, y) for q in of_seeds]) for name, of_seeds in mapped.items()}
    watched = ["Baseline", "A2"]
    draws = {name: np.array([[measure(q[p], y[p]) for p in picks] for q in mapped[name]]) for name in watched}

    for name, row in rows.items():
        assert row["value"] == pytest.approx(values[name].mean(), abs=1e-5)
        if name != "Baseline":
            assert row["delta"] == pytest.approx((values[name] - values["Baseline"]).mean(), abs=2e-5)
    for name in watched:
        interval = percentiles(draws[name][0]) if len(seeds) == 1 else over_seeds(draws[name], values[name])
        assert near(rows[name]["interval"], interval)
        if name == "Baseline":
            continue
        gaps, gap = draws[name] - draws["Baseline"], values[name] - values["Baseline"]
        others = [values[other] - values["Baseline"] for other in NOISE if other not in {name, "Baseline"}]
        plain = percentiles(gaps[0]) if len(seeds) == 1 else over_seeds(gaps, gap, others)
        assert near(rows[name]["delta_interval"], plain)
    tested = [name for name in NOISE if name != "Baseline"]
    ordered = sorted(tested, key=lambda name: rows[name]["p"])
    largest = 0.0
    for place, name in enumerate(ordered):
        largest = max(largest, min(1.0, rows[name]["p"] * (len(ordered) - place)))
        assert rows[name]["p_holm"] == pytest.approx(largest)
        if metric in {"srcc", "plcc"}:
            r1, r2 = values[name].mean(), values["Baseline"].mean()
            pairs = zip(mapped[name], mapped["Baseline"], strict=True)
            r12 = float(np.mean([measure(one, other) for one, other in pairs]))
            inflation = max(1.06, 1 + ((r1 + r2) / 2) ** 2 / 2) if metric == "srcc" else 1.0
            assert rows[name]["p_williams"] == pytest.approx(williams(r1, r2, r12, inflation), rel=1e-4)
