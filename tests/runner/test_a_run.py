"""A run from the command line to its files: what is there afterwards, and that it adds up."""

import csv
import itertools
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from tests.conftest import Project


def _predictions(path: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    with path.open() as file:
        rows = list(csv.DictReader(file))
    return [r["image"] for r in rows], *(np.array([float(r[k]) for r in rows]) for k in ("score", "prediction"))


def test_the_run_directory_is_complete(undisturbed: Project) -> None:
    run = undisturbed.run_folder("A1")
    assert re.fullmatch(r"s42-[0-9a-f]{10}", run.name)
    names = {str(p.relative_to(run)) for p in run.rglob("*") if p.is_file()}
    assert names == {
        "spec.json", "provenance.json", "result.json", "lock", "predictions-val.csv", "predictions-test.csv",
        "references-val.csv", "references-test.csv",
        "checkpoints/last.safetensors", "checkpoints/best.safetensors",
        "attempt-01/runner.json", "attempt-01/metrics.jsonl", "attempt-01/exit.json",
        "attempt-01/devices.jsonl",
    }  # fmt: skip
    spec = json.loads((run / "spec.json").read_text())
    assert spec["settings"]["attention_fusion"] is False
    assert run.name.endswith(spec["config_hash"])
    assert spec["differs"] == {"attention_fusion": [True, False]}
    ended = json.loads((run / "attempt-01" / "exit.json").read_text())
    assert (ended["state"], ended["exit_code"], ended["signal"]) == ("completed", 0, None)
    provenance = json.loads((run / "provenance.json").read_text())
    assert provenance["packages"]["torch"].startswith("2.")
    assert provenance["data"]["images"] == {"train": 34, "val": 4, "test": 10}


def test_figures_follow_from_the_predictions(undisturbed: Project) -> None:
    for experiment in ("Baseline", "A1", "A2"):
        run = undisturbed.run_folder(experiment)
        result = json.loads((run / "result.json").read_text())
        _, scores, predicted = _predictions(run / "predictions-test.csv")
        assert result["srcc"] == pytest.approx(stats.spearmanr(scores, predicted).statistic, abs=1e-12)
        assert result["plcc"] == pytest.approx(stats.pearsonr(scores, predicted).statistic, abs=1e-12)
        assert result["krcc"] == pytest.approx(stats.kendalltau(scores, predicted).statistic, abs=1e-12)
        assert result["rmse"] == pytest.approx(np.sqrt(np.mean((scores - predicted) ** 2)), rel=1e-12)


def test_no_scene_is_in_two_splits(undisturbed: Project) -> None:
    run = undisturbed.run_folder("Baseline")
    val, test = (_predictions(run / f"predictions-{s}.csv")[0] for s in ("val", "test"))
    scene = {f"images/{k:02}.png": k // 2 for k in range(48)}
    train = set(scene) - set(val) - set(test)
    parts = [{scene[name] for name in part} for part in (train, set(val), set(test))]
    assert all(a.isdisjoint(b) for a, b in ((parts[0], parts[1]), (parts[0], parts[2]), (parts[1], parts[2])))


def test_the_log_reads_as_the_old_one(undisturbed: Project) -> None:
    logs = sorted((undisturbed.folder / "logs").glob("*_small_*.log"))
    assert [re.sub(r"_small_\d{8}_\d{6}\.log", "", p.name) for p in logs] == [
        "A1_no_attention",
        "A2_no_multiscale",
        "baseline",
    ]
    for log in logs:
        lines = log.read_text().splitlines()
        start = lines.index("Epoch\tTrain_Loss\tTrain_SRCC\tTest_SRCC\tTest_PLCC")
        rows = [line for line in lines[start:] if re.fullmatch(r"\d+\t\d+\.\d{3}(\t-?\d\.\d{4}){3}", line)]
        assert [row.split("\t")[0] for row in rows] == ["1", "2", "3"]
        assert sum(bool(re.fullmatch(r"Best test SRCC -?\d\.\d{6}, PLCC -?\d\.\d{6}", line)) for line in lines) == 1
        (beside,) = [after for line, after in itertools.pairwise(lines) if line.startswith("Best test SRCC")]
        assert re.match(
            r"that is the test SRCC of epoch \d of 3, chosen on the validation images; choosing on test would", beside
        )
        assert re.fullmatch(r"Testing median SRCC -?\d\.\d{4},\tmedian PLCC -?\d\.\d{4}", lines[-1])


def test_the_result_is_test_at_the_best_validation_epoch(undisturbed: Project) -> None:
    run = undisturbed.run_folder("Baseline")
    events = [json.loads(line) for line in (run / "attempt-01" / "metrics.jsonl").read_text().splitlines()]
    epochs = [e for e in events if e["event"] == "epoch"]
    assert [e["epoch"] for e in epochs] == [1, 2, 3]
    best = max(epochs, key=lambda e: e["val_srcc"])  # the first of equals, as in training
    result = json.loads((run / "result.json").read_text())
    round_ = result["rounds"][0]
    assert (round_["best_epoch"], result["srcc"]) == (best["epoch"], best["test_srcc"])
    assert round_["test_chosen"]["srcc"] == max(e["test_srcc"] for e in epochs)


@pytest.mark.slow
def test_a_small_rate_is_not_printed_as_zero(project: Project) -> None:
    done = project.run("--exp", "A1", "--lr", "5e-7", "--epochs", "1", "--lr_scheduler", "none")
    assert "lr: backbone 5e-07" in done.stdout
    assert "0.000000" not in done.stdout


@pytest.mark.slow
def test_rounds_have_consecutive_seeds_and_fresh_splits(project: Project) -> None:
    project.run("--exp", "Baseline", "--train_test_num", "3", "--epochs", "1")
    run = project.run_folder("Baseline")
    result = json.loads((run / "result.json").read_text())
    assert [r["seed"] for r in result["rounds"]] == [42, 43, 44]
    tests = [tuple(_predictions(run / f"round-{n:02}" / "predictions-test.csv")[0]) for n in (1, 2, 3)]
    assert len(set(tests)) == 3
    assert result["srcc"] == np.median([r["test"]["srcc"] for r in result["rounds"]])
    log = next((project.folder / "logs").glob("*.log")).read_text()
    assert log.count("Best test SRCC") == 3
    assert log.count("Testing median SRCC") == 1


@pytest.mark.slow
def test_patience_stops_a_run_that_no_longer_improves(project: Project) -> None:
    project.run("--exp", "Baseline", "--epochs", "30", "--early_stopping", "--patience", "2")
    run = project.run_folder("Baseline")
    result = json.loads((run / "result.json").read_text())
    round_ = result["rounds"][0]
    assert result["stopped_early"]
    assert round_["epochs"] == round_["best_epoch"] + 2 < 30
    ended = json.loads((run / "attempt-01" / "exit.json").read_text())
    assert ended["state"] == "stopped-early"


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["l2", "srcc", "rank", "pairwise", "soft_srcc", "margin_rank", "ranknet"])
def test_every_loss_trains(project: Project, loss: str) -> None:
    project.run(
        "--exp", "Baseline", "--loss_type", loss, "--epochs", "1", "--color_jitter", "--ranking_loss_alpha", "0.5"
    )


@pytest.mark.slow
def test_a_loss_that_is_not_a_number_stops_the_run_by_name(project: Project) -> None:
    done = project.run("--exp", "Baseline", "--lr_ratio", "1e35", code=1)
    assert "diverged: the loss is" in done.stderr
    ended = json.loads((project.run_folder("Baseline") / "attempt-01" / "exit.json").read_text())
    assert ended["state"] == "failed"
    assert re.search(r"epoch 1, step \d+; lower lr", ended["reason"])


@pytest.mark.slow
def test_a_finished_run_is_not_run_again_unless_asked(project: Project) -> None:
    project.run("--exp", "A2", "--epochs", "1")
    run = project.run_folder("A2")
    before = (run / "predictions-test.csv").read_bytes()
    done = project.run("--exp", "A2", "--epochs", "1")
    assert "--again" in done.stderr
    assert not (run / "attempt-02").exists()
    project.run("--exp", "A2", "--epochs", "1", "--again")
    assert (run / "attempt-01" / "predictions-test.csv").read_bytes() == before  # kept
    assert (run / "attempt-02" / "exit.json").exists()
    assert (run / "predictions-test.csv").read_bytes() == before  # and repeatable to the last bit


@pytest.mark.slow
def test_two_runs_at_once_share_one_pixel_store(project: Project) -> None:
    both = [project.start("--exp", name, "--epochs", "1") for name in ("Baseline", "A1")]
    for process in both:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, out + err
    assert len(list((project.folder / "cache" / "iqa-train" / "pixels").iterdir())) == 1


@pytest.mark.slow
def test_the_same_run_cannot_run_twice_at_once(project: Project) -> None:
    first = project.start("--exp", "Baseline", "--epochs", "40")
    try:
        while not (project.folder / "runs").exists() or not list((project.folder / "runs").rglob("metrics.jsonl")):
            assert first.poll() is None
        done = project.run("--exp", "Baseline", "--epochs", "40", code=1)
        assert "is running already" in done.stderr
    finally:
        first.terminate()
        first.communicate(timeout=60)
    assert first.returncode == 130


@pytest.mark.slow
def test_spaq_is_tested_across_where_it_is_found(project: Project) -> None:
    from openpyxl import Workbook

    folder = project.folder / "elsewhere"
    (folder / "Annotations").mkdir(parents=True)
    shutil.copytree(project.folder / "data" / "small" / "images", folder / "TestImage")
    book = Workbook()
    book.active.append(["Image name", "MOS", "Brightness"])
    for k in range(48):
        book.active.append([f"{k:02}.png", 100 - 8 * (k % 12), 50])
    book.save(folder / "Annotations" / "MOS and Image attribute scores.xlsx")
    words = ["--exp", "Baseline", "--spaq", "--epochs", "1"]
    missing = project.run(*words)
    assert "there is no data/spaq to test on" in missing.stdout
    study = project.folder / "experiments.toml"
    study.write_text(study.read_text() + '\n[datasets.spaq]\npath = "elsewhere"\n')
    found = project.run(*words, "--again")
    images, scores, predicted = _predictions(project.run_folder("Baseline") / "predictions-spaq.csv")
    assert images == [f"{k:02}.png" for k in range(48)]
    assert f"SPAQ test SRCC {stats.spearmanr(scores, predicted).statistic:f}" in found.stdout


@pytest.mark.slow
def test_a_run_does_not_continue_on_other_data(project: Project) -> None:
    runner = project.start("--exp", "Baseline", "--epochs", "40")
    while not list((project.folder / "runs").rglob("last.safetensors")):
        assert runner.poll() is None
    runner.terminate()
    runner.communicate(timeout=60)
    table = project.folder / "data" / "small" / "scores.csv"
    lines = table.read_text().splitlines(keepends=True)
    table.write_text("".join(lines).replace(lines[1], lines[1].replace(lines[1].split(",")[1], "50.5")))
    done = project.run("--exp", "Baseline", "--epochs", "40", "--resume", code=2)
    assert "Baseline has begun in" in done.stderr
    assert "with other images, scores or split than" in done.stderr


@pytest.mark.slow
def test_a_last_batch_of_one_crop_is_trained_on(project: Project) -> None:
    project.run("--exp", "Baseline", "--batch_size", "5", "--epochs", "1")  # 136 crops: 27 batches and one crop
    done = project.run("--exp", "Baseline", "--batch_size", "1", "--epochs", "1", code=2)
    assert "batch_size 1 with patch_size 32" in done.stderr


@pytest.mark.slow
def test_a_finished_run_of_other_data_is_not_passed_off(project: Project) -> None:
    project.run("--exp", "Baseline", "--epochs", "1")
    table = project.folder / "data" / "small" / "scores.csv"
    table.write_text(table.read_text().replace("scene3\n", "scene4\n"))
    done = project.run("--exp", "Baseline", "--epochs", "1", code=2)
    assert "with other images, scores or split" in done.stderr
    project.run("--exp", "Baseline", "--epochs", "1", "--again")


def test_the_whole_of_a_printed_command(project: Project) -> None:
    text = project.run("--exp", "A1", "--lr", "0.000123456789", "--runs-dir", "elsewhere", "--dry-run").stdout
    assert "--lr 0.000123456789" in text
    assert "--runs-dir elsewhere" in text


@pytest.mark.slow
def test_results_that_cannot_be_replaced_are_not_moved_away(project: Project) -> None:
    project.run("--exp", "A2", "--epochs", "1")
    run = project.run_folder("A2")
    before = {p.relative_to(run) for p in run.rglob("*")}
    (project.folder / "nologs").write_text("")
    project.run("--exp", "A2", "--epochs", "1", "--again", "--logs-dir", "nologs/deeper", code=1)
    assert {p.relative_to(run) for p in run.rglob("*")} == before
