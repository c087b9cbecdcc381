import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from iqa_train.cli.commands.data.dispatch import main
from iqa_train.datasets.published import koniq as koniq_10k
from iqa_train.datasets.verify import verify
from iqa_train.errors import DataError, UsageError
from tests.datasets.dataset_files import picture

STUDY = Path(__file__).parents[2] / "experiments.toml"


@pytest.fixture
def damaged(koniq: Path) -> Path:
    folder = koniq / "1024x768"
    (folder / "0.jpg").unlink()
    whole = (folder / "1.jpg").read_bytes()
    (folder / "1.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "2.jpg").write_bytes(b"no image")
    picture(folder / "3.jpg", 3, format="PNG")
    Image.new("L", (64, 48), 90).save(folder / "4.jpg")
    Image.new("CMYK", (64, 48)).save(folder / "5.jpg")
    deep = np.arange(64 * 48, dtype=np.uint16).reshape(48, 64) * 20
    Image.fromarray(deep).save(folder / "6.jpg", format="PNG")
    picture(folder / "7.jpg", 7, size=(40, 30))
    (folder / "8.jpg").write_bytes(b"")
    picture(folder / "stranger.PNG", 9)
    (folder / "readme.txt").touch()
    return koniq


def test_everything_wrong_is_named(damaged: Path) -> None:
    steps: list[tuple[int, int]] = []
    table = koniq_10k.read(damaged, resize=None)
    found = verify(table, {"auto": 48}, workers=2, progress=lambda done, total: steps.append((done, total)))
    assert [(f.image, f.code) for f in found] == [
        ("0.jpg", "missing"),
        ("1.jpg", "unreadable"),
        ("2.jpg", "unreadable"),
        ("3.jpg", "other-format"),
        ("4.jpg", "converted"),
        ("5.jpg", "converted"),
        ("6.jpg", "other-format"),
        ("6.jpg", "converted"),
        ("7.jpg", "small"),
        ("8.jpg", "unreadable"),
        ("stranger.PNG", "unlisted"),
    ]
    assert Counter(f.severity for f in found) == {"error": 5, "note": 6}
    message = {(f.image, f.code): f.message for f in found}
    assert "is grey and" in message["4.jpg", "converted"]
    assert "is CMYK and" in message["5.jpg", "converted"]
    assert "is 16-bit" in message["6.jpg", "converted"]
    assert "40 x 30 pixels are smaller than a crop of 48" in message["7.jpg", "small"]
    assert steps[-1] == (19, 19)


def test_sizes_count_as_trained_on(damaged: Path) -> None:
    assert "small" not in {f.code for f in verify(koniq_10k.read(damaged), {"auto": 224})}


def test_whole_set(koniq: Path) -> None:
    assert verify(koniq_10k.read(koniq)) == []


def run(root: Path, *options: str) -> int:
    return main(["verify", "--dataset", "koniq-10k", "--data_dir", str(root), "--experiments", str(STUDY), *options])


def test_command(damaged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(damaged) == 1
    out = capsys.readouterr()
    assert "missing       " in out.out
    assert "20 images listed" in out.out
    assert "4 missing or unreadable" in out.out
    assert out.err == ""
    assert run(damaged, "--json") == 1
    document = json.loads(capsys.readouterr().out)
    assert document["images"] == 20
    assert document["findings"][0]["code"] == "missing"


def test_command_on_a_whole_set(koniq: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(koniq, "--patch_size", "32") == 0
    assert "all present and readable" in capsys.readouterr().out


def test_the_origin_of_the_split_is_stated(
    koniq: Path, seed_layout: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    for root, words in [
        (koniq, "official split"),
        (seed_layout([float(k) for k in range(12)]), "validation images taken from training by seed"),
    ]:
        run(root)
        assert words in capsys.readouterr().out
        run(root, "--json")
        assert words in json.loads(capsys.readouterr().out)["split"]


def test_floats_are_not_pixels(koniq: Path) -> None:
    Image.fromarray(np.zeros((48, 64), np.float32)).save(koniq / "1024x768" / "3.jpg", format="TIFF")
    (finding,) = verify(koniq_10k.read(koniq))
    assert (finding.code, finding.image) == ("unreadable", "3.jpg")
    assert "floating-point samples" in finding.message


@pytest.mark.parametrize("resize", ["10xx", "0", "10x", "-5", "512X384", "big"])
def test_an_invalid_size_is_refused_by_prepare(koniq: Path, resize: str) -> None:
    words = ["prepare", "--dataset", "koniq-10k", "--data_dir", str(koniq), f"--resize={resize}"]
    with pytest.raises(UsageError, match=f"--resize {resize} is not valid; allowed: auto, none, WIDTHxHEIGHT"):
        main([*words, "--cache_dir", str(koniq / "cache"), "--experiments", str(STUDY)])
    assert not (koniq / "cache").exists()


def test_errors_in_a_command(koniq: Path) -> None:
    for options, message in [
        (["verify", "--patch_size", "0"], "is not a whole number"),
        (["verify", "--patch", "9"], 'did you mean "--patch_size"'),
        ([], "required: COMMAND"),
    ]:
        with pytest.raises(UsageError, match=message):
            main(options)
    with pytest.raises(DataError, match="no such folder"):
        run(koniq / "nowhere")


def test_make_demo_command(demo_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["make-demo", "--data_dir", str(demo_root)]) == 0
    assert capsys.readouterr().out == f"{demo_root}\n"
