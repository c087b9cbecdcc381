"""Test images that are there under several names are noticed."""

import numpy as np

from iqa_train.results.duplicated_images import duplicated_images
from iqa_train.results.paired_predictions import ExperimentPredictions
from iqa_train.runs.predictions import Predictions
from tests.results.made_study import predictions


def with_copies(seed: int, copies: int) -> Predictions:
    """Of 200 images, the first `copies` once more under another name."""
    table = predictions(seed, 6.0, 200)
    names = (*table.images, *(f"copy of {name}" for name in table.images[:copies]))
    scores, guessed = (np.concatenate([one, one[:copies]]) for one in (table.scores, table.predictions))
    return Predictions(names, scores, guessed)


def test_a_hundred_images_under_two_names_are_noticed() -> None:
    experiments = [
        ExperimentPredictions("Baseline", {1: with_copies(1, 100), 2: with_copies(2, 100)}),
        ExperimentPredictions("A1", {1: with_copies(3, 100)}),
    ]
    (note,) = duplicated_images(experiments)
    assert note.startswith("suspicious: 100 of 300 test images have the same score and the same predictions")
    assert "such as copy of 0000.jpg as 0000.jpg" in note


def test_what_one_run_predicts_differently_is_no_copy() -> None:
    copied, other = with_copies(1, 100), predictions(2, 6.0, 300)
    differing = Predictions(copied.images, copied.scores, other.predictions)
    assert (
        duplicated_images([ExperimentPredictions("A", {1: copied}), ExperimentPredictions("B", {1: differing})]) == ()
    )


def test_up_to_one_in_a_hundred_may_coincide_by_chance() -> None:
    assert duplicated_images([ExperimentPredictions("A", {1: with_copies(1, 2)})]) == ()
    assert len(duplicated_images([ExperimentPredictions("A", {1: with_copies(1, 3)})])) == 1


def test_each_test_set_is_looked_at_where_sets_are_split_by_seed() -> None:
    sets = {1: predictions(1, 6.0, 200), 2: with_copies(2, 50)}
    assert len(duplicated_images([ExperimentPredictions("A", sets)])) == 1


def test_nothing_tested_is_nothing() -> None:
    assert duplicated_images([]) == ()
    assert duplicated_images([ExperimentPredictions("A", {})]) == ()
