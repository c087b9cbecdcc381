"""The command line: the old script's commands, layers of settings, and what is said to wrong ones."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from iqa_train.cli.main import main
from iqa_train.cli.other_scripts import SCRIPTS
from tests.conftest import PROGRAM, Project

ROOT = Path(__file__).resolve().parents[2]
BASELINE = shlex.split("""
  --dataset koniq-10k --model_size base --batch_size 32 --epochs 10 --patience 3 --train_patch_num 20
  --test_patch_num 20 --train_test_num 1 --lr 5e-7 --weight_decay 2e-4 --drop_path_rate 0.3 --dropout_rate 0.4
  --lr_scheduler cosine --attention_fusion --ranking_loss_alpha 0 --test_random_crop --no_spaq --no_color_jitter
""")
A1 = [word for word in BASELINE if word != "--attention_fusion"]
A2 = [*BASELINE, "--no_multiscale"]

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def _settings(text: str) -> dict[str, object]:
    """The settings of a dry run's one plan."""
    return tomllib.loads("\n".join(re.findall(r"^    (\w+ = .*)$", text, re.MULTILINE)))


@pytest.mark.parametrize(("words", "experiment"), [(BASELINE, "Baseline"), (A1, "A1"), (A2, "A2")])
def test_the_hand_typed_command_is_the_study_experiment(empty: Run, words: list[str], experiment: str) -> None:
    by_hand = _settings(empty(*words, "--dry-run").stdout)
    of_study = _settings(empty("--exp", experiment, "--dry-run").stdout)
    assert by_hand == of_study
    assert by_hand["lr_floor"] == 0


def test_by_hand_settings_start_from_the_old_scripts_defaults(empty: Run) -> None:
    settings = _settings(empty("--lr", "1e-5", "--dry-run").stdout)
    expected = {
        "dataset": "livec",
        "model_size": "tiny",
        "train_patch_num": 25,
        "test_patch_num": 25,
        "lr": 1e-5,
        "lr_ratio": 10,
        "weight_decay": 5e-4,
        "batch_size": 96,
        "epochs": 16,
        "patience": 5,
        "early_stopping": True,
        "patch_size": 224,
        "train_test_num": 10,
        "loss_type": "l1",
        "ranking_loss_alpha": 0.5,
        "ranking_loss_margin": 0.1,
        "multi_scale": True,
        "attention_fusion": False,
        "drop_path_rate": 0.2,
        "dropout_rate": 0.3,
        "lr_scheduler": "cosine",
        "test_random_crop": False,
        "spaq": True,
        "color_jitter": True,
        "seed": 42,
        "select_on": "val",
    }
    assert {name: settings[name] for name in expected} == expected


def test_a_dry_run_says_how_crops_are_normalised(empty: Run) -> None:
    words = ("--dataset", "demo", "--backbone", "vit_base_patch16_siglip_224.v2_webli", "--dry-run")
    assert "\n  normalisation: mean 0.5 0.5 0.5, std 0.5 0.5 0.5\n" in empty(*words).stdout
    (run,) = json.loads(empty(*words, "--json", "--mean", "0.1,0.2,0.3").stdout)["runs"]
    assert run["normalisation"] == {"mean": [0.1, 0.2, 0.3], "std": [0.5, 0.5, 0.5]}


def test_a_repeat_has_the_settings_of_the_first_run_and_a_folder_of_its_own(project: Project) -> None:
    words = ("--exp", "A1", "--dry-run", "--json")
    (first,), (repeat,) = (json.loads(project.run(*words, *more).stdout)["runs"] for more in ((), ("--repeat", "2")))
    assert repeat["run_dir"] == f"{first['run_dir']}-r2"
    assert (first["repeat"], repeat["repeat"], repeat["seed"]) == (1, 2, first["seed"])
    assert (repeat["settings"], repeat["config_hash"]) == (first["settings"], first["config_hash"])
    assert repeat["command"][-2:] == ["--repeat", "2"]
    assert "--repeat" in project.run(*words, "--repeat", "1", code=2).stderr  # the first run is no repeat


def test_spellings(empty: Run) -> None:
    settings = _settings(empty("--no-multiscale", "--batch-size=7", "--no_lr_scheduler", "--dry-run").stdout)
    assert (settings["multi_scale"], settings["batch_size"], settings["lr_scheduler"]) == (False, 7, "none")


def test_layers_and_what_differs(project: Project) -> None:
    text = project.run("--exp", "A1", "--lr", "1e-4", "--seed", "7", "--dry-run").stdout
    settings = _settings(text)
    assert (settings["lr"], settings["seed"], settings["epochs"], settings["lr_floor"]) == (1e-4, 7, 3, 0)
    assert "differs from Baseline in: attention_fusion false (there true)" in text
    assert not (project.folder / "runs").exists()


def test_the_printed_command_gives_the_same_run(project: Project) -> None:
    text = project.run("--exp", "A1", "--lr", "1e-4", "--dry-run").stdout
    command = re.search(r"command: iqa-train (.*)", text)
    assert command
    assert project.run(*command[1].split(), "--dry-run").stdout == text


def test_help_is_a_page_for_newcomers(empty: Run) -> None:
    text = empty("--help").stdout
    for word in ("--demo", "--exp", "--resume", "--dry-run", "--lr_floor", "--no_multiscale", "exit status", "check"):
        assert word in text
    for line in text.splitlines():
        assert len(line) <= 120, line


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--exp", "A9"], 'unknown experiment "A9"'),
        (["--exp", "basline"], 'did you mean "Baseline"?'),
        (["--exp", "A1", "--lrr", "1"], 'did you mean "--lr"'),
        (["--exp", "A1", "--lr", "fast"], "--lr fast is not a number"),
        (["--exp", "A1", "--batch_size", "0"], "allowed: at least 1"),
        (["--exp", "A1", "--model_size", "huge"], "allowed: tiny, small, base"),
        (["--exp", "A1", "--gpu", "64"], "--gpu 64: this machine has"),
        (["--exp", "A1", "--backbone", "swn"], 'unknown backbone "swn"; did you mean "swin"?'),
        (["--exp", "A1", "--patch_size", "64"], "is 48x40, smaller than patch_size 64"),
        (["--exp", "A1", "--dataset", "smal"], 'unknown data set "smal"'),
        (["--exp", "A1", "--dataset", "koniq-10k"], "data/koniq-10k: there is no such folder"),
        (["--exp", "A1", "--data_dir", "nowhere"], "nowhere"),
        (["--exp", "A1", "--weights", "none.pth"], "there is no such file"),
        (["--exp", "A1", "--profile", "quick"], 'unknown profile "quick"'),
        (["--exp", "A1", "--experiments", "none.toml"], "none.toml"),
        (["trian"], 'unknown command "trian"'),
        ([], "nothing to train"),
    ],
)
def test_an_error_is_answered_in_one_sentence(project: Project, words: list[str], said: str) -> None:
    done = project.run(*words, code=2)
    assert said in done.stderr
    complaints = [line for line in done.stderr.splitlines() if line.startswith("iqa-train: ")]
    assert len(complaints) == 1, done.stderr


def test_a_schedule_that_rises_does_not_start(project: Project) -> None:
    done = project.run("--exp", "A1", "--lr_floor", "0.5", code=1)
    assert "rising-schedule" in done.stderr
    assert not (project.folder / "runs").exists()


@pytest.mark.slow
def test_a_damaged_image_is_named_and_replacing_it_is_enough(project: Project) -> None:
    image = project.folder / "data" / "small" / "images" / "07.png"
    whole = image.read_bytes()
    image.write_bytes(whole[: len(whole) // 2])
    done = project.run("--exp", "A1", "--epochs", "1", code=2)
    assert "07.png cannot be decoded" in done.stderr
    image.write_bytes(whole)
    project.run("--exp", "A1", "--epochs", "1")


@pytest.mark.slow
def test_unusual_images_are_trained_on(project: Project) -> None:
    """Grey, 16-bit, palette and alpha, and a PNG that is called .jpg."""
    images = project.folder / "data" / "small" / "images"
    with Image.open(images / "00.png") as picture:
        colour = picture.convert("RGB")
    colour.convert("L").save(images / "00.png")
    Image.fromarray(np.asarray(colour.convert("L")).astype(np.uint16) * 257).save(images / "01.png")
    colour.convert("P").save(images / "02.png")
    colour.convert("RGBA").save(images / "03.png")
    colour.convert("CMYK").save(images / "04.jpg")
    colour.save(images / "05.jpg", format="PNG")
    table = project.folder / "data" / "small" / "scores.csv"
    table.write_text(
        table.read_text().replace("images/04.png", "images/04.jpg").replace("images/05.png", "images/05.jpg")
    )
    project.run("--exp", "A1", "--epochs", "1")


def test_a_reader_that_leaves_is_not_an_error(project: Project) -> None:
    process = subprocess.run(
        f"{' '.join(PROGRAM)} --exp A1 --dry-run | head -1",
        shell=True,
        cwd=project.folder,
        capture_output=True,
        text=True,
        env=project.environment(),
        check=True,
    )
    assert process.stderr == ""


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which the wheel, not the checkout, is what Python finds."""
    target = tmp_path_factory.mktemp("installed")
    tree = tmp_path_factory.mktemp("source")
    for name in ("iqa_train", "iqa_tui"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "experiments.toml"):
        shutil.copy(ROOT / name, tree / name)
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--target",
        str(target),
    ]
    subprocess.run([*pip, str(tree)], check=True, capture_output=True)
    return {**os.environ, "PYTHONPATH": str(target), "CUDA_VISIBLE_DEVICES": ""}


def _program(folder: Path, environment: dict[str, str], *words: str) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        [*PROGRAM, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=1800, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_an_installed_program_brings_its_study_along(installed: dict[str, str], tmp_path: Path) -> None:
    done = _program(tmp_path, installed, "--demo", "--dry-run")
    assert done.stdout.count("run directory runs/demo/") == 5
    assert installed["PYTHONPATH"] in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["train_test_IQA.py", "--dataset", "livec"],
            "HyperIQA's own trainer and has other defaults; the equivalent",
        ),
        (["python", "train_test_IQA.py", "--dataset", "livec"], "iqa-train --backbone resnet50 --no_multiscale"),
        (["python3", "-u", "scripts/train_hyperiqa.py"], "train_hyperiqa.py is the study's trainer of HyperIQA"),
        (["scripts/train_smart_iqa.py", "--lr", "5e-7"], "the study's final trainer and has other defaults"),
        (["./train_smart_iqa.py"], "the equivalent is iqa-train --exp Baseline (experiments.toml has those defaults)"),
        (["train_swin.py", "--dataset", "livec"], "leave train_swin.py out"),
        (["mine.py"], "mine.py is a script, which iqa-train does not run"),
        (
            ["--dataset", "livec", "--use_attention"],
            "an option of the study's final trainer; here it is --attention_fus",
        ),
        (["--dataset", "livec", "--use-attention"], "--use_attention is an option of the study's final trainer"),
        (["--dataset", "livec", "--koniq_path=/x"], "here it is --data_dir"),
        (["--use_color_jitter"], "an option of the study's trainer of HyperIQA; here it is --color_jitter"),
    ],
)
def test_commands_of_other_scripts_are_recognised(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("script", "lines"),
    [
        ("train_test_IQA.py", ("early_stopping = false", "test_random_crop = true", "spaq = false")),
        ("train_hyperiqa.py", ("early_stopping = true", "patience = 5", "test_random_crop = false", "spaq = true")),
    ],
)
def test_the_equivalents_of_hyperiqas_trainers_are_understood(
    script: str, lines: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    _, words = SCRIPTS[script]
    assert main([*words.partition(",")[0].split()[1:], "--dataset", "livec", "--dry-run"]) == 0
    out = capsys.readouterr().out
    common = ('backbone = "resnet50"', "multi_scale = false", 'lr_scheduler = "step"', "dropout_rate = 0.0")
    for line in (*common, "color_jitter = false", "ranking_loss_alpha = 0.0", *lines):
        assert f"    {line}\n" in out
