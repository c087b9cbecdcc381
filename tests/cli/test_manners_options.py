"""The options that override [local]."""

from pathlib import Path

import pytest

from iqa_train.cli.commands.train import main
from iqa_train.errors import UsageError


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--nice 25", "--nice 25 is out of range; allowed: at least 0, at most 19"),
        ("--max_gpus 0", "0 is not a whole number of at least 1"),
        ("--quiet_hours 7", '--quiet_hours: "7" is not a time of day'),
        ("--quiet_hours 00:00-24:00", "--quiet_hours leave no time of the week"),
        ("--gpu_order 1,x", "x is not a whole number"),
        ("--gpu_order 1,1", "--gpu_order names GPU 1 twice"),
        ("--gpu 0 --gpu_order 1", "--gpu and --gpu_order cannot be combined"),
    ],
)
def test_what_cannot_be_is_refused(words: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        main(["--demo", "--exp", "A1", "--dry-run", *words.split()])
    assert says in str(caught.value)


def test_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--gpu_order", "all", "--max-gpus", "2", "--quiet_hours", "22:00-07:00", "Sun 00:00-24:00", "--nice", "3"]
    assert main(["--demo", "--exp", "A1", "--dry-run", *words, "--no_yield_to_others"]) == 0
    assert main(["--demo", "--exp", "A1", "--dry-run", "--quiet_hours", "none", "--yield-to-others"]) == 0
    assert "A1" in capsys.readouterr().out
