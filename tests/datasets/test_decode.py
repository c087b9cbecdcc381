"""Every kind of image file becomes upright 8-bit RGB, or an error that names it."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from iqa_train.datasets.images.decode import decode, read_header
from iqa_train.errors import DataError
from tests.datasets.damaged_images import exif as exif_block
from tests.datasets.damaged_images import png_chunk, with_exif
from tests.datasets.dataset_files import picture

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (6, 8), dtype=np.uint8)
RGB = RNG.integers(0, 256, (6, 8, 3), dtype=np.uint8)


def decoded(path: Path) -> np.ndarray:
    image = decode(path)
    assert image.mode == "RGB"
    return np.asarray(image)


def test_rgb_is_decoded_unchanged(tmp_path: Path) -> None:
    for name in ("a.png", "a.bmp", "a.tif"):
        Image.fromarray(RGB).save(tmp_path / name)
        assert np.array_equal(decoded(tmp_path / name), RGB)


def test_jpeg_is_pillows(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.jpg", quality=80)
    with Image.open(path) as image:
        assert np.array_equal(decoded(path), np.asarray(image))


def test_a_png_named_jpg_is_read_as_what_it_is(tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "a.jpg", "PNG")
    assert np.array_equal(decoded(tmp_path / "a.jpg"), RGB)


def test_grey_is_repeated(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "grey.png")
    assert np.array_equal(decoded(tmp_path / "grey.png"), np.stack([GREY] * 3, 2))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path, suffix: str) -> None:
    deep = np.array([[0, 1, 128, 129, 257, 300], [1000, 32768, 40000, 65278, 65534, 65535]], np.uint16)
    path = tmp_path / f"deep.{suffix}"
    Image.fromarray(deep).save(path)
    expected = np.round(deep / 257).astype(np.uint8)
    assert decoded(path)[..., 0].tolist() == expected.tolist()
    assert len(np.unique(decoded(path)[1])) == 5


def tiff_of_grey(path: Path, samples: bytes, bits: int, photometric: int, form: int = 1) -> Path:
    """A TIFF file of 8 x 6 grey samples, little-endian."""
    tags = {256: 8, 257: 6, 258: bits, 259: 1, 262: photometric, 273: 8, 277: 1, 278: 6, 279: len(samples), 339: form}
    entries = b"".join(struct.pack("<HHLL", tag, 3, 1, value) for tag, value in tags.items())
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    path.write_bytes(b"II*\0" + struct.pack("<L", 8 + len(samples)) + samples + directory)
    return path


def test_grey_of_any_depth_is_the_same_picture(tmp_path: Path) -> None:
    expected = np.stack([GREY] * 3, 2)
    deep = GREY.astype("<u2") * 257
    packed = np.packbits(((deep >> 4)[..., None] >> np.arange(11, -1, -1) & 1).astype(np.uint8))
    for samples, bits, photometric in [
        (GREY, 8, 1),
        (255 - GREY, 8, 0),
        (deep, 16, 1),
        (65535 - deep, 16, 0),
        (packed, 12, 1),
    ]:
        path = tiff_of_grey(tmp_path / "a.tif", samples.tobytes(), bits, photometric)
        assert np.array_equal(decoded(path), expected), (bits, photometric)


@pytest.mark.parametrize(("kind", "form"), [("<u4", 1), ("<i4", 2), ("<i2", 2), ("<i1", 2)])
def test_integers_with_an_undefined_white_are_refused(tmp_path: Path, kind: str, form: int) -> None:
    samples = GREY.astype(kind)
    bits = 8 * samples.itemsize
    path = tiff_of_grey(tmp_path / "a.tif", samples.tobytes(), bits, 1, form)
    assert f"{bits}-bit integers, for which white is undefined" in refused(path)


def test_sixteen_bits_stay_upright(tmp_path: Path) -> None:
    deep = RNG.integers(0, 65536, (3, 5), dtype=np.uint16)
    exif = Image.Exif()
    exif[274] = 3
    Image.fromarray(deep).save(tmp_path / "deep.png", exif=exif)
    assert np.array_equal(decoded(tmp_path / "deep.png")[..., 0], np.round(deep / 257).astype(np.uint8)[::-1, ::-1])


def test_sixteen_bit_colour_keeps_its_range(tmp_path: Path) -> None:
    deep = RNG.integers(0, 65536, (4, 5, 3), dtype=np.uint16)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep)
    write_png(tmp_path / "deep.png", width=5, height=4, depth=16, kind=2, data=zlib.compress(rows))
    assert np.abs(decoded(tmp_path / "deep.png") - deep / 257).max() <= 1


def test_palette(tmp_path: Path) -> None:
    image = Image.fromarray(RGB).quantize(64)
    image.save(tmp_path / "palette.png")
    assert np.array_equal(decoded(tmp_path / "palette.png"), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "1", "CMYK", "YCbCr", "LAB"])
def test_other_modes_are_converted(tmp_path: Path, mode: str) -> None:
    smooth = np.add.outer(np.arange(60), np.arange(80)).astype(np.uint8)
    grey = Image.fromarray(smooth)
    image = grey.convert("RGB")
    if mode == "LAB":
        from PIL import ImageCms

        to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
        image = ImageCms.applyTransform(image, to_lab)
    else:
        image = image.convert(mode)
    suffix = {"CMYK": "jpg", "YCbCr": "jpg", "LAB": "tif"}.get(mode, "png")
    image.save(tmp_path / f"a.{suffix}")
    pixels = decoded(tmp_path / f"a.{suffix}").astype(int)
    assert pixels.shape == (60, 80, 3)
    if mode == "1":
        assert set(np.unique(pixels)) == {0, 255}
    else:
        assert np.abs(pixels - smooth[..., None]).max() < 16


def test_alpha_is_dropped_not_blended(tmp_path: Path) -> None:
    Image.fromarray(np.dstack([RGB, GREY])).save(tmp_path / "a.png")
    assert np.array_equal(decoded(tmp_path / "a.png"), RGB)


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [
        (1, RGB),
        (2, RGB[:, ::-1]),
        (3, RGB[::-1, ::-1]),
        (4, RGB[::-1]),
        (5, RGB.transpose(1, 0, 2)),
        (6, np.rot90(RGB, -1)),
        (7, RGB[::-1, ::-1].transpose(1, 0, 2)),
        (8, np.rot90(RGB)),
    ],
)
def test_upright_as_exif_says(tmp_path: Path, orientation: int, turned: np.ndarray) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(RGB).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(decoded(tmp_path / "a.png"), turned)


def write_png(path: Path, *, width: int, height: int, depth: int, kind: int, data: bytes) -> None:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b""))


def refused(path: Path) -> str:
    with pytest.raises(DataError) as raised:
        decode(path)
    message = str(raised.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def test_missing(tmp_path: Path) -> None:
    assert "is missing" in refused(tmp_path / "a.jpg")


def test_not_an_image(tmp_path: Path) -> None:
    for content in (b"", b"\0" * 100, b"<html>404</html>"):
        (tmp_path / "a.jpg").write_bytes(content)
        assert "is not an image" in refused(tmp_path / "a.jpg")


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp", "bmp"])
def test_cut_short_at_any_length(tmp_path: Path, suffix: str) -> None:
    path = picture(tmp_path / f"a.{suffix}")
    whole = path.read_bytes()
    for length in np.linspace(0, len(whole) * 0.95, 40).astype(int).tolist():
        path.write_bytes(whole[:length])
        refused(path)


def test_floats_are_refused_since_nothing_says_what_is_white(tmp_path: Path) -> None:
    Image.fromarray(np.linspace(0, 1, 48, dtype=np.float32).reshape(6, 8)).save(tmp_path / "float.tif")
    assert "floating-point samples" in refused(tmp_path / "float.tif")


def test_what_may_not_be_read_is_a_matter_of_permissions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = picture(tmp_path / "a.png")

    def forbid(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Image, "open", forbid)  # root may read everything
    assert "give yourself read permission" in refused(path)


def test_a_folder_is_not_an_image(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").mkdir()
    refused(tmp_path / "a.jpg")


def test_an_image_of_absurd_size_is_refused_unread(tmp_path: Path) -> None:
    write_png(tmp_path / "bomb.png", width=60_000, height=60_000, depth=8, kind=2, data=zlib.compress(b"\0" * 1000))
    assert "cannot be decoded" in refused(tmp_path / "bomb.png")


def test_a_large_jpeg_is_decoded_smaller_where_it_will_be_resized(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    rough = Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)).resize((1600, 1200))
    for orientation, size in ((1, (160, 120)), (6, (120, 160))):
        exif = Image.Exif()
        exif[274] = orientation
        path = tmp_path / f"{orientation}.jpg"
        rough.save(path, quality=95, exif=exif)
        small, whole = decode(path, size), decode(path)
        assert 2 * size[0] <= small.size[0] <= whole.size[0] / 4
        stored = [np.asarray(image.resize(size, Image.Resampling.BILINEAR), np.int16) for image in (small, whole)]
        assert np.abs(stored[0] - stored[1]).mean() < 1
        assert decode(path, (whole.size[0] // 2, whole.size[1] // 2)).size == whole.size


def saved(path: Path, block: bytes, variant: int = 0) -> Path:
    """A picture with an EXIF block of any content."""
    form = {"jpg": "JPEG", "tif": "TIFF"}.get(path.suffix[1:], path.suffix[1:].upper())
    Image.fromarray(RGB).save(path, form)
    path.write_bytes(with_exif(form, path.read_bytes(), block, variant))
    return path


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_format_is_turned_as_pillow_turns_it_and_its_size_with_it(
    tmp_path: Path, suffix: str, orientation: int
) -> None:
    for variant in range(4 if suffix == "png" else 1):
        path = saved(tmp_path / f"{variant}.{suffix}", exif_block(struct.pack("<H", orientation)), variant)
        with Image.open(path) as image:
            expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
        assert np.array_equal(decoded(path), expected)
        assert read_header(path).size == (expected.shape[1], expected.shape[0])
        assert read_header(path).orientation == orientation


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_animated_png_is_turned_wherever_its_exif_is(tmp_path: Path, orientation: int) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(RGB).save(path, save_all=True, append_images=[Image.fromarray(RGB[::-1])])
    whole = path.read_bytes()
    block = exif_block(struct.pack("<H", orientation))
    turned = []
    for variant in (0, 1):  # at the end, at the start
        path.write_bytes(with_exif("PNG", whole, block, variant))
        turned.append(decoded(path))
        assert read_header(path).size == turned[-1].shape[1::-1]
        assert read_header(path).orientation == orientation
    assert np.array_equal(*turned)


ODD = {
    "text": exif_block(b"6\0", 2, 2),
    "undefined": exif_block(b"\6", 7),
    "byte": exif_block(b"\6", 1),
    "zero": exif_block(b"\0\0"),
    "nine": exif_block(b"\t\0"),
    "many": exif_block(b"\6\0\6\0", 3, 2),
    "garbage": b"Exif\0\0 no TIFF at all",
    "cut": exif_block(b"\6\0")[:17],
}


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("odd", ODD)
@pytest.mark.filterwarnings("ignore")
def test_an_invalid_orientation_turns_nothing(tmp_path: Path, suffix: str, odd: str) -> None:
    plain = saved(tmp_path / f"plain.{suffix}", exif_block(b"\1\0"))
    for variant in range(4 if suffix == "png" else 1):
        path = saved(tmp_path / f"{variant}.{suffix}", ODD[odd], variant)
        assert np.array_equal(decoded(path), decoded(plain)) or odd == "many"
        assert read_header(path).size == decode(path).size
        if odd not in {"cut", "many"} and (odd, suffix) != ("garbage", "tif"):
            assert "ignored" in read_header(path).remark


@pytest.mark.parametrize("kind", [5, 10])
@pytest.mark.parametrize("parts", [(-1, 1), (1, -1), (0, 0), (72, 0), (-(2**31), -1)])
def test_resolutions_of_any_sign_change_no_pixel(tmp_path: Path, kind: int, parts: tuple[int, int]) -> None:
    more = struct.pack("<HHLL", 282, kind, 1, 38) + struct.pack("<HHL4s", 296, 3, 1, b"\2")
    block = exif_block(b"\6\0", more=more, entries=3) + struct.pack("<ll", *parts)
    for suffix in ("jpg", "png", "webp"):
        path = saved(tmp_path / f"a.{suffix}", block)
        plain = saved(tmp_path / f"plain.{suffix}", exif_block(b"\6\0"))
        assert np.array_equal(decoded(path), decoded(plain))


def test_metadata_that_stop_pillow_are_left_out(tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "a.png")
    whole = (tmp_path / "a.png").read_bytes()
    bomb = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(100_000_000)))
    wrong = png_chunk(b"eXIf", b"MM\0*")[:-1] + b"?"
    for chunk in (bomb, wrong):
        (tmp_path / "a.png").write_bytes(whole[:33] + chunk + whole[33:])
        assert np.array_equal(decoded(tmp_path / "a.png"), RGB)
        assert read_header(tmp_path / "a.png").remark == "its metadata are damaged and are ignored"


@pytest.mark.parametrize(("suffix", "name"), [("jpg", "a JPEG"), ("png", "a PNG"), ("gif", "a GIF")])
def test_a_damaged_header_is_reported_as_such(tmp_path: Path, suffix: str, name: str) -> None:
    path = picture(tmp_path / f"a.{suffix}")
    path.write_bytes(path.read_bytes()[:8] + bytes(200))
    assert f"but {name} file with a damaged or unsupported header" in refused(path)


@pytest.mark.filterwarnings("ignore")
def test_damage_in_a_webp_behind_its_pixels_changes_none(tmp_path: Path) -> None:
    path = tmp_path / "a.webp"
    frames = [Image.fromarray(RGB[::-1])]
    for options in ({}, {"save_all": True, "append_images": frames}, {"icc_profile": b"none at all"}):
        Image.fromarray(RGB).save(path, lossless=True, exif=b"II*\0" + bytes(99), xmp=b"<x/>" * 20, **options)
        whole = path.read_bytes()
        for start in (whole.index(b"EXIF"), whole.index(b"XMP ")):
            for damaged in (
                whole[: start + 40],
                whole[: start + 4] + b"\xff\xff\xff\x7f" + whole[start + 8 :],
                whole[:4] + struct.pack("<L", len(whole) + 100) + whole[8:],
                whole[:4] + struct.pack("<L", 20) + whole[8:],
            ):
                path.write_bytes(damaged)
                assert np.array_equal(decoded(path), RGB)
        end = whole.rindex(b"ANMF", 0, whole.rindex(b"ANMF")) if b"ANMF" in whole else whole.index(b"EXIF")
        for length in range(0, end, 7):  # of several frames the first is what counts, as in a GIF
            path.write_bytes(whole[:length])
            refused(path)


_PROFILE = b"a colour profile " * 30
_SIZES = {"png": (b"iCCP", -4, ">L"), "jpg": (b"\xff\xe2", 2, ">H"), "webp": (b"ICCP", 4, "<L")}


@pytest.mark.parametrize("suffix", _SIZES)
def test_metadata_before_the_pixels_whose_size_is_damaged_change_none(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(RGB).save(path, icc_profile=_PROFILE, exif=b"II*\0" + bytes(99), quality=95)
    whole, pixels = path.read_bytes(), decoded(path)
    name, offset, form = _SIZES[suffix]
    at = whole.index(name) + offset
    (size,) = struct.unpack_from(form, whole, at)
    for wrong in (0, 1, 3, size - 1, size + 1, size // 2, 2 * size, 0x7FFF, 256 ** struct.calcsize(form) - 1):
        path.write_bytes(whole[:at] + struct.pack(form, wrong) + whole[at + struct.calcsize(form) :])
        assert np.array_equal(decoded(path), pixels), wrong


def test_a_webp_with_damage_behind_its_exif_stays_upright(tmp_path: Path) -> None:
    path = tmp_path / "a.webp"
    Image.fromarray(RGB).save(path, lossless=True, exif=exif_block(b"\6\0"), xmp=b"<x/>" * 20)
    whole, upright = path.read_bytes(), np.rot90(RGB, -1)
    exif, xmp = whole.index(b"EXIF"), whole.index(b"XMP ")
    for damaged, pixels in [
        (whole, upright),
        (whole[: xmp + 20], upright),
        (whole[:4] + struct.pack("<L", len(whole) + 100) + whole[8:], upright),
        (whole[: exif + 20], RGB),
    ]:
        path.write_bytes(damaged)
        assert np.array_equal(decoded(path), pixels)
        assert read_header(path).size == pixels.shape[1::-1]


@pytest.mark.parametrize("length", [0, 4, 5, 9, 13, 14])
def test_a_short_jfif_header_changes_no_pixel(tmp_path: Path, length: int) -> None:
    path = picture(tmp_path / "a.jpg")
    whole, pixels = path.read_bytes(), decoded(path)
    jfif = b"JFIF\0\1\1\0\0\1\0\1\0\0"[:length]
    path.write_bytes(whole[:2] + b"\xff\xe0" + struct.pack(">H", length + 2) + jfif + whole[2:])
    assert np.array_equal(decoded(path), pixels)


def test_xmp_turns_nothing(tmp_path: Path) -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    Image.fromarray(RGB).save(tmp_path / "a.webp", lossless=True, xmp=xmp)
    assert np.array_equal(decoded(tmp_path / "a.webp"), RGB)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<!DOCTYPE html><html>sign in</html>", "not an image, but an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n", "but a Git LFS pointer"),
        (b'{"error": "not found"}', "but a JSON document"),
        (b"PK\x03\x04" + bytes(40), "but a ZIP archive"),
        (b"/annex/objects/MD5E-s1--1.png\n", "but a git-annex pointer"),
        (b"", "it is empty"),
        (bytes(4096), "begins with zeros"),
    ],
)
def test_what_is_in_place_of_an_image_is_reported_as_such(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "a.png").write_bytes(content)
    assert says in refused(tmp_path / "a.png")
