"""`iqa-train import-predictions`: what becomes of the file, what is refused, and how the row is marked and compared."""

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iqa_train.cli.commands.check import main as check
from iqa_train.cli.commands.import_predictions import main
from iqa_train.cli.commands.predict import main as predict
from iqa_train.cli.commands.relaunch import main as relaunch
from iqa_train.cli.commands.report import main as report
from iqa_train.cli.commands.results import main as results
from iqa_train.cli.commands.status import main as status
from iqa_train.cli.commands.train import main as train
from iqa_train.devices.leases import VARIABLE
from iqa_train.errors import DataError, RunError, UsageError
from iqa_train.runs import external_run
from iqa_train.runs.layout import RunFolder, run_folders
from iqa_train.runs.predictions import Predictions, write_predictions
from iqa_train.study.load import load_study
from iqa_train.study.resolve import resolve
from tests.cli.finished_set import ELSEWHERE, HARD, IMAGES, SCORES, STUDY, TEST, csv_of, finish, finish_runs, make_set

Capsys = pytest.CaptureFixture[str]
NEW = ["--exp", "Rival", "--trained-on", "KADID-10k"]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "leases"))
    make_set(tmp_path)
    csv_of(tmp_path / "q.csv", ELSEWHERE)
    return tmp_path


def rows(capsys: Capsys, *argv: str) -> dict[str, dict[str, Any]]:
    capsys.readouterr()
    assert results([*argv, "--json"]) == 0
    return {row["experiment"]: row for row in json.loads(capsys.readouterr().out)["rows"]}


def tree(folder: str = "runs") -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(Path(folder).rglob("*")) if path.is_file()}


def test_a_declared_experiment(project: Path, capsys: Capsys) -> None:
    finish_runs(project)
    assert main(["q.csv", "--exp", "Q-Align"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("q.csv: imported as runs/own/Q-Align/s1-")
    assert ": all 40 test images of mine (official split), SRCC 0.9" in out
    assert out.splitlines()[0].endswith("; trained on KonIQ-10k & SPAQ")
    assert "  120 of its 160 rows are of images that are not tested; they are not used\n" in out
    row = rows(capsys)["Q-Align"]
    assert (row["kind"], row["about"], row["images"], row["seeds"]) == ("external", "KonIQ-10k & SPAQ", 40, [1])
    assert row["p"] is not None


def test_one_that_the_study_file_does_not_declare(project: Path, capsys: Capsys) -> None:
    finish_runs(project)
    assert main(["q.csv", *NEW]) == 0
    found = rows(capsys)
    assert list(found) == ["Baseline", "A1", "Q-Align", "Rival"]
    assert (found["Rival"]["kind"], found["Rival"]["about"]) == ("external", "KADID-10k")
    assert found["Rival"]["delta"] is not None


def test_predictions_on_what_was_the_studys_data_before_do_not_stand_in_the_way(project: Path, capsys: Capsys) -> None:
    assert main(["q.csv", *NEW]) == 0
    (project / "experiments.toml").write_text(STUDY.replace('split_column = "split"\n', ""))
    finish_runs(project, {"Baseline": 0.4})
    capsys.readouterr()
    assert results(["--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert "Rival" not in [row["experiment"] for row in found["rows"]]
    assert any("Rival (s1-" in note and "on other images than the baseline's now" in note for note in found["notes"])


def test_its_interval_is_that_of_a_run_with_the_same_predictions(project: Path, capsys: Capsys) -> None:
    (project / "experiments.toml").write_text(STUDY + '[[experiments]]\nid = "Same"\nset = { lr = 1e-5 }\n')
    finish_runs(project)
    values = SCORES + 0.35 * HARD
    finish(project, resolve(load_study(project / "experiments.toml"), "Same", seed=1), values)
    assert main([csv_of(project / "same.csv", values), "--exp", "Q-Align"]) == 0
    capsys.readouterr()
    found = rows(capsys)
    same, ours = found["Same"], found["Q-Align"]
    for name in ("value", "delta", "p", "p_williams"):
        assert ours[name] == pytest.approx(same[name], rel=0, abs=1e-12)
    for name in ("interval", "delta_interval", "zou_interval"):
        assert ours[name] == pytest.approx(same[name], rel=0, abs=1e-12)
    assert ours["scope"] == same["scope"]


@pytest.mark.slow
def test_every_format_marks_it(project: Path, capsys: Capsys) -> None:
    finish_runs(project)
    main(["q.csv", *NEW])
    capsys.readouterr()
    assert results([]) == 0
    text = capsys.readouterr().out
    assert "\nRival\u00a7 " in text
    assert "external, predictions of models trained elsewhere: Q-Align (trained on KonIQ-10k & SPAQ) and Rival" in text
    assert report(["--out", "rep"]) == 0
    page = next(Path("rep").glob("*.html")).read_text()
    assert "<td>external</td>" in page
    assert "Rival (trained on KADID-10k)" in page
    tables = [path.read_text() for path in Path("rep").rglob("*.tex")]
    assert any(r"Rival\S{} & external" in table and "trained on KADID-10k" in table for table in tables)
    assert all(r"Rival\S{}" in table for table in tables if "Rival" in table)
    tracker = Path("EXPERIMENTS_LOG_TRACKER.md").read_text()
    assert "| Rival\u00a7 | external |" in tracker
    assert "trained on KADID-10k" in tracker
    capsys.readouterr()
    assert results(["--format", "csv"]) == 0
    (line,) = [row for row in csv.DictReader(capsys.readouterr().out.splitlines()) if row["experiment"] == "Rival"]
    assert (line["kind"], line["about"]) == ("external", "KADID-10k")
    assert status([]) == 0
    assert "external, trained on KADID-10k" in capsys.readouterr().out


@pytest.mark.slow
def test_a_split_by_seed_takes_the_test_images_of_each_seed(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, capsys: Capsys
) -> None:
    folder = tmp_path_factory.mktemp("by-seed")
    monkeypatch.chdir(folder)
    make_set(folder, by_seed=True)
    finish_runs(folder)
    assert main([csv_of(folder / "all.csv", ELSEWHERE), "--exp", "Q-Align", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["imported"]
    assert [(one["seed"], one["images"], one["elsewhere"]) for one in found] == [(s, 32, 128) for s in (1, 2, 3)]
    assert rows(capsys)["Q-Align"]["seeds"] == [1, 2, 3]
    second = next(Path("runs/own/Baseline").glob("s2-*"))
    names = [line.partition(",")[0] for line in (second / "predictions-test.csv").read_text().splitlines()[1:]]
    only = csv_of(folder / "second.csv", ELSEWHERE, [int(name[4:8]) for name in names])
    with pytest.raises(DataError, match=r"of the 32 test images \(seed 1\).*all test images of seed 2; --seed 2"):
        main([only, *NEW])
    assert main([only, *NEW, "--seed", "2"]) == 0
    assert rows(capsys)["Rival"]["seeds"] == [2]


def test_a_seed_column_makes_a_run_of_each_seed(project: Path, capsys: Capsys) -> None:
    lines = [f"img_{k:04},{ELSEWHERE[k] + seed * HARD[-k - 1]},{seed}\n" for seed in (1, 2) for k in TEST]
    Path("seeds.csv").write_text("name,pred,seed\n" + "".join(lines))
    assert main(["seeds.csv", "--exp", "Q-Align"]) == 0
    assert [run.seed for run in run_folders(Path("runs"))] == [1, 2]


@pytest.mark.parametrize("option", ["--lower-is-better", "--higher-is-better"])
def test_it_is_asked_whether_lower_is_better(option: str, project: Path, capsys: Capsys) -> None:
    low = csv_of(project / "low.csv", -ELSEWHERE)
    with pytest.raises(DataError, match=r"SRCC with the opinion scores is -0\.9.*--lower-is-better.*--higher-is-bet"):
        main([low, "--exp", "Q-Align"])
    assert not Path("runs").exists()
    assert main([low, "--exp", "Q-Align", option]) == 0
    assert rows(capsys)["Q-Align"]["value"] * (1 if option == "--lower-is-better" else -1) > 0.9


def test_another_split_is_refused_and_named(project: Path) -> None:
    train = csv_of(project / "train.csv", ELSEWHERE, [k for k in range(IMAGES) if k % 4 > 1])
    with pytest.raises(DataError, match=r"has 0 of the 40 test images.*it has all 80 train images"):
        main([train, *NEW])
    lines = [f"img_{k:04}.jpg,{ELSEWHERE[k]},{'test' if k % 4 == 2 else 'train'}\n" for k in range(IMAGES)]
    Path("split.csv").write_text("image,prediction,split\n" + "".join(lines))
    with pytest.raises(DataError, match=r"its split is not that of Baseline \(official split\): 80 of its 160 images"):
        main(["split.csv", *NEW])


@pytest.mark.parametrize(
    ("column", "says"),
    [
        (lambda k: SCORES[k], ""),
        (lambda k: 25 * (SCORES[k] - 1), "on another scale (correlation 1.0000); those of mine are used"),
        (lambda k: k % 7, None),
        (lambda k: 1, None),
    ],
)
def test_given_scores_are_compared_with_those_of_the_set(
    column: Callable[[int], float], says: str | None, capsys: Capsys
) -> None:
    lines = [f"img_{k:04}.jpg,{ELSEWHERE[k]},{column(k)}\n" for k in TEST]
    Path("scored.csv").write_text("image,prediction,mos\n" + "".join(lines))
    if says is None:
        with pytest.raises(
            DataError, match=r"its opinion scores are not those of \"mine\": they (correlate -?0\.|are all equal)"
        ):
            main(["scored.csv", *NEW])
        return
    assert main(["scored.csv", *NEW]) == 0
    assert says in capsys.readouterr().out


def test_scores_are_not_taken_for_predictions(project: Path) -> None:
    with pytest.raises(DataError, match="the predictions are the opinion scores themselves"):
        main([csv_of(project / "same.csv", SCORES), *NEW])
    with pytest.raises(DataError, match="all predictions of the test images are 3"):
        main([csv_of(project / "flat.csv", np.full(IMAGES, 3.0)), *NEW])


def test_twice_changes_nothing_and_other_predictions_need_again(project: Path, capsys: Capsys) -> None:
    main(["q.csv", *NEW])
    before = tree()
    assert main(["q.csv", *NEW]) == 0
    assert "q.csv: unchanged; already imported as runs/own/Rival/s1-" in capsys.readouterr().out
    assert tree() == before
    other = csv_of(project / "other.csv", ELSEWHERE + HARD)
    with pytest.raises(UsageError, match=r"Rival \(seed 1\) has other predictions already, from .*q\.csv"):
        main([other, *NEW])
    assert tree() == before
    assert main([other, *NEW, "--again"]) == 0
    (run,) = run_folders(Path("runs"))
    assert (run.attempts()[0].folder / "predictions-test.csv").read_bytes() == before[
        str(run.path / "predictions-test.csv")
    ]
    assert main([other, "--exp", "Rival", "--trained-on", "LIVE"]) == 0
    assert "other.csv: updated as" in capsys.readouterr().out
    finish_runs(project)
    assert rows(capsys)["Rival"]["about"] == "LIVE"


@pytest.mark.parametrize("fails", ["_write_attempt", "_write_top"])
def test_it_is_imported_completely_or_not_at_all(fails: str, monkeypatch: pytest.MonkeyPatch, capsys: Capsys) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "runs/x")

    with monkeypatch.context() as patch:
        patch.setattr(external_run, fails, full)
        with pytest.raises(RunError, match="runs/x cannot be written: No space left on device; nothing is imported"):
            main(["q.csv", *NEW])
    assert tree() == {}
    left = Path("runs/own/Rival/.import-left")  # of an import that was killed
    left.mkdir()
    assert main(["q.csv", *NEW]) == 0
    assert not left.exists()
    assert "imported as" in capsys.readouterr().out


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_runs_folder_that_cannot_be_written(project: Path) -> None:
    Path("runs").mkdir(mode=0o555)
    with pytest.raises(RunError, match="cannot be written: Permission denied"):
        main(["q.csv", *NEW])


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["--exp", "A1", "--trained-on", "x"], "A1 is run here, as experiments.toml says"),
        (["--exp", "a1", "--trained-on", "x"], "differs from A1 of experiments.toml only in case"),
        (["--exp", "Rival"], 'Rival is not in experiments.toml, so say what its model .*known: Q-Align'),
        (["--exp", "Q-Alig"], 'did you mean "Q-Align"'),
        (["--exp", "../x", "--trained-on", "x"], "is not a valid name"),
        (["--exp", "Rival", "--trained-on", "a\x1bb"], r"--trained-on holds the control character U\+001B"),
        (["--exp", "Q-Align", "--trained-on", "LIVE"], 'Q-Align external = "KonIQ-10k & SPAQ"; change it there'),
        ([*NEW, "--dataset", "other"], "Rival has no predictions of mine yet, on whose test images own compares"),
        ([*NEW, "--study", "nope"], 'there is no study "nope"'),
        ([*NEW, "--seed", "1", "--profile", "x"], 'unknown profile "x"'),
    ],
)  # fmt: skip
def test_what_cannot_be_imported(argv: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        main(["q.csv", *argv])
    assert not Path("runs").exists()


@pytest.mark.slow
def test_predictions_on_another_set_are_shown_for_that_set(project: Path, capsys: Capsys) -> None:
    scores = np.round(np.random.default_rng(3).uniform(0, 9, 40), 2)
    names = tuple(f"{k}.png" for k in range(40))
    (project / "data/other/pics").mkdir(parents=True)
    (project / "data/other/s.csv").write_text("image,score\n" + "".join(f"{k}.png,{scores[k]}\n" for k in range(40)))
    other = '[datasets.other]\npath = "data/other"\ncsv = "s.csv"\nimage_dir = "pics"\nscore_range = [0, 9]\n'
    (project / "experiments.toml").write_text(STUDY + other)
    finish_runs(project)
    for run in run_folders(Path("runs")):
        predicted = scores + HARD[run.seed : run.seed + 40]
        write_predictions(run.round(1, 1).predictions("other"), Predictions(names, scores, predicted))
    main(["q.csv", *NEW])
    Path("o.csv").write_text("image,prediction\n" + "".join(f"x/{k}.JPG,{k % 5 - scores[k]}\n" for k in range(40)))
    on_other = ["o.csv", "--exp", "Rival", "--dataset", "other"]
    with pytest.raises(DataError, match="as if lower were better"):
        main(on_other)
    assert main([*on_other, "--lower-is-better"]) == 0
    assert "o.csv: imported beside runs/own/Rival/s1-" in capsys.readouterr().out
    assert main([*on_other, "--lower-is-better"]) == 0
    assert "o.csv: unchanged beside" in capsys.readouterr().out
    row = rows(capsys, "--on", "other")["Rival"]
    assert (row["kind"], row["images"], row["delta"] is None) == ("external", 40, False)
    with pytest.raises(UsageError, match="Rival has other predictions on other already; --again replaces them"):
        Path("o.csv").write_text("image,prediction\n" + "".join(f"{k},{scores[k] + k % 3}\n" for k in range(40)))
        main(on_other)


def test_a_name_that_runs_have_is_taken(project: Path) -> None:
    finish_runs(project)
    text = STUDY.replace('[[experiments]]\nid = "A1"\nset = { attention_fusion = false }\n', "")
    (project / "experiments.toml").write_text(text)
    with pytest.raises(UsageError, match="A1 has a run that was not imported, runs/own/A1/s1-"):
        main(["q.csv", "--exp", "A1", "--trained-on", "x"])


@pytest.mark.slow
def test_a_study_that_no_file_declares_takes_them_too(project: Path, capsys: Capsys) -> None:
    finish_runs(project)
    (project / "experiments.toml").write_text(STUDY.replace('name = "own"', 'name = "another"'))
    assert main(["q.csv", *NEW, "--study", "own"]) == 0
    found = rows(capsys, "--study", "own")
    assert found["Rival"]["kind"] == "external"
    assert found["Rival"]["delta"] is not None


def test_until_it_is_imported_it_waits(project: Path, capsys: Capsys) -> None:
    finish_runs(project)
    words = "waits for predictions: iqa-train import-predictions FILE --exp Q-Align"
    assert check(["--json"]) == 0
    findings = json.loads(capsys.readouterr().out)["findings"]
    (note,) = [one for one in findings if one["code"] == "waits-for-predictions"]
    assert (note["severity"], note["experiment"]) == ("note", "Q-Align")
    status([])
    assert f"\nQ-Align {words}\n" in capsys.readouterr().out
    row = rows(capsys)["Q-Align"]
    assert (row["value"], row["state"], row["kind"]) == (None, "not started", "external")
    assert words in row["notes"]
    main(["q.csv", "--exp", "Q-Align"])
    capsys.readouterr()
    status(["--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["wait_for_predictions"] == []
    assert [row["kind"] for row in found["runs"] if row["experiment"] == "Q-Align"] == ["external"]


def test_nothing_is_trained_for_it(project: Path, capsys: Capsys) -> None:
    assert train(["--all", "--dry-run", "--json"]) == 0
    assert "Q-Align" not in capsys.readouterr().out
    with pytest.raises(UsageError, match=r"Q-Align is external in experiments.toml and cannot be run; iqa-train "):
        train(["--exp", "Q-Align"])
    main(["q.csv", "--exp", "Q-Align"])
    with pytest.raises(UsageError, match="has imported predictions, and there is nothing to run"):
        relaunch(["Q-Align"])
    with pytest.raises(UsageError, match=r"has imported predictions and no network"):
        predict(["q.csv", "--run", "Q-Align"])


def test_the_run_folder_says_where_it_comes_from(project: Path) -> None:
    main(["q.csv", "--exp", "Q-Align"])
    (run,) = run_folders(Path("runs"))
    assert isinstance(run, RunFolder)
    facts = json.loads(run.provenance.read_text())["external"]
    assert facts["file"] == str(project / "q.csv")
    assert (facts["rows"], facts["images"], facts["elsewhere"], facts["unknown"]) == (160, 40, 120, 0)
    assert facts["columns"] == {"image": "image", "prediction": "prediction"}
    assert len(facts["sha256"]) == 64
    assert set(json.loads(run.spec.read_text())["settings"]) == {"dataset", "data_dir", "seed"}
