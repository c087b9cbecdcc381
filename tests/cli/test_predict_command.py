"""`iqa-train predict`: the run's own predictions to the last digit, and folders as people have them."""

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from tests.conftest import PROGRAM, Project
from tests.scheduler.cross_project import Crossed


@pytest.fixture(scope="module")
def trained(crossed: Crossed, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return crossed.copy(tmp_path_factory.mktemp("predict") / "trained")


def scores(text: str) -> dict[str, str]:
    rows = list(csv.DictReader(io.StringIO(text)))
    assert not rows or list(rows[0]) == ["image", "prediction"]
    return {row["image"]: row["prediction"] for row in rows}


def own(project: Project, split: str = "test") -> dict[str, str]:
    with (project.run_folder("Baseline") / f"predictions-{split}.csv").open() as file:
        return {row["image"]: row["prediction"] for row in csv.DictReader(file)}


@pytest.fixture
def photos(trained: Project, tmp_path: Path) -> Path:
    """A folder outside of any data set, with three copies of the study's pictures."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    images = trained.folder / "data" / "small" / "images"
    shutil.copy(images / "00.png", folder / "a.png")
    shutil.copy(images / "01.png", folder / "b.PNG")
    shutil.copy(images / "02.png", folder / "more" / "c.png")
    return folder


@pytest.mark.slow
def test_test_images_have_the_runs_own_predictions_to_the_last_digit(trained: Project) -> None:
    found = scores(trained.run("predict", "data/small", "--run", "Baseline").stdout)
    assert len(found) == 48
    for split in ("test", "val"):
        expected = own(trained, split)
        assert {name: found[f"data/small/{name}"] for name in expected} == expected
    one = next(iter(own(trained)))
    alone = trained.run("predict", str(trained.folder / "data/small" / one), "--run", "Baseline")
    assert list(scores(alone.stdout).values()) == [own(trained)[one]]
    folder = trained.run_folder("Baseline").relative_to(trained.folder)
    linked = trained.folder / "linked"
    linked.symlink_to(trained.folder / "data" / "small")
    (trained.folder / "chosen.png").symlink_to(trained.folder / "data" / "small" / one)
    words = ["predict", "chosen.png", f"linked/{one}", "--run", str(folder), "--slots", "2"]
    assert list(scores(trained.run(*words).stdout).values()) == [own(trained)[one]] * 2


@pytest.mark.slow
def test_folders_are_searched_and_other_files_skipped(trained: Project, photos: Path) -> None:
    (photos / ".hidden.png").write_bytes(b"")
    (photos / ".cache").mkdir()
    (photos / "notes.txt").write_text("no picture")
    shutil.copy(photos / "a.png", photos / ".cache" / "d.png")
    (photos / "more" / "round").symlink_to(photos)
    done = trained.run("predict", str(photos), str(photos / "a.png"), "--run", "Baseline")
    assert [Path(name).name for name in scores(done.stdout)] == ["a.png", "b.PNG", "c.png"]
    assert done.stderr == ""


def test_pictures_that_cannot_be_scored_are_named_and_skipped(trained: Project, photos: Path) -> None:
    with Image.open(photos / "a.png") as picture:
        colour = picture.convert("RGB")
    good = {
        "grey.png": colour.convert("L"), "rgba.png": colour.convert("RGBA"), "cmyk.jpg": colour.convert("CMYK"),
        "deep.png": Image.fromarray(np.asarray(colour.convert("L")).astype(np.uint16) * 257),
    }  # fmt: skip
    for name, picture in good.items():
        picture.save(photos / name)
    whole = (photos / "a.png").read_bytes()
    (photos / "cut.png").write_bytes(whole[: len(whole) // 2])
    (photos / "empty.png").write_bytes(b"")
    colour.resize((20, 40)).save(photos / "small.png")
    (photos / "loop.png").symlink_to(photos / "loop.png")
    (photos / "nowhere.png").symlink_to(photos / "gone")
    os.mkfifo(photos / "pipe.png")
    (photos / "notes.txt").write_text("no picture")
    words = [str(photos), str(photos / "notes.txt"), str(photos / "missing.png")]
    done = trained.run("predict", *words, "--run", "Baseline", code=1)
    assert {Path(name).name for name in scores(done.stdout)} == {"a.png", "b.PNG", "c.png", *good}
    said = done.stderr.splitlines()
    bad = {
        "cut.png": "cannot be decoded", "empty.png": "not an image", "small.png": "20x40, smaller", "loop.png": "links",
        "nowhere.png": "is missing", "pipe.png": "is not a file", "notes.txt": "not an image",
        "missing.png": "is missing",
    }  # fmt: skip
    assert len(said) == len(bad), done.stderr
    for name, why in bad.items():
        assert any(name in line and why in line for line in said), (name, done.stderr)


@pytest.mark.slow
def test_json_and_a_file(trained: Project, photos: Path, tmp_path: Path) -> None:
    (photos / "empty.png").write_bytes(b"")
    out = tmp_path / "scores.json"
    done = trained.run(
        "predict", str(photos), "--run", "Baseline", "--json", "--out", str(out), "--threads", "2", code=1
    )
    assert done.stdout == ""
    document = json.loads(out.read_text())
    assert (document["experiment"], document["seed"], document["epoch"]) == ("Baseline", 42, 1)
    assert [Path(one["image"]).name for one in document["predictions"]] == ["a.png", "b.PNG", "c.png"]
    assert [Path(one["image"]).name for one in document["skipped"]] == ["empty.png"]
    assert document["complete"] is True
    assert [path.name for path in tmp_path.iterdir() if "part" in path.name] == []


@pytest.mark.slow
def test_a_full_disk_leaves_no_file(trained: Project, tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk."""
    words = [*PROGRAM, "predict", "data/small", "--run", "Baseline", "--out", str(tmp_path / "scores.csv")]
    done = subprocess.run(
        ["bash", "-c", 'ulimit -f 1; exec "$@"', "bash", *words],
        cwd=trained.folder, env=trained.environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("\n") == 1
    assert "File too large" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["empty", "--run", "Baseline"], "no images in empty"),
        (["data", "--run", "Basline"], 'did you mean "Baseline"?'),
        (["data", "--run", "A2"], "A2 (seed 42) has not been run; iqa-train --exp A2 runs it"),
        (["data", "--run", "Baseline", "--round", "2"], "--round 2: Baseline has 1 round"),
        (["data", "--run", "Baseline", "--out", "none/scores.csv"], "the folder none"),
        (["data", "--run", "Baseline", "--gpu", "64"], "--gpu 64: this machine has"),
        (["--run", "Baseline"], "IMAGE|FOLDER"),
        (["data"], "--run"),
    ],
)
def test_an_error_is_answered_in_one_sentence(trained: Project, words: list[str], said: str) -> None:
    (trained.folder / "empty").mkdir(exist_ok=True)
    done = trained.run("predict", *words, code=2)
    assert said in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("iqa-train: ")]) == 1, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("suspended", [False, True])
def test_ctrl_c_keeps_what_was_done(trained: Project, tmp_path: Path, suspended: bool) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for k in range(3000):
        os.link(trained.folder / "data" / "small" / "images" / f"{k % 48:02}.png", many / f"{k:04}.png")
    out = tmp_path / "scores.csv"
    process = trained.start("predict", str(many), "--run", "Baseline", "--out", str(out))
    while not any(path.stat().st_size > 1000 for path in tmp_path.glob(".scores.csv.*.part")):
        assert process.poll() is None
    if suspended:
        (worker,) = psutil.Process(process.pid).children()
        worker.suspend()
        assert process.stderr is not None
        assert process.stderr.readline() == (
            f"iqa-train: the worker is suspended (process {worker.pid}); `kill -CONT {worker.pid}` continues it\n"
        )
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert said == "iqa-train: interrupted\n"
    kept = scores(out.read_text())
    assert 0 < len(kept) < 3000
    assert list(kept) == [str(many / f"{k:04}.png") for k in range(len(kept))]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_pictures(trained: Project, tmp_path: Path) -> None:
    """The worker's peak is read where it leaves it; pictures of 12 megapixels would show at once."""
    source = tmp_path / "large.jpg"
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (400, 600, 3), np.uint8)).save(source)
    peaks = []
    for count in (200, 2000):
        folder = tmp_path / str(count)
        folder.mkdir()
        for k in range(count):
            os.link(source, folder / f"{k:05}.jpg")
        code = (
            "import resource, sys; from iqa_train.cli.main import main; code = main(sys.argv[1:]); "
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr); sys.exit(code)"
        )
        words = [sys.executable, "-c", code, "predict", str(folder), "--run", "Baseline"]
        done = subprocess.run(
            words, cwd=trained.folder, env=trained.environment(), capture_output=True, text=True, check=True
        )
        assert len(scores(done.stdout)) == count
        peaks.append(int(done.stderr.split()[-1]))
    assert peaks[1] < 1.1 * peaks[0], peaks


@pytest.mark.slow
def test_a_user_without_room_for_threads_reads_one_sentence(trained: Project, photos: Path) -> None:
    """Whatever the worker's libraries print of it, the reason is the limit."""
    other = [
        "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all,+dac_override",
        "--ambient-caps=-all,+dac_override",
    ]  # fmt: skip
    if shutil.which("setpriv") is None or subprocess.run([*other, "true"], capture_output=True, check=False).returncode:
        pytest.skip("another user cannot be tried from here")
    words = [*PROGRAM, "predict", str(photos), "--run", "Baseline"]
    done = subprocess.run(
        [*other, "bash", "-c", 'ulimit -u 4; exec "$@"', "bash", *words], cwd=trained.folder, capture_output=True,
        text=True, env=trained.environment(), check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "this user has as many processes as it may (ulimit -u)" in done.stderr.splitlines()[-1]
