"""What is offered for a name that is not known."""

from iqa_train.errors import did_you_mean


def test_each_name_once():
    assert did_you_mean("resnet5O", ["resnet50", "swin", "resnet50"]) == 'did you mean "resnet50"?'
    assert did_you_mean("?", ["a", "b", "a"]) == "known: a, b"


def test_hints_are_on_one_line_whatever_the_names_contain():
    assert did_you_mean("resnet50", ["resnet50\n"]) == 'did you mean "resnet50\\n"?'
    assert did_you_mean("?", ["a\x1b[2J", "b\u202e"]) == "known: a\\u001b[2J, b\\u202e"
