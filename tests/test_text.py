"""Counts, lists of names, durations and first lines of errors read as English."""

import pytest

from iqa_train.text import first_line, format_duration, join_names, plural


def test_a_count_agrees_with_its_noun() -> None:
    assert [plural(number, "run") for number in (0, 1, 2)] == ["0 runs", "1 run", "2 runs"]


@pytest.mark.parametrize(
    ("names", "most", "text"),
    [
        ([], None, ""),
        (["a"], None, "a"),
        (["a", "b"], None, "a and b"),
        (["a", "b", "c"], None, "a, b and c"),
        (["a", "b", "c"], 3, "a, b and c"),
        (["a", "b", "c"], 2, "a, b and 1 more"),
        (["a", "b", "c"], 1, "a and 2 more"),
    ],
)
def test_names_are_listed(names: list[str], most: int | None, text: str) -> None:
    assert join_names(names, most) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (0, "0:00"), (59.6, "1:00"), (125, "2:05"), (5025, "1:23:45"), (360000, "100:00:00")],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert format_duration(seconds, "-") == text


def test_the_first_line_of_an_error() -> None:
    assert first_line(ValueError("\nbad shape\n  at layer 3\n")) == "bad shape"
    assert first_line(ValueError("x" * 500)) == "x" * 200
    assert first_line(KeyError()) == "KeyError"
    assert first_line(ValueError(" \n")) == "ValueError"
