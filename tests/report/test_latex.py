"""LaTeX tables compile for any text in titles."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iqa_train.report.latex import cross_latex, escaped, metrics_latex, results_latex
from iqa_train.results.table import StudyResults
from tests.report.samples import A1, A2, A2_3, ALL, BASELINE, BASELINE_3, SEED_STUDY, WITH_REPORTED

EVIL = replace(A1, experiment='[x] \\{}$&#^_~%<>|"', title="ü\n\x1b")
EVIL_STUDY = replace(
    SEED_STUDY, title="100 % of $x_1^2$ & #1 ~ \\foo{bar}", notes=("a_b <c> \u2212 \u2026",), rows=(BASELINE, EVIL)
)
OUR_COMMANDS = re.compile(
    r"\\(textbackslash|textasciitilde|textasciicircum|ldots|S)\{\}|\\[{}$&#%_]|\$(<|>|\||-|\\[a-z]+)\$"
)


@given(st.text(max_size=30))
def test_no_special_character_is_left_to_its_meaning(text: str) -> None:
    rest = OUR_COMMANDS.sub("", escaped(text))
    assert not set(rest) & set('\\{}$&#%_^~<>|"\n\r\t\x1b')


def test_the_parts_of_a_booktabs_table() -> None:
    text = results_latex(WITH_REPORTED)
    order = [r"\begin{table*}", r"\caption{", r"\begin{tabular}", r"\toprule", r"\midrule", "Baseline &", r"\midrule",
             r"A1$\dagger$ &", r"\bottomrule", r"\end{tabular}", r"\end{table*}"]  # fmt: skip
    at = -1
    for part in order:
        at = text.index(part, at + 1)
    assert r"A1 & Remove attention fusion & 0.9353 & [0.9301, 0.9400] & $-$0.0025 & [$-$0.0047, $-$0.0003]" in text
    assert r"\multicolumn{2}{l}{SRCC [95 \%]}" in text
    assert r"\setlength{\abovecaptionskip}{0pt}\setlength{\belowcaptionskip}{6pt}" in text
    assert r"$<$0.001" in text


def test_only_a_row_whose_component_is_significantly_better_is_bold() -> None:
    assert r"\textbf" not in results_latex(SEED_STUDY)  # A1 does not differ significantly from the best, the baseline
    assert r"\textbf" not in results_latex(replace(SEED_STUDY, rows=(BASELINE, A2)))  # one seed: only the runs differ
    text = results_latex(replace(SEED_STUDY, rows=(BASELINE_3, A2_3)))
    assert r"\textbf{0.9378} & [0.9329, 0.9423] &" in text
    assert "Bold: the best" in text


def test_metrics_stand_side_by_side() -> None:
    errors = replace(SEED_STUDY, metric="rmse_fit")
    text = metrics_latex([WITH_REPORTED, errors])
    assert r"Experiment & Title & SRCC $\uparrow$ & RMSE after logistic fit $\downarrow$" in text
    assert r"A1$\dagger$ & LR 5e-6 & 0.9323 & --" in text


def test_numbers_of_a_column_have_equal_decimals_and_line_up() -> None:
    wide = replace(A1, value=11.1, interval=(9.9, 12.3), delta=-1.19, delta_interval=(-2.4, 0.0))
    narrow = replace(BASELINE, value=12.29, interval=(12.21, 12.37))
    text = results_latex(replace(SEED_STUDY, metric="rmse_fit", rows=(narrow, wide)))
    assert r"& 12.290 & [12.210, 12.370] &" in text
    assert r"& 11.100 & [9.900, 12.300] &" in text
    assert r"lr@{\ }lr@{\ }l" in text
    side_by_side = metrics_latex([replace(SEED_STUDY, metric="rmse_fit", rows=(narrow, wide))])
    assert r"& 12.290 \\" in side_by_side
    assert r"& 11.100 \\" in side_by_side


def test_a_long_title_is_broken_into_lines() -> None:
    long = replace(A1, title="Without the attention that fuses the features of four stages")
    text = results_latex(replace(SEED_STUDY, rows=(BASELINE, long)))
    assert r"p{0.22\textwidth}" in text
    assert r"\raggedright Without" in text


def test_a_cell_in_brackets_is_no_distance() -> None:
    assert "\n{}[x]" in results_latex(EVIL_STUDY)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX here")
def test_it_compiles(tmp_path: Path) -> None:
    studies: list[StudyResults] = [*ALL.values(), EVIL_STUDY]
    tables = [*map(results_latex, studies), metrics_latex([WITH_REPORTED, SEED_STUDY]), cross_latex([SEED_STUDY])]
    head = "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n"
    (tmp_path / "t.tex").write_text(head + "\n".join(tables) + "\\end{document}\n", encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-draftmode", "-interaction=nonstopmode", "-halt-on-error", "t.tex"],
        cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
