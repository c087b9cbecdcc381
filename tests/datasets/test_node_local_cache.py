"""A cache on a node's own disk: named by a variable of the node, and filled by one copy from the shared cache."""

import hashlib
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from iqa_train.datasets.images.pixel_store import open_store
from iqa_train.datasets.images.store_copy import COPY_FILE
from iqa_train.datasets.table import ImageTable
from iqa_train.errors import DataError, UsageError
from iqa_train.files import cache_root
from iqa_train.study.settings import TrainingConfig
from iqa_train.study.spec import RunSpec
from tests.datasets.dataset_files import picture
from tests.datasets.store_opener import BLOCK, opener, result

ROOT = Path(__file__).parents[2]
NODE, SIZE = "$NODE_DISK/iqa", (192, 128)


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Thirty images, and an empty shared cache: that of XDG_CACHE_HOME."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NODE_DISK", str(tmp_path / "node"))
    for k in range(30):
        picture(tmp_path / "images" / f"{k:03}.png", k % 7, (320, 240))
    return tmp_path / "images"


def table_of(images: Path) -> ImageTable:
    names = tuple(sorted(path.name for path in images.iterdir()))
    return ImageTable("many", images, names, np.zeros(len(names)), (0, 1), resize=(192, 128))


def folder_in(root: Path) -> Path:
    (folder,) = (root / "pixels").iterdir()
    return folder


def test_it_is_copied_once_by_runs_that_start_together(images: Path, tmp_path: Path) -> None:
    _, built = result(opener(images, "", size=SIZE))
    results = [result(process) for process in [opener(images, NODE, size=SIZE) for _ in range(3)]]
    assert {digest for _, digest in results} == {built}
    blocks = -(-30 * 192 * 128 * 3 // (BLOCK))
    assert sorted(steps for steps, _ in results) == [0, 0, blocks]
    ours, shared = folder_in(tmp_path / "node/iqa"), folder_in(tmp_path / "home/iqa-train")
    assert {path.name for path in ours.iterdir()} == {"lock", "manifest.json", "pixels.u8"}
    for name in ("manifest.json", "pixels.u8"):
        assert (ours / name).read_bytes() == (shared / name).read_bytes()


def test_a_copy_that_was_killed_is_made_by_the_next(images: Path, tmp_path: Path) -> None:
    _, built = result(opener(images, "", size=SIZE))
    for kill_after in (1, 9, 20):
        process = opener(images, NODE, "tell", SIZE)
        assert process.stdout is not None
        for number, _ in enumerate(process.stdout, 1):
            if number == kill_after:
                process.send_signal(signal.SIGKILL)
                break
        process.communicate()
        ours = folder_in(tmp_path / "node/iqa")
        assert (ours / COPY_FILE).exists()
        assert not (ours / "manifest.json").exists()
    first, second = opener(images, NODE, size=SIZE), opener(images, NODE, size=SIZE)
    assert (result(first)[1], result(second)[1]) == (built, built)
    assert {path.name for path in ours.iterdir()} == {"lock", "manifest.json", "pixels.u8"}


def test_without_a_complete_shared_one_it_is_built_there(images: Path, tmp_path: Path) -> None:
    steps, built = result(opener(images, NODE, size=SIZE))
    assert steps == 30
    assert not (tmp_path / "home").exists()
    result(opener(images, "", size=SIZE))
    picture(images / "000.png", 99, (320, 240))  # both are outdated now
    steps, digest = result(opener(images, NODE, size=SIZE))
    assert (steps, digest != built) == (30, True)


@pytest.mark.parametrize("damage", ["cut short", "unreadable"])
def test_a_shared_one_that_cannot_be_read_is_not_copied(images: Path, tmp_path: Path, damage: str) -> None:
    store = open_store(table_of(images))
    pixels = store.folder / "pixels.u8"
    if damage == "cut short":
        os.truncate(pixels, 1000)
    else:
        pixels.unlink()
        pixels.symlink_to("/dev/null")
    steps, _ = result(opener(images, NODE, size=SIZE))
    assert steps == 30


def test_no_room_on_the_node_is_one_sentence(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_of(images)
    open_store(table)

    def full(*_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(DataError, match=r"needs 2\.2 MB in .*/node/iqa/pixels/.* are free; make room"):
        open_store(table, cache_dir="$NODE_DISK/iqa")


def test_variables_are_those_of_the_process_that_opens_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NODE_DISK", "/scratch")
    assert cache_root("$NODE_DISK/a") == cache_root("${NODE_DISK}/a") == Path("/scratch/a")
    assert cache_root("~/a") == tmp_path / "a"
    for value in ("", None):
        monkeypatch.delenv("NODE_DISK") if value is None else monkeypatch.setenv("NODE_DISK", value)
        with pytest.raises(UsageError) as refused:
            cache_root("${NODE_DISK}/a")
        host = os.uname().nodename
        assert str(refused.value).startswith(f'cache_dir = "${{NODE_DISK}}/a": NODE_DISK is not set on host {host}; ')


def test_the_settings_keep_it_as_written_and_its_hash_is_not_the_runs() -> None:
    specs = [
        RunSpec(study="s", experiment="a", slug="a", settings=TrainingConfig(cache_dir=folder))
        for folder in ("", "$TMPDIR/iqa")
    ]
    assert specs[0].config_hash == specs[1].config_hash
    assert specs[1].settings.cache_dir == "$TMPDIR/iqa"
    assert "$TMPDIR/iqa" in specs[1].model_dump_json()


def test_the_digest_of_copies_is_that_of_the_images(images: Path) -> None:
    table = table_of(images)
    first = open_store(table)
    copied = open_store(table, cache_dir="$NODE_DISK/iqa")
    assert copied.folder != first.folder
    ours, theirs = (hashlib.sha256((s.folder / "pixels.u8").read_bytes()).digest() for s in (copied, first))
    assert ours == theirs
