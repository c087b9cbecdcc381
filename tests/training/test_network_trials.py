"""What trying a network finds: each planted fault with its code and their line, and nothing in networks that are right.

The functions of faulty_networks.py are the networks.
"""

from pathlib import Path

import pytest

from iqa_train.study.settings import TrainingConfig
from iqa_train.training.network_trials import Fault
from iqa_train.training.try_network import try_network

HERE = Path(__file__).parent


def tried(name: str, **changes: object) -> list[Fault]:
    settings = TrainingConfig(
        network=f"faulty_networks.py:{name}", backbone="demo", weights="none", patch_size=32, **changes
    )
    return [found for found in try_network(settings, HERE, lambda _: None) if isinstance(found, Fault)]


def codes(name: str) -> dict[str, str]:
    """Code -> severity, without the note of its size."""
    return {fault.code: fault.severity for fault in tried(name) if fault.code != "network-size"}


@pytest.mark.parametrize(
    "name",
    [
        "right", "without_context", "zero_gates", "zero_scores", "tied", "masked", "lazy", "norms", "frozen_part",
        "squeezed", "random_of_python",
    ],
)  # fmt: skip
def test_nothing_is_found_in_a_network_that_is_right(name: str) -> None:
    assert [fault for fault in tried(name) if fault.code != "network-size"] == []


@pytest.mark.parametrize("freeze", ["backbone", "stages:2"])
def test_layers_frozen_by_the_settings_are_no_finding(freeze: str) -> None:
    assert [fault for fault in tried("over_our_backbone", freeze=freeze) if fault.code != "network-size"] == []


@pytest.mark.parametrize(
    ("name", "code", "severity"),
    [
        ("wrong_shape", "network-output", "error"),
        ("transposed", "network-output", "error"),
        ("no_tensor", "network-output", "error"),
        ("whole_numbers", "network-output", "error"),
        ("complex_scores", "network-output", "error"),
        ("dead_layer", "network-dead-parameters", "warning"),
        ("detached_layer", "network-dead-parameters", "warning"),
        ("zeroed_layer", "network-dead-parameters", "warning"),
        ("no_gradient", "network-no-gradient", "error"),
        ("unseeded_build", "network-build-differs", "error"),
        ("counted_build", "network-build-differs", "error"),
        ("dropout_in_evaluation", "network-eval-differs", "error"),
        ("batch_statistics", "network-coupled", "error"),
        ("attention_over_the_batch", "network-coupled", "error"),
        ("by_place", "network-coupled", "error"),
        ("nan", "network-not-finite", "error"),
        ("nan_of_flat_crops", "network-not-finite", "error"),
        ("nan_in_evaluation", "network-not-finite", "error"),
        ("nan_gradient", "network-not-finite", "error"),
        ("changes_crops", "network-changes-crops", "warning"),
        ("counts_calls", "network-train-differs", "warning"),
        ("counts_calls", "network-unsaved-state", "error"),
        ("running_average", "network-eval-state", "error"),
        ("stays_in_training", "network-mode", "error"),
        ("training_only_part", "network-eval-unused", "note"),
        ("needs_two", "network-batch-of-one", "warning"),
        ("extra_state", "network-fails", "error"),
        ("complex_parameter", "network-fails", "error"),
        ("double", "network-fails", "error"),
        ("prints", "network-prints", "note"),
        ("no_module", "network-fails", "error"),
        ("nothing", "network-fails", "error"),
        ("fails", "network-fails", "error"),
        ("fails_in_forward", "network-fails", "error"),
        ("breaks_its_gradient", "network-fails", "error"),
        ("fails_in_eval", "network-fails", "error"),
        ("exits", "network-fails", "error"),
        ("exits_in_forward", "network-fails", "error"),
        ("bad_groups", "network-fails", "error"),
        ("constant", "network-fails", "error"),
        ("missing", "network-fails", "error"),
    ],
)
def test_a_planted_fault_is_found(name: str, code: str, severity: str) -> None:
    assert codes(name).get(code) == severity, codes(name)
