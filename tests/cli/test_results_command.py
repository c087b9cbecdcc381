"""`iqa-train results`."""

import csv
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from iqa_train.cli.commands.report import main as report_main
from iqa_train.cli.commands.results import main
from iqa_train.errors import UsageError
from iqa_train.report.write import INDEX
from iqa_train.results.comparison import NotComparableError
from iqa_train.stats.metrics import srcc
from iqa_train.stats.registry import METRICS
from tests.report.finished import NOISE, STUDY, finish, specs, whole_study, write_study

KEYS = {
    "experiment", "seeds", "images", "value", "interval", "delta", "delta_interval", "p", "p_holm", "expected",
    "expected_delta", "position", "distinguishable", "seeds_needed", "provisional",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


Out = pytest.CaptureFixture[str]


def test_a_table_for_a_terminal(folder: Path, capsys: Out) -> None:
    whole_study(folder)
    assert main([]) == 0
    text = capsys.readouterr().out
    assert text.startswith("tiny: Three experiments & <nothing> else – SRCC on 120 test images of koniq-10k\n")
    assert "A1, Without attention: within, runs differ: A1 lower (one seed: runs, not components)" in " ".join(
        text.split()
    )
    assert "A1, Hot and Cold: runs are compared, not components, since one seed" in " ".join(text.split())
    assert "paper\u2020" in text


def test_json_has_the_promised_keys(folder: Path, capsys: Out) -> None:
    whole_study(folder)
    assert main(["--json"]) == 0
    first = capsys.readouterr().out
    document = json.loads(first)
    assert set(document) >= {"study", "baseline", "metric", "rows"}
    assert [row["experiment"] for row in document["rows"]] == ["Baseline", "A1", "Hot", "Cold", "paper"]
    assert all(set(row) >= KEYS for row in document["rows"])
    assert document["rows"][1]["interval"][0] < document["rows"][1]["value"] < document["rows"][1]["interval"][1]
    assert main(["--format", "json"]) == 0
    assert capsys.readouterr().out == first


@pytest.mark.parametrize(("form", "sign"), [("markdown", "| Experiment |"), ("latex", r"\toprule"), ("csv", "study,")])
def test_other_forms(folder: Path, capsys: Out, form: str, sign: str) -> None:
    whole_study(folder)
    assert main(["--format", form]) == 0
    assert sign in capsys.readouterr().out


def test_another_metric(folder: Path, capsys: Out) -> None:
    whole_study(folder)
    assert main(["--metric", "rmse_fit", "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["metric"] for row in rows] == ["rmse_fit"] * 4  # the paper gives none
    assert float(rows[1]["value"]) > float(rows[0]["value"])  # A1 misses by more


def test_several_seeds(folder: Path, capsys: Out) -> None:
    whole_study(folder)
    for seed in (2, 3):
        for spec in specs(folder, seeds=[seed]).values():
            finish(folder, spec)
    assert main(["--json"]) == 0
    row = json.loads(capsys.readouterr().out)["rows"][1]
    assert row["seeds"] == [1, 2, 3]
    assert row["seed_sd"] > 0


@pytest.mark.parametrize("argv", [["--format", "html"], ["--metric", "mse"], ["--json", "--format", "csv"], ["x"]])
def test_bad_usage(folder: Path, argv: list[str]) -> None:
    write_study(folder)
    with pytest.raises(UsageError):
        main(argv)


def test_an_unknown_study(folder: Path) -> None:
    whole_study(folder)
    with pytest.raises(UsageError, match='did you mean "tiny"'):
        main(["--study", "tinyy"])


def test_a_run_without_predictions_is_reported(folder: Path, capsys: Out) -> None:
    runs = whole_study(folder)
    (runs["A1"].path / "predictions-test.csv").unlink()
    assert main([]) == 0
    assert "no predictions" in capsys.readouterr().out


def test_a_baseline_that_failed_is_reported(folder: Path, capsys: Out) -> None:
    runs = whole_study(folder)
    shutil.rmtree(runs["Baseline"].path)
    finish(folder, specs(folder)["Baseline"], state="failed")
    assert main([]) == 0
    assert "Baseline, the baseline, failed (out of memory): nothing is compared" in capsys.readouterr().out


def test_a_study_with_its_baseline_only(folder: Path, capsys: Out) -> None:
    study = write_study(folder)
    finish(folder, specs(folder)["Baseline"])
    text = study.read_text(encoding="utf-8")
    study.write_text(text[: text.index('[[experiments]]\nid = "A1"')], encoding="utf-8")
    assert main([]) == 0
    assert "Baseline is the only experiment" in capsys.readouterr().out


def test_the_same_predictions_twice_are_suspicious(folder: Path, capsys: Out) -> None:
    runs = whole_study(folder)
    shutil.copy(runs["Baseline"].path / "predictions-test.csv", runs["A1"].path)
    assert main(["--json"]) == 0
    row = json.loads(capsys.readouterr().out)["rows"][1]
    assert "suspicious" in " ".join(row["notes"])
    assert row["delta"] == 0


def test_other_test_images_are_refused_unless_allowed(folder: Path, capsys: Out) -> None:
    runs = whole_study(folder)
    path = runs["A1"].path / "predictions-test.csv"
    path.write_text("".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[:100]), encoding="utf-8")
    with pytest.raises(NotComparableError, match="different test images"):
        main([])
    assert main(["--anyway"]) == 0
    assert "different test images" in " ".join(capsys.readouterr().out.split())


def test_nothing_has_been_run(folder: Path, capsys: Out) -> None:
    write_study(folder)
    assert main([]) == 0
    assert "no run of tiny in runs has been started" in capsys.readouterr().out


@pytest.mark.slow
def test_the_logistic_is_of_four_or_five_parameters(folder: Path, capsys: Out) -> None:
    whole_study(folder)
    values = {}
    for count in ("4", "5"):
        assert main(["--metric", "plcc_fit", "--logistic", count, "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert f"after a logistic fit with {count} parameters" in document["notes"]
        values[count] = document["rows"][0]["value"]
    assert values["4"] != values["5"]
    with pytest.raises(UsageError, match="invalid choice"):
        main(["--logistic", "3"])


@pytest.mark.slow
def test_a_metric_that_is_registered_is_in_every_output(
    folder: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One entry of the registry: nothing else names the metrics."""
    whole_study(folder)
    mine = replace(METRICS["srcc"], name="half_srcc", label="half of SRCC", value=lambda x, y: srcc(x, y) / 2)
    monkeypatch.setitem(METRICS, "half_srcc", mine)
    assert main(["--metric", "half_srcc"]) == 0
    assert "half of SRCC" in capsys.readouterr().out
    assert main(["--metric", "half_srcc", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert main(["--metric", "srcc", "--json"]) == 0
    known = json.loads(capsys.readouterr().out)
    assert found["metric"] == "half_srcc"
    srccs = {row["experiment"]: row["value"] for row in known["rows"]}
    assert len(found["rows"]) == 4
    assert all(2 * row["value"] == pytest.approx(srccs[row["experiment"]]) for row in found["rows"])
    assert report_main(["--out", "page"]) == 0
    assert "half of SRCC" in Path("page", INDEX).read_text()


# Differences from another experiment, and intervals that agree with adjusted p.


def several_seeds(folder: Path) -> None:
    whole_study(folder)
    for seed in (2, 3):
        for name, spec in specs(folder, seeds=[seed]).items():
            finish(folder, spec, NOISE[name])


def document(capsys: Out, *argv: str) -> dict[str, Any]:
    assert main([*argv, "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


def test_differences_from_another_experiment_are_a_family_beside_the_baselines(folder: Path, capsys: Out) -> None:
    several_seeds(folder)
    usual, found = document(capsys), document(capsys, "--against", "A1")
    assert (found["baseline"], found["against"], usual["against"]) == ("A1", "A1", "")
    rows = {row["experiment"]: row for row in found["rows"]}
    values = {row["experiment"]: row["value"] for row in usual["rows"]}
    for name in ("Baseline", "Hot", "Cold"):
        assert rows[name]["delta"] == pytest.approx(values[name] - values["A1"])
    assert rows["Baseline"]["better"] is True
    assert rows["Hot"]["factors"] == ["attention_fusion", "lr"]
    assert rows["A1"]["delta"] is None
    assert all(row["expected_delta"] is None for row in found["rows"])
    assert "p adjusted for 3 experiments (Holm)" in found["notes"]
    assert main(["--against", "A1"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "koniq-10k, differences from A1" in text
    assert "differences from A1: a family of its own, beside those from Baseline" in text
    assert "vs A1 [95 %]" in text


def test_differences_from_the_baseline_by_name_are_the_usual_ones(folder: Path, capsys: Out) -> None:
    whole_study(folder)
    assert document(capsys, "--against", "Baseline") == document(capsys)


def test_differences_from_an_unknown_experiment_are_refused_with_the_nearest_name(folder: Path) -> None:
    whole_study(folder)
    with pytest.raises(UsageError, match=r'tiny has no experiment "A11"; did you mean "A1"\?'):
        main(["--against", "A11"])


def test_holm_intervals_exclude_zero_exactly_where_the_adjusted_p_is_significant(folder: Path, capsys: Out) -> None:
    several_seeds(folder)
    single, found = document(capsys), document(capsys, "--intervals", "holm")
    tested = [(a, b) for a, b in zip(single["rows"], found["rows"], strict=True) if b["p"] is not None]
    assert len(tested) == 3
    for usual, row in tested:
        low, high = row["delta_interval"]
        assert (not low <= 0 <= high) is (row["p_holm"] < 0.05)
        assert low <= usual["delta_interval"][0]
        assert high >= usual["delta_interval"][1]
        assert row["interval"] == usual["interval"]
    assert any(row["delta_interval"] != usual["delta_interval"] for usual, row in tested)
    assert found["intervals"] == "holm"
    assert main(["--intervals", "holm"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "vs Baseline [Holm]" in text
    assert "intervals of differences are at the level that Holm's procedure leaves for each" in text


def test_rows_of_one_table_may_speak_of_runs_of_components_and_with_borrowed_spread(folder: Path, capsys: Out) -> None:
    whole_study(folder)
    assert {row["scope"] for row in document(capsys)["rows"][1:4]} == {"runs"}
    for seed in (2, 3):
        declared = specs(folder, seeds=[seed])
        for name in ("Baseline", "A1"):
            finish(folder, declared[name], NOISE[name])
    rows = {row["experiment"]: row for row in document(capsys)["rows"]}
    assert [rows[name]["scope"] for name in ("A1", "Hot", "Cold")] == ["component"] * 3
    assert rows["A1"]["borrowed"] == ""
    assert rows["Hot"]["borrowed"] == "Baseline (3 seeds), A1 (3 seeds)"
    assert rows["A1"]["better"] is False
    assert main([]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert (
        "A1, Without attention: within, differs significantly from Baseline: worse; over the shared seeds 1, 2, 3;"
        in text
    )
    assert "with the seed spread borrowed from Baseline (3 seeds), A1 (3 seeds); over seed 1, and seeds 1, 2, 3" in text


def test_the_primary_metric_of_the_study_file_is_shown_first_and_others_are_secondary(
    folder: Path, capsys: Out
) -> None:
    write_study(folder, STUDY.replace('baseline = "Baseline"', 'baseline = "Baseline"\nprimary = "krcc"', 1))
    for name, spec in specs(folder).items():
        finish(folder, spec, NOISE[name])
    found = document(capsys)
    assert (found["metric"], found["primary"], found["secondary"]) == ("krcc", "krcc", False)
    assert document(capsys, "--metric", "srcc")["secondary"] is True
    assert main(["--metric", "srcc"]) == 0
    assert "(secondary, not adjusted for the number of metrics)" in " ".join(capsys.readouterr().out.split())
