"""The example study: valid, small, and of every kind. `make example` in .ci/run carries it out."""

from pathlib import Path

from iqa_train.study.audit import audit
from iqa_train.study.load import load_study

EXAMPLE = Path(__file__).parents[2] / "examples" / "mixed"


def test_the_example_has_no_fault_and_every_experiment_differs_in_one_factor() -> None:
    assert [finding.code for finding in audit(load_study(EXAMPLE / "experiments.toml"))] == ["one-seed"]


def test_a_network_of_another_kind_takes_less_than_60_lines() -> None:
    assert len((EXAMPLE / "nets" / "gated.py").read_text().splitlines()) < 60
