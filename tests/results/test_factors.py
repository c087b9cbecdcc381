"""Settings in which two runs differ, and which of them have an effect."""

from typing import Any

import pytest

from iqa_train.results.factors import factors, settings_that_differ
from iqa_train.study.settings import TrainingConfig

BASE = {"attention_fusion": True, "ranking_loss_alpha": 0.0, "loss_type": "l1", "model_size": "base"}


def spec(**changes: Any) -> dict[str, Any]:
    config = TrainingConfig(**(BASE | changes))
    return {"settings": config.model_dump(mode="json"), "source": {"csv": "", "path": "here"}}


def test_settings_that_differ_with_both_values() -> None:
    assert settings_that_differ(spec(), spec(lr=1e-6, seed=7, workers=5, memory_gib=3.0)) == {"lr": (2e-5, 1e-6)}
    assert settings_that_differ(spec(), spec()) == {}


def test_the_data_set_itself_counts_and_its_place_does_not() -> None:
    other = spec() | {"source": {"csv": "mine.csv", "path": "there"}}
    assert settings_that_differ(spec(), other) == {"datasets.csv": ("", "mine.csv")}
    assert factors(spec(), other) == ("datasets.csv",)


def test_a_setting_that_one_does_not_record_is_not_compared() -> None:
    older = spec()
    del older["settings"]["lr_floor"]
    older["settings"]["gone"] = 3
    assert settings_that_differ(older, spec()) == {}


@pytest.mark.parametrize(
    ("changes", "acting"),
    [
        ({"attention_fusion": False}, {"attention_fusion"}),
        ({"multi_scale": False}, {"multi_scale", "attention_fusion"}),
        ({"model_size": "tiny", "drop_path_rate": 0.1}, {"model_size", "drop_path_rate"}),
        ({"ranking_loss_margin": 0.3}, set()),
        ({"ranking_loss_alpha": 0.5, "ranking_loss_margin": 0.3}, {"ranking_loss_alpha"}),
        ({"early_stopping": False, "patience": 2}, {"early_stopping"}),
        ({"backbone": "resnet50"}, {"backbone", "pre-training"}),
        ({"weights": "none"}, {"pre-training"}),
        ({"lr_step_epochs": 2}, set()),
    ],
)
def test_factors_are_what_acts(changes: dict[str, Any], acting: set[str]) -> None:
    found = factors(spec(), spec(**changes))
    assert set(found) - {"model_size"} == acting - {"model_size"}
    assert len(found) == len(set(found))


def test_settings_of_another_version_are_compared_as_they_are() -> None:
    base, own = {"settings": {"lr": 1e-5, "gone": 1}}, {"settings": {"lr": 2e-5, "gone": 2}}
    assert factors(base, own) == ("lr", "gone")


def test_what_one_of_them_does_not_record_is_no_factor() -> None:
    base = {"settings": {"dataset": "koniq-10k", "lr": 5e-7, "attention_fusion": True}}
    own = {"settings": {"dataset": "koniq-10k", "attention_fusion": False}}  # as of a log that tells no rate
    assert factors(base, own) == ("attention_fusion",)


def test_imported_predictions_lack_no_command() -> None:
    ours = spec() | {"command": {"name": "", "run": ["train"]}, "parameters": {"lr": 0.1}}
    theirs = {"settings": {"dataset": ours["settings"]["dataset"]}, "source": ours["source"], "external": "LIVE"}
    assert settings_that_differ(ours, theirs) == settings_that_differ(theirs, ours) == {}
    assert set(settings_that_differ(ours, spec())) == {"command"}
