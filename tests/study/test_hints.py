"""What is offered for a name that is not known."""

import re
from pathlib import Path

import pytest

from iqa_train.errors import StudyError, did_you_mean
from iqa_train.study.load import load_study


def test_each_name_once():
    assert did_you_mean("resnet5O", ["resnet50", "swin", "resnet50"]) == 'did you mean "resnet50"?'
    assert did_you_mean("?", ["a", "b", "a"]) == "known: a, b"


def test_hints_are_on_one_line_whatever_the_names_contain():
    assert did_you_mean("resnet50", ["resnet50\n"]) == 'did you mean "resnet50\\n"?'
    assert did_you_mean("?", ["a\x1b[2J", "b\u202e"]) == "known: a\\u001b[2J, b\\u202e"


STUDY = """
[study]
name = "own"
baseline = "A"
[commands.mine]
run = ["true", "{{lr}}"]
{command}
[defaults]
dataset = "demo"
[[experiments]]
id = "A"
{experiment}
"""


@pytest.mark.parametrize(
    ("command", "experiment", "says"),
    [
        ("", 'set = { loss_type = "l.py:f", delta = 2 }', 'unknown setting "delta"; an option of l.py:f stands in '
         "loss_options = { delta = ... }"),
        ("", 'set = { network = "n.py:f", width = 2 }', "of n.py:f stands in network_options = { width = ... }"),
        ("", 'set = { network = "n.py:f", epohcs = 2 }', 'unknown setting "epohcs"; did you mean "epochs"?'),
        ("lr = 0.1", "", '; a parameter stands in [commands.mine.defaults]'),
        ('prediction = "x.csv"', "", 'unknown key "prediction"; did you mean "predictions" or "prediction_column"? '),
    ],
)  # fmt: skip
def test_what_stands_in_the_wrong_table_is_sent_to_the_right_one(
    command: str, experiment: str, says: str, tmp_path: Path
) -> None:
    (tmp_path / "s.toml").write_text(STUDY.format(command=command, experiment=experiment))
    with pytest.raises(StudyError, match=re.escape(says)):
        load_study(tmp_path / "s.toml")


def test_the_command_of_a_study_has_no_name_and_its_parameters_are_the_defaults(tmp_path: Path) -> None:
    text = STUDY.format(command="defaults = { lr = 0.1 }", experiment='command = "mine"')
    (tmp_path / "s.toml").write_text(text.replace("[commands.mine]", "[command]"))
    with pytest.raises(StudyError) as refused:
        load_study(tmp_path / "s.toml")
    assert "a parameter stands in [defaults]" in str(refused.value)
    assert 'unknown command "mine"; write [commands.mine]' in str(refused.value)
