"""Cache folders: what another user could have put there is not trusted, what is shared on purpose is."""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from iqa_train.datasets.images.pixel_store import open_store
from iqa_train.datasets.table import ImageTable
from iqa_train.errors import DataError, WeightsError
from iqa_train.models.weights import timm_name, weights_file
from iqa_train.study.settings import TrainingConfig
from iqa_train.trust import distrust, make_folder
from tests.other_user import as_user

as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
US, OTHER = 54321, 54322  # users without an entry in passwd
TEAM = 54400  # a group


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder of root's into which any user may put files, as in /tmp."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o1777)
        yield Path(name)


@pytest.fixture
def table(place: Path) -> ImageTable:
    folder = place / "images"
    folder.mkdir()
    names = ("0.png", "1.png")
    for k, name in enumerate(names):
        Image.new("RGB", (40 + k, 30), (k, 0, 0)).save(folder / name)
    table = ImageTable("few", folder, names, np.arange(2.0), (0, 1))
    for _ in range(2):  # built, then read: other users may not be able to read our Python's modules later
        open_store(table, cache_dir=str(place / "images" / "cache"))
    return table


def _folder(path: Path, owner: int, mode: int, group: int | None = None) -> Path:
    path.mkdir()
    os.chown(path, owner, owner if group is None else group)
    path.chmod(mode)
    return path


def _images(table: ImageTable, cache: Path) -> int:
    return len(open_store(table, cache_dir=str(cache)))


@as_root
@pytest.mark.parametrize("mode", [0o755, 0o775, 0o777, 0o1777, 0o700])
def test_a_cache_that_another_user_put_into_a_folder_for_all_is_refused(
    place: Path, table: ImageTable, mode: int
) -> None:
    cache = _folder(place / "cache", OTHER, mode)
    for planted in ("nothing", "pixels/"):
        if planted == "pixels/":
            _folder(cache / "pixels", OTHER, 0o777)
        with pytest.raises(DataError) as refused:
            as_user(US, lambda: _images(table, cache))
        assert str(refused.value) == (
            f"{cache} belongs to user {OTHER} and any user may put files into {place}, so it is not trusted; have "
            f"user {OTHER} share it with one of your groups (chgrp, chmod g+w), or set cache_dir to a folder of your "
            "own"
        )


@as_root
def test_a_complete_store_that_another_user_planted_is_not_read(place: Path, table: ImageTable) -> None:
    as_user(OTHER, lambda: _images(table, place / "cache"))
    with pytest.raises(DataError, match="is not trusted"):
        as_user(US, lambda: _images(table, place / "cache"))
    with pytest.raises(DataError, match="is not trusted"):
        _images(table, place / "cache")


@as_root
@pytest.mark.parametrize(
    "level", ["", "pixels", "pixels/STORE", "pixels/STORE/pixels.u8", "pixels/STORE/manifest.json"]
)
def test_what_any_user_may_write_to_is_refused(place: Path, table: ImageTable, level: str) -> None:
    cache = place / "cache"
    as_user(US, lambda: _images(table, cache))
    assert as_user(US, lambda: _images(table, cache)) == 2
    (store,) = (cache / "pixels").iterdir()
    open_to_all = cache / level.replace("STORE", store.name)
    mode = open_to_all.stat().st_mode
    open_to_all.chmod(0o777)
    with pytest.raises(DataError) as refused:
        as_user(US, lambda: _images(table, cache))
    assert str(refused.value) == (
        f"any user may write to {open_to_all}, so it is not trusted; run chmod -R o-w on it, or set cache_dir to a "
        "folder of your own"
    )
    open_to_all.chmod(mode)
    assert as_user(US, lambda: _images(table, cache)) == 2


@as_root
def test_in_a_sticky_folder_each_files_owner_counts(place: Path, table: ImageTable) -> None:
    cache = _folder(place / "cache", 0, 0o1777)
    assert as_user(US, lambda: _images(table, cache)) == 2
    with pytest.raises(DataError, match=rf"{cache}/pixels belongs to user {US} and any user may put files into"):
        as_user(OTHER, lambda: _images(table, cache))
    (store,) = (cache / "pixels").iterdir()
    store.chmod(0o1777)
    os.chown(store / "pixels.u8", OTHER, OTHER)
    with pytest.raises(DataError, match=rf"pixels\.u8 belongs to user {OTHER}"):
        as_user(US, lambda: _images(table, cache))


@as_root
def test_a_cache_that_its_owner_shares_with_a_group_of_ours_is_used_and_filled(place: Path, table: ImageTable) -> None:
    cache = _folder(place / "cache", OTHER, 0o2775, TEAM)
    assert as_user(US, lambda: _images(table, cache), groups=(TEAM,), umask=0o002) == 2
    assert as_user(OTHER, lambda: _images(table, cache), groups=(TEAM,)) == 2
    with pytest.raises(DataError, match="is not trusted"):
        as_user(US, lambda: _images(table, cache))


@as_root
@pytest.mark.parametrize("owner", [0, OTHER])
def test_a_complete_cache_in_another_users_own_place_is_read(place: Path, table: ImageTable, owner: int) -> None:
    place.chmod(0o755)  # only root decides who has a folder here, as in /home
    home = _folder(place / "home", owner, 0o755)
    as_user(owner, lambda: _images(table, home / "cache"))
    assert as_user(US, lambda: _images(table, home / "cache")) == 2


@as_root
@pytest.mark.parametrize("owner", [US, 0])
def test_where_only_we_get_in_the_mode_inside_does_not_matter(place: Path, table: ImageTable, owner: int) -> None:
    """A container without a umask, say, with everything in root's home."""
    home = _folder(place / "home", owner, 0o700 if owner == US else 0o750, US)
    cache = _folder(home / "cache", US, 0o777)
    _folder(cache / "pixels", US, 0o777)
    assert as_user(US, lambda: _images(table, cache), umask=0) == 2
    for path in cache.rglob("*"):
        path.chmod(0o777)
    assert as_user(US, lambda: _images(table, cache), umask=0) == 2
    home.chmod(0o755)
    with pytest.raises(DataError, match=f"any user may write to {cache}, so it is not trusted; run chmod"):
        as_user(US, lambda: _images(table, cache))


@as_root
def test_without_a_umask_we_make_nothing_that_others_may_write_to(place: Path, table: ImageTable) -> None:
    cache = place / "a" / "b" / "cache"
    as_user(US, lambda: _images(table, cache), umask=0)
    made = [place / "a", *(place / "a").rglob("*")]
    assert len(made) == 8
    assert not [path for path in made if path.stat().st_mode & 0o002]
    assert as_user(US, lambda: _images(table, cache), umask=0) == 2


@as_root
def test_another_users_link_is_refused_and_our_own_is_followed(place: Path, table: ImageTable) -> None:
    home = _folder(place / "ours", US, 0o755)
    for link, owner in ((place / "planted", OTHER), (place / "own", US)):
        link.symlink_to(home)
        os.chown(link, owner, owner, follow_symlinks=False)
    (place / "twice").symlink_to("planted")
    assert as_user(US, lambda: _images(table, place / "own" / "cache")) == 2
    for planted in ("planted", "twice", "images/../planted"):
        with pytest.raises(DataError, match=rf"{place}/planted belongs to user {OTHER}"):
            as_user(US, lambda path=place / planted: _images(table, path / "cache"))


PLANTED: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "a folder": Path.mkdir,
    "a link": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.mark.parametrize("kind", PLANTED)
@pytest.mark.parametrize("name", ["lock", "manifest.json", "pixels.u8", "pixels.part", "done.part", "plan.part.json"])
def test_what_is_not_a_file_is_named_at_once(tmp_path: Path, table: ImageTable, name: str, kind: str) -> None:
    store = open_store(table, cache_dir=str(tmp_path)).folder
    (store / name).unlink(missing_ok=True)
    PLANTED[kind](store / name)
    with pytest.raises(DataError) as refused:
        open_store(table, cache_dir=str(tmp_path))
    assert str(refused.value) == f"{store / name} cannot be part of a pixel store: it is {kind}, not a file; remove it"


@as_root
def test_planted_weights_are_refused(place: Path) -> None:
    settings = TrainingConfig(cache_dir=str(place / "cache"))
    cache = _folder(place / "cache", OTHER, 0o755)
    _folder(cache / "weights", OTHER, 0o755)
    (cache / "weights" / f"{timm_name(settings)}.safetensors").touch()
    with pytest.raises(WeightsError, match=r"is not trusted; .* or set cache_dir"):
        weights_file(settings)
    os.chown(cache, 0, 0)
    assert weights_file(settings) is not None


def test_a_path_that_is_not_there_yet_is_trusted_and_a_loop_of_links_is_an_error(tmp_path: Path) -> None:
    assert distrust(tmp_path / "a" / "b", tmp_path / "a" / "b" / "c") is None
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="Too many levels"):
        distrust(tmp_path / "loop", tmp_path / "loop")
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
