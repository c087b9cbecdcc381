"""The data of a report."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from iqa_train.files import read_json, write_json
from iqa_train.report.collect import differing_settings, gather, results_of
from iqa_train.report.report_data import ReportData, shared_packages
from iqa_train.report.sweeps import find_sweeps
from iqa_train.report.tracker import tracker_text
from iqa_train.report.write import report_files
from iqa_train.results.selection import chosen_runs
from iqa_train.runs.predictions import read_predictions, write_predictions
from iqa_train.stats.opinions import Opinions
from tests.report.finished import STUDY, finish, predicted, specs, whole_study, write_study
from tests.report.samples import ORIGIN


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def material(metric: str = "srcc", name: str | None = None) -> ReportData:
    return gather(chosen_runs(Path("runs"), name, None, None), Path("runs"), metric)


def test_everything_of_a_study(folder: Path) -> None:
    whole_study(folder)
    found = material("plcc")
    assert [results.metric for results in found.results] == ["plcc", "srcc", "krcc", "plcc_fit", "rmse_fit"]
    assert set(found.predictions) == set(found.parameters) == {"Baseline", "A1", "Hot", "Cold"}
    assert [len(curve.points) for curve in found.curves] == [2, 2, 2, 2]
    assert found.settings["A1"] == {"attention_fusion": False, "lr": 1e-6}
    assert found.differing == ["attention_fusion", "lr"]
    assert found.origins[0].commit == "0123456789ab + changes"
    assert found.origins[0].data == "25bfdfa9ba52"
    assert [finding.code for finding in found.findings]


@pytest.mark.slow
def test_where_opinions_are_known_the_report_has_the_measures_that_need_them(folder: Path) -> None:
    for run in whole_study(folder).values():
        table = read_predictions(run.path / "predictions-test.csv")
        known = Opinions(np.full(len(table.images), 8.0), np.full(len(table.images), 20.0))
        write_predictions(run.path / "predictions-test.csv", replace(table, opinions=known))
    found = material()
    assert [results.metric for results in found.results[5:]] == [
        "rmse_star", "outlier_ratio", "auc_different", "auc_better",
    ]  # fmt: skip
    assert all(row.value is not None for results in found.results for row in results.rows)
    files = dict(report_files(found))
    assert r"\caption" in files["tables/auc_better.tex"].decode() and "RMSE*" in files["index.html"].decode()
    assert "RMSE*" not in files["tables/metrics.tex"].decode()


def test_a_setting_with_three_values_is_a_sweep(folder: Path) -> None:
    whole_study(folder)
    (curve,) = material().sweeps
    assert curve.setting == "lr"
    assert [point.setting for point in curve.points] == [1e-7, 1e-6, 1e-5]
    assert all(point.interval and not point.reported for point in curve.points)


def test_runs_of_other_studies_that_differ_in_one_setting_belong_to_the_sweep(folder: Path) -> None:
    whole_study(folder)
    write_study(folder, STUDY.replace('"tiny"', '"other"').replace("lr = 1e-6", "lr = 3e-6").replace("-demo", "-d"))
    finish(folder, specs(folder)["Baseline"])
    chosen = chosen_runs(Path("runs"), "tiny", None, None)
    (curve,) = find_sweeps(chosen, results_of(chosen, "srcc"), Path("runs"))
    assert [point.setting for point in curve.points] == [1e-7, 1e-6, 3e-6, 1e-5]


def test_reported_values_make_a_sweep_with_a_note_on_other_differences(folder: Path) -> None:
    reported = "".join(
        f'[[references]]\nid = "r{k}"\nexperiment = "Baseline"\nsrcc = 0.9{k}\nsource = "s"\n'
        f"settings = {{ lr = {k + 1}e-6, epochs = {k + 5} }}\n"
        for k in range(3)
    )
    write_study(folder, STUDY.replace("[profiles.demo]", reported + "[profiles.demo]"))
    finish(folder, specs(folder)["Baseline"])
    (curve,) = material().sweeps
    assert [point.setting for point in curve.points if point.reported] == [1e-6, 2e-6, 3e-6]
    assert [point.setting for point in curve.points if not point.reported] == [1e-6]
    assert "the reported points differ in epochs too" in curve.notes


def test_other_data_sets_measured_and_reported(folder: Path) -> None:
    runs = whole_study(folder)
    for name in ("Baseline", "A1"):
        document = read_json(runs[name].result)
        document["rounds"][0]["cross"] = {"spaq": {"srcc": 0.8}}
        write_json(runs[name].result, document)
        write_predictions(runs[name].path / "predictions-spaq.csv", predicted(3, 20.0 if name == "A1" else 10.0))
    (cross,) = material().cross
    assert cross.dataset == "spaq"
    assert [(row.experiment, row.reported) for row in cross.rows] == [
        ("Baseline", False), ("A1", False), ("Baseline", True),
    ]  # fmt: skip
    assert cross.rows[1].delta is not None
    assert cross.rows[1].interval is not None


def test_a_study_without_a_file_is_gathered_too(folder: Path) -> None:
    whole_study(folder)
    write_study(folder, STUDY.replace('"tiny"', '"other"').replace("-demo", "-d"))
    found = material(name="tiny")
    assert found.main.baseline == "Baseline"
    assert found.main.row("A1") is not None
    assert found.findings == ()
    assert [point.setting for point in found.sweeps[0].points] == [1e-7, 1e-6, 1e-5]


def test_nothing_to_gather(folder: Path) -> None:
    write_study(folder)
    found = material()
    assert found.origins == ()
    assert found.sweeps == ()
    assert found.predictions == {}


@pytest.mark.parametrize("name", ["provenance.json", "result.json"])
@pytest.mark.parametrize("content", [b"{", b"[]", b"{}"])
def test_damaged_files_leave_a_report(folder: Path, name: str, content: bytes) -> None:
    runs = whole_study(folder)
    (runs["A1"].path / name).write_bytes(content)
    assert material().main.row("A1") is not None


def test_settings_that_cannot_act_do_not_differ(folder: Path) -> None:
    whole_study(folder)
    runs = chosen_runs(Path("runs"), None, None, None).runs
    silent = {**runs[0].spec["settings"], "lr_step_gamma": 0.5}  # of a schedule that is not in use
    odd = replace(runs[0], spec={**runs[0].spec, "experiment": "Odd", "settings": silent})
    assert differing_settings([runs[0], odd]) == {}


def test_the_tracker_names_contributions_and_origins(folder: Path) -> None:
    whole_study(folder)
    text = tracker_text(material())
    assert "- attention\\_fusion (A1): +0.0" in text
    assert "- code 0123456789ab + changes, data 25bfdfa9ba52: Baseline s1-" in text
    assert "2026" not in text
    assert text == tracker_text(material())


def test_packages_in_which_runs_differ_are_named() -> None:
    shared, sentences = shared_packages((ORIGIN, replace(ORIGIN, experiment="A1", packages={"torch": "2.12.0"})))
    assert shared == {"numpy": "2.4.6"}
    assert sentences == ["torch differs between runs: 2.13.0 for Baseline (seed 42); 2.12.0 for A1 (seed 42)"]
