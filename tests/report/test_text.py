"""The table in a terminal."""

from dataclasses import replace

import pytest

from iqa_train.report.columns import table_of
from iqa_train.report.text import results_text
from iqa_train.results.table import StudyResults
from iqa_train.text import display_width
from tests.report.samples import ALL, PROVISIONAL, SEED_STUDY, SEVERAL_SEEDS, WITH_REPORTED

every_study = pytest.mark.parametrize("results", ALL.values(), ids=list(ALL))


@every_study
@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_no_line_is_wider_than_the_terminal(results: StudyResults, width: int) -> None:
    assert max(display_width(line) for line in results_text(results, width).splitlines()) <= width


def head(results: StudyResults, width: int) -> str:
    return results_text(results, width).splitlines()[2]


@pytest.mark.parametrize("results", [SEED_STUDY, SEVERAL_SEEDS], ids=["one seed", "several"])
def test_80_columns_hold_value_difference_and_whether_it_is_real(results: StudyResults) -> None:
    assert head(results, 80).split("  ")[0] == "Experiment"
    for wanted in ("SRCC" if results is SEED_STUDY else "Mean", "vs Baseline [95 %]", "p Holm", "Verdict"):
        assert wanted in head(results, 80)


def test_80_columns_hold_what_is_unfinished() -> None:
    assert "State" in head(PROVISIONAL, 80)
    text = results_text(PROVISIONAL, 80)
    assert "0.9378@4" in text
    assert "@3: 0.9353 vs 0.9361" in text
    assert "A1, Remove attention fusion: epoch 3: 0.9353 vs 0.9361 (-0.0008)" in text
    assert not {"within", "above"} & set(text.split())


def test_170_columns_hold_all_of_the_first_study() -> None:
    text = results_text(SEED_STUDY, 170)
    assert all(column.head in text for column in table_of(SEED_STUDY, ["title"]).columns)
    assert "not shown" not in text


def test_columns_left_out_are_named() -> None:
    text = " ".join(results_text(SEVERAL_SEEDS, 80).split())
    assert "not shown (terminal too narrow): " in text
    assert "Seed SD" in text


def test_verdicts_reasons_and_notes_stand_below() -> None:
    text = " ".join(results_text(SEED_STUDY, 80).split())
    assert "A1, Remove attention fusion: above, runs not distinguished (one seed: runs, not components)" in text
    assert "p = 0.051 after Holm's correction" in text
    assert "changes 2 factors together: multi_scale, attention_fusion" in text
    assert "test-set uncertainty only: one seed" in text


def test_reported_numbers_are_marked() -> None:
    text = results_text(WITH_REPORTED, 120)
    assert "A1\u2020" in text
    assert "reported: the study's own notes" in text


def test_nothing_in_a_title_or_a_note_reaches_the_terminal_as_a_command() -> None:
    evil = replace(SEED_STUDY.rows[1], title="a\x1b[2Jb", notes=("c\nd\u202ee",))
    text = results_text(replace(SEED_STUDY, title="\x07", rows=(SEED_STUDY.rows[0], evil), notes=("\x9b1m",)), 80)
    assert not set(text) & set("\x1b\x07\x9b\u202e")


def test_wide_characters_take_two_columns() -> None:
    row = replace(SEED_STUDY.rows[1], experiment="消融实验")
    lines = results_text(replace(SEED_STUDY, rows=(SEED_STUDY.rows[0], row)), 80).splitlines()
    base, ablation = (next(line for line in lines if line.startswith(start)) for start in ("Baseline", "消融"))
    assert display_width(base[: base.index("0.9378")]) == display_width(ablation[: ablation.index("0.9353")])
