"""What the command line advises is said in the console's keys: each reason that a program can give is translated."""

import re
from pathlib import Path

import pytest

from iqa_tui.advice import by_keys

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("file", ["published/koniq.py", "demo/dataset.py"])
def test_no_option_of_the_command_line_is_advised_where_data_are_missing(file: str) -> None:
    text = (ROOT / "iqa_train" / "datasets" / file).read_text()
    advice = re.findall(r"name (?:its|another|an empty)[^\"]*--data_dir", text)
    assert advice
    assert all("--data_dir" not in by_keys(words) for words in advice)


def test_reasons_of_states_name_keys() -> None:
    assert by_keys("stopped on request; --resume continues") == "stopped on request; R resumes"
    assert by_keys("repair or remove it, or start over with --again") == "R starts the run over"
