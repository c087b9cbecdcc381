"""The conclusion says what the verdicts say, in sentences, and no more."""

from dataclasses import replace

import pytest

from iqa_train.report.conclusion import (
    DIFFERENT,
    MISSING,
    ONE_SEED,
    RUNS_ALIKE,
    RUNS_DIFFER,
    SAME,
    UNDECIDED,
    Conclusion,
    conclusion_of,
)
from iqa_train.results.table import ResultRow, StudyResults
from tests.report.samples import A1, A1_3, A2_3, ALL, BASELINE, BASELINE_3, SEED_STUDY, SEVERAL_SEEDS


def concluded(*rows: ResultRow, **fields: object) -> Conclusion:
    return conclusion_of(replace(SEVERAL_SEEDS, rows=(BASELINE_3, *rows), **fields))


def sentences(found: Conclusion) -> dict[str, tuple[str, ...]]:
    return {group.heading: group.sentences for group in found.groups}


def test_what_makes_a_difference_and_what_is_not_decided() -> None:
    found = concluded(A1_3, replace(A2_3, better=False))
    assert found.lead[0] == ("Of 2 experiments, 1 differs significantly from Baseline in SRCC and 1 is not decided.")
    assert sentences(found) == {
        DIFFERENT: (
            "A2 (Remove multi-scale fusion) has a lower SRCC than Baseline, by 0.0041 [0.0018, 0.0064]: worse.",
        ),
        UNDECIDED: (
            "A1 (Remove attention fusion): at most 0.0048 either way. How many seeds would decide is not known.",
        ),
    }
    assert "No margin was declared" in " ".join(found.lead)


def test_how_many_seeds_would_decide() -> None:
    said = sentences(concluded(replace(A1_3, seeds_needed=12)))[UNDECIDED][0]
    assert said.endswith("About 12 seeds would show the difference with 80 % assurance.")
    said = sentences(concluded(replace(A1_3, seeds_limit=50)))[UNDECIDED][0]
    assert said.endswith("No number of seeds up to 50 would show the difference with 80 % assurance.")


def test_what_does_not_matter() -> None:
    same = replace(A1_3, same=True, margin=0.006)
    found = concluded(same, replace(A2_3, same=True, margin=0.01))
    assert found.lead == ("Of 2 experiments, 2 are the same as Baseline within the margin.",)
    assert sentences(found) == {
        SAME: (
            "A1 (Remove attention fusion) is within the margin of 0.006 of Baseline.",
            "A2 (Remove multi-scale fusion) is within the margin of 0.01 of Baseline, though it differs significantly.",
        )
    }


def test_one_seed_each_says_nothing_of_components() -> None:
    found = conclusion_of(SEED_STUDY)
    assert found.lead == ("Of 4 runs with one seed, 3 differ significantly from Baseline in SRCC.", ONE_SEED)
    assert list(sentences(found)) == [RUNS_DIFFER, RUNS_ALIKE]
    text = " ".join(" ".join(group.sentences) for group in found.groups)
    assert "better" not in text
    assert "worse" not in text
    assert "A1 (Remove attention fusion): a difference of -0.0025 [-0.0047, -0.0003]." in text


def test_an_error_metric_that_is_lower_is_better() -> None:
    row = replace(A2_3, delta=-1.2, delta_interval=(-2.4, -0.1), better=True)
    said = sentences(concluded(row, metric="rmse_fit", primary="rmse_fit"))[DIFFERENT][0]
    assert "has a lower RMSE after logistic fit than Baseline, by 1.2 [0.1, 2.4]: better." in said


def test_what_has_no_result_is_not_passed_over() -> None:
    rows = (replace(A1_3, provisional=True), ResultRow("B1", state="failed"), ResultRow("B2", state="queued"))
    found = concluded(*rows)
    assert sentences(found)[MISSING] == ("B1: failed.", "B2: queued.")
    assert "Some runs are not finished, so that this is provisional." in found.lead
    assert "so far" in sentences(found)[UNDECIDED][0]


def test_without_a_baseline_or_other_experiments() -> None:
    assert conclusion_of(replace(SEED_STUDY, rows=(BASELINE,))).lead[0].startswith("There is nothing to compare")
    lost = replace(SEED_STUDY, rows=(replace(A1, distinguishable=None, delta=None),))
    assert sentences(conclusion_of(lost))[MISSING] == (
        "A1 (Remove attention fusion): Baseline has no result to compare with.",
    )


def test_what_weakens_all_of_it_is_said() -> None:
    found = concluded(A1_3, exploratory="the study was changed", primary="plcc")
    assert "These conclusions are exploratory: the study was changed." in found.lead
    assert "SRCC is a secondary metric: its p are not adjusted for the number of metrics." in found.lead


@pytest.mark.parametrize("results", ALL.values(), ids=list(ALL))
def test_there_is_one_for_any_study(results: StudyResults) -> None:
    found = conclusion_of(results)
    assert found.lead
    for sentence in (*found.lead, *(one for group in found.groups for one in group.sentences)):
        assert sentence[0].isupper()
        assert sentence.endswith(".")
