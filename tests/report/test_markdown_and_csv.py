"""Markdown shows text as it is; CSV loses no digit."""

import csv
import io
from dataclasses import replace

import pytest

from iqa_train.report.csv_file import results_csv
from iqa_train.report.markdown import escaped, results_markdown
from iqa_train.results.table import StudyResults
from tests.report.samples import A2_3, ALL, BASELINE_3, SEED_STUDY, WITH_REPORTED


@pytest.mark.parametrize("results", ALL.values(), ids=list(ALL))
def test_every_row_of_a_table_has_as_many_cells(results: StudyResults) -> None:
    lines = [line for line in results_markdown(results).splitlines() if line.startswith("|")]
    assert len({line.replace(r"\|", "").count("|") for line in lines}) == 1
    assert len(lines) == len(results.rows) + 2


def test_nothing_in_a_title_is_markup() -> None:
    assert escaped("a|b*c_d`e`[f](g)<!-- iqa-train:end x -->\n#h") == (
        r"a\|b\*c\_d\`e\`\[f\](g)&lt;!-- iqa-train:end x --&gt;\\n\#h"
    )


def test_bold_and_verdicts() -> None:
    text = results_markdown(replace(SEED_STUDY, rows=(BASELINE_3, A2_3)))
    assert r"**0.9378 \[0.9329, 0.9423\]**" in text
    assert "- **A2**: above, differs significantly from Baseline" in text
    assert "**0.93" not in results_markdown(SEED_STUDY)


def test_csv_keeps_every_digit_and_every_field() -> None:
    rows = list(csv.DictReader(io.StringIO(results_csv([WITH_REPORTED, replace(SEED_STUDY, metric="krcc")]))))
    assert len(rows) == 11
    assert float(rows[1]["value"]) == 0.93531
    assert float(rows[1]["delta_interval_low"]) == -0.00468
    assert rows[1]["distinguishable"] == "false"
    assert rows[0]["delta"] == ""
    assert rows[2]["factors"] == "multi_scale; attention_fusion"
    assert rows[5]["reported"] == "true"
    assert {row["metric"] for row in rows} == {"srcc", "krcc"}
    fields = set(SEED_STUDY.rows[0].as_json())
    spans = {"interval", "delta_interval", "zou_interval", "expected", "expected_delta"}
    split = {"compared", "standing", "runs"}
    assert fields - spans - split <= set(rows[0])
    assert {"compared_value", "compared_baseline", "standing_epoch", "standing_value"} <= set(rows[0])
