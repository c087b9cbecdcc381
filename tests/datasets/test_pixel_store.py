"""The pixel store holds what Pillow decodes and resizes, through changes, crowds, kills and full disks."""

import errno
import os
import re
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from iqa_train.datasets.images.crops import CropPlan, eval_crops, training_crops
from iqa_train.datasets.images.decode import decode
from iqa_train.datasets.images.pixel_store import PixelStore, open_store
from iqa_train.datasets.images.stored_image import stored_pixels, stored_size, target_size
from iqa_train.datasets.table import ImageTable
from iqa_train.errors import DataError
from iqa_train.models.timm_import import import_timm
from tests.datasets.dataset_files import picture
from tests.datasets.store_opener import opener, result
from tests.datasets.test_decode import write_png
from tests.small_disk import small_disk

eval_crops.__test__ = False  # type: ignore[attr-defined]  # a function of the program, not a test

ROOT = Path(__file__).parents[2]
SIZES = [(64, 48), (50, 70), (128, 96), (33, 33), (96, 128), (64, 48), (40, 32), (200, 50)]


def table_of(root: Path, names: list[str], resize: tuple[int, int] | None = None) -> ImageTable:
    scores = np.arange(len(names), dtype=np.float64)
    return ImageTable("mixed", root, tuple(names), scores, (0, 100), resize=resize)


@pytest.fixture
def table(tmp_path: Path) -> ImageTable:
    """Eight PNG and JPEG files of mixed sizes."""
    names = [f"sub/{k}.{'png' if k % 2 else 'jpg'}" for k in range(len(SIZES))]
    for k, (name, size) in enumerate(zip(names, SIZES, strict=True)):
        picture(tmp_path / "images" / name, k, size)
    return table_of(tmp_path / "images", names)


@pytest.fixture
def cache(tmp_path: Path) -> str:
    return str(tmp_path / "cache")


def expected(path: Path, size: tuple[int, int] | None) -> np.ndarray:
    with Image.open(path) as image:
        rgb = image.convert("RGB")
        return np.asarray(rgb if size in {None, rgb.size} else rgb.resize(size, Image.Resampling.BILINEAR))


def assert_holds(store: PixelStore, table: ImageTable, size: tuple[int, int] | None = None) -> None:
    assert len(store) == len(table)
    for k in range(len(table)):
        assert np.array_equal(store.image(k), expected(table.path(k), size))


def test_pixels_are_pillows(table: ImageTable, cache: str) -> None:
    assert_holds(open_store(table, cache_dir=cache), table)
    assert_holds(open_store(table, cache_dir=cache, resize="none", workers=0), table)


@pytest.mark.parametrize(("resize", "size"), [("auto", (40, 30)), ("none", None), ("80x64", (80, 64))])
def test_resized_as_set(table: ImageTable, cache: str, resize: str, size: tuple[int, int] | None) -> None:
    table = table_of(table.root, list(table.images), resize=(40, 30))
    assert_holds(open_store(table, cache_dir=cache, resize=resize), table, size)


def test_resized_to_a_shorter_side(table: ImageTable, cache: str) -> None:
    store = open_store(table, cache_dir=cache, resize="32")
    for k, (width, height) in enumerate(SIZES):
        scale = 32 / min(width, height)
        h, w, _ = store.image(k).shape
        assert min(h, w) == 32
        assert (w, h) == pytest.approx((width * scale, height * scale), abs=0.5)
        assert np.array_equal(store.image(k), expected(table.path(k), (w, h)))


def test_sizes_of_one_set_do_not_disturb_each_other(table: ImageTable, cache: str) -> None:
    small, large = (open_store(table, cache_dir=cache, resize=r) for r in ("32x32", "64x64"))
    assert small.folder != large.folder
    assert_holds(small, table, (32, 32))
    assert_holds(large, table, (64, 64))


@pytest.mark.parametrize("resize", ["none", "16"])
def test_a_picture_lying_on_its_side_is_stored_upright(tmp_path: Path, cache: str, resize: str) -> None:
    exif = Image.Exif()
    exif[274] = 6
    picture(tmp_path / "side.jpg", 0, (64, 32), exif=exif)
    store = open_store(table_of(tmp_path, ["side.jpg"]), cache_dir=cache, resize=resize)
    upright = decode(tmp_path / "side.jpg")
    assert upright.size == (32, 64)
    if resize == "16":
        upright = upright.resize((16, 32), Image.Resampling.BILINEAR)
    assert np.array_equal(store.image(0), np.asarray(upright))


def test_kinds_of_image_in_one_store(tmp_path: Path, cache: str) -> None:
    names = ["grey.png", "deep.png", "cmyk.jpg", "alpha.png", "palette.png"]
    with Image.open(picture(tmp_path / "rgb.png")) as image:
        image.convert("L").save(tmp_path / "grey.png")
        image.convert("CMYK").save(tmp_path / "cmyk.jpg")
        image.convert("RGBA").save(tmp_path / "alpha.png")
        image.quantize(16).save(tmp_path / "palette.png")
    Image.fromarray(np.arange(48 * 64, dtype=np.uint16).reshape(48, 64) * 21).save(tmp_path / "deep.png")
    table = table_of(tmp_path, names)
    store = open_store(table, cache_dir=cache)
    for k in range(len(names)):
        assert np.array_equal(store.image(k), np.asarray(decode(table.path(k))))


def test_gathering_is_slicing(table: ImageTable, cache: str) -> None:
    store = open_store(table, cache_dir=cache)
    everything = store.pictures(np.arange(len(table)))
    plan = training_crops(everything, seed=3, epoch=1, per_image=7, side=32, color_jitter=False)
    crops = store.gather(plan, 32)
    assert crops.dtype == np.uint8
    for k in range(len(plan)):
        whole, top, left = store.image(int(plan.image[k])), plan.top[k], plan.left[k]
        assert np.array_equal(crops[k], whole[top : top + 32, left : left + 32])


def test_gathering_from_several_threads_and_past_the_resident_limit(
    table: ImageTable, cache: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "iqa_train.datasets.images.pixel_store._RESIDENT_LIMIT", 100_000
    )  # pages are let go again and again
    store = open_store(table, cache_dir=cache)
    plans: list[CropPlan] = [
        eval_crops(store.pictures(np.arange(8)), seed=k, per_image=5, side=32, random=True) for k in range(60)
    ]
    single = [store.gather(plan, 32) for plan in plans]
    with ThreadPoolExecutor(4) as pool:
        for alone, together in zip(single, pool.map(lambda plan: store.gather(plan, 32), plans), strict=True):
            assert np.array_equal(alone, together)


def identity(store: PixelStore) -> tuple[int, int]:
    stat = (store.folder / "pixels.u8").stat()
    return stat.st_ino, stat.st_mtime_ns


def test_opened_again_it_is_not_built_again(table: ImageTable, cache: str) -> None:
    told: list[tuple[int, int]] = []
    first = identity(open_store(table, cache_dir=cache, progress=lambda *p: told.append(p)))
    assert told == [(k, 8) for k in range(1, 9)]
    told.clear()
    assert identity(open_store(table, cache_dir=cache, progress=lambda *p: told.append(p))) == first
    assert told == []


def test_a_changed_image_is_stored_again_while_the_old_store_is_still_read(table: ImageTable, cache: str) -> None:
    old = open_store(table, cache_dir=cache)
    before = old.image(3).copy()
    picture(table.path(3), 99, (77, 55))
    new = open_store(table, cache_dir=cache)
    assert_holds(new, table)
    assert np.array_equal(old.image(3), before)


def test_a_touched_image_counts_as_changed(table: ImageTable, cache: str) -> None:
    first = identity(open_store(table, cache_dir=cache))
    stat = table.path(0).stat()
    os.utime(table.path(0), ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert identity(open_store(table, cache_dir=cache)) != first


def test_leftovers_and_a_damaged_manifest_are_not_a_store(table: ImageTable, cache: str) -> None:
    store = open_store(table, cache_dir=cache)
    for content in (b"", b"{", b"[]", b'{"images": []}', b'{"schema_version": 0}'):
        (store.folder / "manifest.json").write_bytes(content)
        assert_holds(open_store(table, cache_dir=cache), table)
    names = {path.name for path in store.folder.iterdir()}
    assert names == {"lock", "manifest.json", "pixels.u8"}


@pytest.mark.parametrize("damage", ["gone", "empty", "cut short", "longer"])
def test_a_store_with_missing_bytes_is_rebuilt(table: ImageTable, cache: str, damage: str) -> None:
    """To read past the end of a mapped file would be the end of the process."""
    pixels = open_store(table, cache_dir=cache).folder / "pixels.u8"
    size = pixels.stat().st_size
    if damage == "gone":
        pixels.unlink()
    else:
        os.truncate(pixels, {"empty": 0, "cut short": size - 1, "longer": size + 1}[damage])
    assert_holds(open_store(table, cache_dir=cache), table)


def test_a_part_that_was_cut_short_is_not_gone_on_with(table: ImageTable, cache: str) -> None:
    whole = table.path(7).read_bytes()
    table.path(7).write_bytes(b"no image")
    with pytest.raises(DataError):
        open_store(table, cache_dir=cache, resize="64x48")
    (part,) = Path(cache).rglob("pixels.part")
    os.truncate(part, 100)
    table.path(7).write_bytes(whole)
    assert_holds(open_store(table, cache_dir=cache, resize="64x48"), table, (64, 48))


@pytest.fixture
def many(tmp_path: Path) -> Path:
    for k in range(60):
        picture(tmp_path / "many" / f"{k:03}.png", k % 7, (320, 240))
    return tmp_path / "many"


def test_two_processes_build_it_once_and_both_read_it(many: Path, tmp_path: Path) -> None:
    processes = [opener(many, tmp_path / "shared") for _ in range(3)]
    results = [result(process) for process in processes]
    assert sorted(steps for steps, _ in results) == [0, 0, 60]
    assert len({digest for _, digest in results}) == 1
    (left,) = (tmp_path / "shared" / "pixels").iterdir()
    assert {path.name for path in left.iterdir()} == {"lock", "manifest.json", "pixels.u8"}


def test_a_build_that_was_killed_is_continued(many: Path, tmp_path: Path) -> None:
    _, clean = result(opener(many, tmp_path / "clean"))
    cache = tmp_path / "killed"
    left_to_do = [60]
    for kill_at in (10, 25):
        process = opener(many, cache, "tell")
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == str(kill_at):
                process.send_signal(signal.SIGKILL)
                break
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        (folder,) = (cache / "pixels").iterdir()
        assert not (folder / "pixels.u8").exists()
        assert not (folder / "manifest.json").exists()
        left_to_do.append(int(np.count_nonzero(np.fromfile(folder / "done.part", np.uint8) == 0)))
    steps, digest = result(opener(many, cache))
    assert digest == clean
    assert steps == left_to_do[-1] <= 35
    assert left_to_do[1] <= 50


def test_images_changed_after_a_kill_are_decoded_again(many: Path, tmp_path: Path) -> None:
    process = opener(many, tmp_path / "cache", "tell")
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == "20":
            process.send_signal(signal.SIGKILL)
            break
    process.communicate()
    for path in sorted(many.iterdir())[:5]:
        picture(path, 1000, (320, 240))
    steps, digest = result(opener(many, tmp_path / "cache"))
    assert steps < 60 - 10  # most of what was done is kept
    assert digest == result(opener(many, tmp_path / "clean"))[1]


class _StopError(Exception):
    pass


def test_a_stop_is_immediate_and_the_next_build_continues(many: Path, tmp_path: Path) -> None:
    names = sorted(path.name for path in many.iterdir())
    table = table_of(many, names, resize=(96, 64))
    done: list[int] = []

    def stop_after_five(count: int, _: int) -> None:
        if count == 5:
            raise _StopError

    with pytest.raises(_StopError):
        open_store(table, cache_dir=str(tmp_path), workers=1, progress=stop_after_five)
    store = open_store(table, cache_dir=str(tmp_path), workers=1, progress=lambda count, _: done.append(count))
    assert 40 < len(done) <= 55
    assert done[-1] == 60
    assert_holds(store, table, (96, 64))


@pytest.mark.parametrize("resize", ["none", "64x48"])
def test_an_unreadable_image_is_named_and_once_replaced_the_build_continues(
    table: ImageTable, cache: str, resize: str
) -> None:
    whole = table.path(4).read_bytes()
    table.path(4).write_bytes(whole[: len(whole) // 2])
    for _ in range(2):
        with pytest.raises(DataError, match=re.escape(str(table.path(4)))):
            open_store(table, cache_dir=cache, resize=resize)
    table.path(4).write_bytes(whole)
    done: list[int] = []
    store = open_store(table, cache_dir=cache, resize=resize, progress=lambda count, _: done.append(count))
    assert_holds(store, table, (64, 48) if resize != "none" else None)
    assert done == [8]  # the seven others were kept


def test_several_unreadable_images_are_counted(table: ImageTable, cache: str) -> None:
    for k in (1, 2, 6):
        table.path(k).write_bytes(b"no image")
    with pytest.raises(DataError, match="2 more"):
        open_store(table, cache_dir=cache)
    table.path(5).unlink()
    with pytest.raises(DataError, match=re.escape(f"{table.path(5)} cannot be read")):
        open_store(table, cache_dir=cache)


@pytest.mark.parametrize("resize", ["none", "16", "16x16"])
def test_an_image_of_absurd_size_is_named(tmp_path: Path, cache: str, resize: str) -> None:
    write_png(tmp_path / "bomb.png", width=60_000, height=60_000, depth=8, kind=2, data=b"")
    with pytest.raises(DataError, match=r"bomb\.png cannot be decoded"):
        open_store(table_of(tmp_path, ["bomb.png"]), cache_dir=cache, resize=resize)


def test_a_cache_that_is_a_file(table: ImageTable, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="set cache_dir"):
        open_store(table, cache_dir=str(tmp_path / "file"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_cache_that_may_not_be_written(table: ImageTable, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(DataError, match="set cache_dir"):
        open_store(table, cache_dir=str(tmp_path / "locked"))


def test_a_full_disk_is_reported_before_anything_is_decoded_and_room_fixes_it(
    table: ImageTable, tmp_path: Path
) -> None:
    done: list[int] = []
    with small_disk(tmp_path / "disk", 64) as disk:
        with pytest.raises(DataError, match=r"needs .* MB .* are free; make room") as raised:
            open_store(table, cache_dir=str(disk), resize="128x96", progress=lambda count, _: done.append(count))
        assert str(disk) in str(raised.value)
        assert done == []
        assert {path.name for path in disk.rglob("*") if path.is_file()} <= {"lock"}
        subprocess.run(["mount", "-o", "remount,size=1m", disk], check=True)
        store = open_store(table, cache_dir=str(disk), resize="128x96")
        assert_holds(store, table, (128, 96))


def test_a_disk_full_but_for_a_page_is_reported_in_one_sentence(table: ImageTable, tmp_path: Path) -> None:
    pixels = 8 * 128 * 96 * 3
    with small_disk(
        tmp_path / "disk", pixels // 1024 + 4
    ) as disk:  # the pixels fit, what is written beside them does not
        with pytest.raises(DataError) as raised:
            open_store(table, cache_dir=str(disk), resize="128x96")
        assert "make room" in str(raised.value)
        assert not [path for path in disk.rglob("*") if path.name in {"pixels.u8", "manifest.json"}]


@pytest.mark.parametrize("number", [errno.EFBIG, errno.EINVAL, errno.EDQUOT, errno.EIO])
def test_a_file_system_that_will_not_hold_it_is_reported_in_one_sentence(
    table: ImageTable, cache: str, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with pytest.raises(DataError, match=re.escape(os.strerror(number))) as raised:
        open_store(table, cache_dir=cache)
    assert "set cache_dir" in str(raised.value)
    assert not list(Path(cache).rglob("pixels.*"))


@pytest.mark.parametrize("resize", ["99999x99999", "99999"])
def test_a_size_that_no_image_has_is_refused(table: ImageTable, cache: str, resize: str) -> None:
    with pytest.raises(DataError, match=r"more than 300 megapixels; choose a smaller resize"):
        open_store(table, cache_dir=cache, resize=resize)


def test_the_resident_set_does_not_grow_with_the_data(
    tmp_path: Path, cache: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iqa_train.datasets.images.pixel_store._RESIDENT_LIMIT", 8 << 20)
    names = [f"{k}.png" for k in range(20)]
    picture(tmp_path / names[0], 0, (64, 64))
    for name in names[1:]:
        (tmp_path / name).hardlink_to(tmp_path / names[0])
    store = open_store(table_of(tmp_path, names), cache_dir=cache, resize="1000x1000")
    plan = eval_crops(store.pictures(np.arange(20)), seed=0, per_image=10, side=512, random=True)
    used = []
    for k in range(0, len(plan), 10):
        store.gather(plan.part(k, k + 10), 512)
        used.append(resident(store.folder / "pixels.u8"))
    assert max(used) < 30e6  # of the 60 MB that were read
    assert used[-1] <= max(used[:5])


def resident(path: Path) -> int:
    """Bytes of this process's mappings of `path` that are in memory."""
    here, total = False, 0
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if "-" in line.split(" ", 1)[0] and ":" not in line.split(" ", 1)[0]:
            here = line.endswith(str(path))
        elif here and line.startswith("Rss:"):
            total += int(line.split()[1]) * 1024
    return total


@pytest.mark.parametrize("name", ["wide.jpg", "tall.png", "square.jpg"])
def test_384x512_is_the_original_scripts_picture_pixel_for_pixel(tmp_path: Path, name: str) -> None:
    """That script resized to (height 512, width 384), bilinear with antialiasing, as torchvision does it."""
    import_timm()  # declares what torchvision misses beside a torch without CUDA
    from torchvision.transforms.functional import resize

    size = {"wide": (1024, 768), "tall": (300, 411), "square": (500, 500)}[name.partition(".")[0]]
    noise = np.random.default_rng(3).integers(0, 256, (size[1] // 4, size[0] // 4, 3), np.uint8)
    Image.fromarray(noise).resize(size).save(tmp_path / name)
    with Image.open(tmp_path / name) as image:
        wanted = np.asarray(resize(image.convert("RGB"), [512, 384]))
    target = target_size("384x512", (512, 384))
    height, width = stored_size(tmp_path / name, target)
    assert (height, width) == (512, 384)
    assert np.array_equal(stored_pixels(tmp_path / name, height, width, target), wanted)
