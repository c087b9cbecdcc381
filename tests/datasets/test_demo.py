import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.stats import spearmanr

from iqa_train.datasets.catalogue import load_table
from iqa_train.datasets.demo.dataset import make_demo
from iqa_train.datasets.demo.dataset import read as read_demo
from iqa_train.datasets.demo.distortions import DEPTHS, latent_quality
from iqa_train.datasets.splits import split_table
from iqa_train.errors import DataError
from iqa_train.study.spec import DataSource

MAKE = (
    "import sys, pathlib; from iqa_train.datasets.demo.dataset import make_demo; make_demo(pathlib.Path(sys.argv[1]))"
)


def start(root: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", MAKE, str(root)], cwd=Path(__file__).parents[2])


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def test_table(demo_root: Path) -> None:
    table = load_table("demo", DataSource(path=str(demo_root)))
    assert Counter(table.splits) == {"train": 1500, "val": 200, "test": 400}
    assert table.resize is None
    assert table.sd is not None
    assert table.sd.max() > 1
    assert table.opinions is not None and set(table.opinions.votes.tolist()) == {16.0}
    assert table.distribution is not None
    assert table.distribution @ np.linspace(0, 100, 5) == pytest.approx(table.scores, abs=1e-3)
    assert 0 <= table.scores.min() < 10
    assert 90 < table.scores.max() <= 100
    with Image.open(table.path(0)) as image:
        assert image.size == (128, 96)


def test_split_by_reference(demo_root: Path) -> None:
    table = read_demo(demo_root)
    split = split_table(table, 1)
    assert table.references is not None
    seen = [{table.references[i] for i in part} for part in (split.train, split.val, split.test)]
    assert [len(s) for s in seen] == [750, 100, 200]
    assert len(set.union(*seen)) == 1050


def test_opinions_follow_the_latent_quality(demo_root: Path) -> None:
    table = read_demo(demo_root)
    what = [image.partition("_")[2].partition(".")[0] for image in table.images]
    latent = [latent_quality("blur", 0) if w == "pristine" else latent_quality(w[:-1], int(w[-1])) for w in what]
    assert 0.96 < spearmanr(latent, table.scores)[0] < 0.99  # noise leaves a ceiling
    kinds = Counter(w.rstrip("12345") for w in what)
    assert set(kinds) == {*DEPTHS, "pristine"}
    assert min(kinds.values()) > 80


def test_jpeg_is_real_jpeg(demo_root: Path) -> None:
    for path in (demo_root / "512x384").iterdir():
        assert path.read_bytes()[:2] == (b"\xff\xd8" if path.suffix == ".jpg" else b"\x89P")
        assert (path.suffix == ".jpg") == ("jpeg" in path.name)


@pytest.mark.slow
def test_made_by_two_processes_at_once_it_is_the_same(demo_root: Path, tmp_path: Path) -> None:
    root = tmp_path / "demo"
    processes = [start(root) for _ in range(2)]
    assert [process.wait(120) for process in processes] == [0, 0]
    assert contents(root) == contents(demo_root)
    assert visible(tmp_path) == ["demo"]


@pytest.mark.slow
def test_killed_in_the_middle_it_is_made_whole_by_the_next(demo_root: Path, tmp_path: Path) -> None:
    root = tmp_path / "demo"
    process = start(root)
    making = tmp_path / ".demo.making" / "512x384"
    deadline = time.monotonic() + 60
    while not (making.is_dir() and len(list(making.iterdir())) > 100):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not root.exists()
    with pytest.raises(DataError, match="create it with `iqa-train data make-demo`"):
        read_demo(root)
    steps: list[tuple[int, int]] = []
    make_demo(root, lambda done, total: steps.append((done, total)))
    assert contents(root) == contents(demo_root)
    assert steps[-1] == (1050, 1050)
    assert visible(tmp_path) == ["demo"]


def test_nothing_is_made_twice(demo_root: Path) -> None:
    before = (demo_root / "demo.json").stat()
    make_demo(demo_root, lambda done, total: pytest.fail("made again"))
    assert (demo_root / "demo.json").stat() == before


def test_other_peoples_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"mine")
    with pytest.raises(DataError, match="has files that are not the demo set's"):
        make_demo(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["holiday.jpg"]
    with pytest.raises(DataError, match="is a file"):
        make_demo(tmp_path / "holiday.jpg")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_place_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(DataError, match="cannot be written there"):
        make_demo(tmp_path / "demo")


def test_place_under_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be written there: File exists"):
        make_demo(tmp_path / "file" / "demo")


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (25_000, 25_000))"
    command = [sys.executable, "-c", f"{limit}\n{MAKE}", str(tmp_path / "demo")]
    ended = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert "DataError" in ended.stderr
    assert "cannot be written there: File too large" in ended.stderr
    assert visible(tmp_path) == []


@pytest.mark.slow
def test_an_older_version_is_replaced(demo_root: Path, tmp_path: Path) -> None:
    root = tmp_path / "demo"
    (root / "512x384").mkdir(parents=True)
    (root / "512x384" / "old.png").touch()
    (root / "demo.json").write_text('{"version": 0, "images": 1}')
    make_demo(root)
    assert contents(root) == contents(demo_root)
    assert visible(tmp_path) == ["demo"]


def test_quality_falls_with_every_level() -> None:
    for kind in DEPTHS:
        assert (np.diff([latent_quality(kind, level) for level in range(6)]) < 0).all()
