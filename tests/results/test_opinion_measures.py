"""`iqa-train results --metric rmse_star` and the other measures that need the opinions behind the scores."""

import json
import math
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from iqa_train.cli.commands.results import main
from iqa_train.runs.predictions import Predictions
from iqa_train.stats.logistic import fit_logistic
from iqa_train.stats.opinions import Opinions
from tests.results.made_study import MadeStudy, predictions, with_values
from tests.stats.test_opinions import delong, kernel, rises_by_class, verdict

Array = NDArray[np.float64]
IMAGES, DRAWS = 60, 400
ALL = ("rmse_star", "outlier_ratio", "auc_different", "auc_better")


def with_opinions(seed: int, noise: float, opinions: bool = True) -> Predictions:
    rng = np.random.default_rng(7)
    known = Opinions(rng.uniform(8, 20, IMAGES), rng.integers(10, 30, IMAGES).astype(float)) if opinions else None
    return with_values(predictions(seed, noise, IMAGES), opinions=known)


def shown(capsys: pytest.CaptureFixture[str], metric: str) -> dict[str, Any]:
    assert main(["--study", "made", "--metric", metric, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Predictions]:
    monkeypatch.chdir(tmp_path)
    made = MadeStudy(tmp_path / "runs", "made")
    tables = {"Baseline": with_opinions(1, 6.0), "A1": with_opinions(2, 9.0)}
    made.run("Baseline", tables["Baseline"])
    made.run("A1", tables["A1"], changes={"lr": 1e-6})
    return tables


def excess(table: Predictions) -> Array:
    """P.1401's error of each image after the fit."""
    opinions = table.opinions
    assert opinions is not None
    mapped = fit_logistic(table.predictions, table.scores).mapped
    half = stats.t.ppf(0.975, opinions.votes - 1) * opinions.sd / np.sqrt(opinions.votes)
    return np.maximum(0, np.abs(mapped - table.scores) - half)


def width(row: dict[str, Any]) -> float:
    return float(row["delta_interval"][1] - row["delta_interval"][0])


@pytest.mark.parametrize("metric", ["rmse_star", "outlier_ratio"])
def test_errors_within_the_interval_of_the_score_do_not_count(
    study: dict[str, Predictions], capsys: pytest.CaptureFixture[str], metric: str
) -> None:
    def measure(errors: Array) -> float:
        star = math.sqrt(np.sum(errors**2) / (IMAGES - 4))
        return star if metric == "rmse_star" else float(np.mean(errors > 0))

    document = shown(capsys, metric)
    rows = {row["experiment"]: row for row in document["rows"]}
    errors = {name: excess(table) for name, table in study.items()}
    for name, row in rows.items():
        assert row["value"] == pytest.approx(measure(errors[name]), rel=1e-9)
    assert rows["A1"]["delta"] > 0 and rows["A1"]["p_delong"] is None
    picks = np.random.default_rng(1).integers(0, IMAGES, (4 * DRAWS, IMAGES))
    draws = np.array([measure(errors["A1"][p]) - measure(errors["Baseline"][p]) for p in picks])
    low, high = np.quantile(draws, [0.025, 0.975])
    assert width(rows["A1"]) == pytest.approx(high - low, rel=0.12)
    assert "after a logistic fit with 4 parameters" in document["notes"]


@pytest.mark.parametrize("metric", ["auc_different", "auc_better"])
def test_aucs_have_delongs_p_and_intervals_over_images(
    study: dict[str, Predictions], capsys: pytest.CaptureFixture[str], metric: str
) -> None:
    question = metric.removeprefix("auc_")
    rows = {row["experiment"]: row for row in shown(capsys, metric)["rows"]}
    kernels = {}
    for name, table in study.items():
        assert table.opinions is not None
        kernels[name] = kernel(*rises_by_class(table.predictions, table.scores, table.opinions)[question])
        assert rows[name]["value"] == pytest.approx(kernels[name].mean(), rel=1e-9)
    assert rows["A1"]["p_delong"] == pytest.approx(delong((kernels["A1"], kernels["Baseline"])), rel=1e-9)
    assert rows["Baseline"]["p_delong"] is None
    table = study["A1"]
    assert table.opinions is not None
    every = [(i, j, verdict(table.scores, table.opinions, i, j)) for i, j in combinations(range(IMAGES), 2)]
    first = np.array([(i, j) for i, j, sign in every if sign])
    second = first if question == "better" else np.array([(i, j) for i, j, sign in every if not sign])
    draws, rng = [], np.random.default_rng(2)
    for _ in range(DRAWS):
        weights = np.bincount(rng.integers(0, IMAGES, IMAGES), minlength=IMAGES).astype(float)
        of_first, of_second = (weights[side].prod(axis=1) for side in (first, second))
        total = of_first.sum() * of_second.sum()
        one, other = (of_first @ kernels[name] @ of_second / total for name in ("A1", "Baseline"))
        draws.append(one - other)
    low, high = np.quantile(draws, [0.025, 0.975])
    assert width(rows["A1"]) == pytest.approx(high - low, rel=0.25)


@pytest.mark.parametrize("metric", ALL)
def test_without_opinions_a_note_says_why_there_is_no_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], metric: str
) -> None:
    monkeypatch.chdir(tmp_path)
    MadeStudy(tmp_path / "runs", "made").run("Baseline", with_opinions(1, 6.0, opinions=False))
    (row,) = shown(capsys, metric)["rows"]
    assert row["value"] is None
    assert any("spread and number of the opinions are not known" in note for note in row["notes"])


def test_means_over_seeds_have_one_delong_p(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    made = MadeStudy(tmp_path / "runs", "made")
    for seed in (1, 2, 3):
        made.run("Baseline", with_opinions(seed, 6.0), seed=seed)
        made.run("A1", with_opinions(10 + seed, 7.0), seed=seed, changes={"lr": 1e-6})
    rows = {row["experiment"]: row for row in shown(capsys, "auc_better")["rows"]}
    assert rows["A1"]["scope"] == "component"
    assert 0 < rows["A1"]["p_delong"] < rows["A1"]["p"] <= 1


def test_images_under_two_names_are_noted_with_the_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    made, one = MadeStudy(tmp_path / "runs", "made"), predictions(1, 6.0, 200)
    names = (*one.images, *(f"again-{name}" for name in one.images[:100]))
    scores, guessed = (np.concatenate([values, values[:100]]) for values in (one.scores, one.predictions))
    made.run("Baseline", Predictions(names, scores, guessed))
    notes = shown(capsys, "srcc")["notes"]
    assert any(note.startswith("suspicious: 100 of 300 test images have the same score") for note in notes)
