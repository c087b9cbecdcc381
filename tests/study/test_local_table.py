"""The [local] table of a study file."""

from pathlib import Path

import pytest

from iqa_train.errors import StudyError
from iqa_train.study.load import load_study
from iqa_train.study.manners import UNLIMITED, Manners, manners_from
from iqa_train.study.resolve import resolve
from tests.conftest import STUDY


def load(folder: Path, table: str) -> Manners:
    path = folder / "experiments.toml"
    path.write_text(STUDY + "\n" + table)
    return load_study(path).local.manners


def test_nothing_is_limited_by_default(tmp_path: Path) -> None:
    assert load(tmp_path, "") == load(tmp_path, "[local]") == UNLIMITED == Manners()
    assert UNLIMITED.words() == []


def test_all_of_it(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        '[local]\ngpu_order = [3, 0]\nmax_gpus = 1\nquiet_hours = "22:00-07:00"\nyield_to_others = true\nnice = 10',
    )
    assert found == Manners((3, 0), 1, ("22:00-07:00",), True, 10)
    assert found.words() == [
        "GPUs 3, 0, in this order", "at most 1 GPU at once", "no start in quiet hours (22:00-07:00)",
        "gives a GPU to other users", "niceness 10",
    ]  # fmt: skip
    assert manners_from(found.as_json() | {"gpu_order": [3, 0], "quiet_hours": ["22:00-07:00"]}) == found


def test_it_is_no_part_of_a_run(tmp_path: Path) -> None:
    load(tmp_path, "")
    plain = resolve(load_study(tmp_path / "experiments.toml"), "A1")
    load(tmp_path, "[local]\nnice = 19\ngpu_order = [1]")
    assert resolve(load_study(tmp_path / "experiments.toml"), "A1") == plain


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("gpu_order = [1, 1]", "gpu_order names GPU 1 twice"),
        ("gpu_order = [-1]", "allowed: GPU numbers from 0 to 1023, the preferred first, such as [2, 3]"),
        ('gpu_order = "0,1"', "allowed: GPU numbers from 0 to 1023"),
        ("max_gpus = 0", "max_gpus = 0 is out of range; allowed: at least 1"),
        ("max_gpus = true", "max_gpus = true is not a whole number"),
        ('quiet_hours = "22-7"', 'quiet_hours: "22-7" is not a time of day'),
        ('quiet_hours = ["22:00-07:00", 7]', "allowed: times such as"),
        ('quiet_hours = "00:00-24:00"', "quiet_hours leave no time of the week"),
        ('yield_to_others = "yes"', 'yield_to_others = "yes" is not true or false'),
        ("nice = 20", "nice = 20 is out of range; allowed: at least 0, at most 19"),
        ("max_gpu = 1", 'unknown key "max_gpu"; did you mean "max_gpus"?'),
    ],
)
def test_what_cannot_be_is_said(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(StudyError) as caught:
        load(tmp_path, f"[local]\n{line}")
    assert words in str(caught.value)
    assert "[local]" in str(caught.value)


def test_a_table_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / "experiments.toml"
    path.write_text("local = 3\n" + STUDY)
    with pytest.raises(StudyError, match=r"write \[local\]"):
        load_study(path)
