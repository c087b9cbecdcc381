"""With one seed, nothing that is printed speaks of components; scope, spread and seeds are those of each row."""

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.lines import Line2D

from iqa_train.files import write_json
from iqa_train.report.csv_file import results_csv
from iqa_train.report.figures import ablation, seeds, size, style, verdicts, waterfall
from iqa_train.report.html.page import page
from iqa_train.report.latex import metrics_latex, results_latex
from iqa_train.report.markdown import results_markdown
from iqa_train.report.report_data import ReportData
from iqa_train.report.run_page.results import results_section
from iqa_train.report.text import results_text
from iqa_train.report.tracker import tracker_text
from iqa_train.results.table import StudyResults
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.snapshot import read_snapshot
from tests.report.samples import A1_3, A2, A2_3, B1_3, B2_3, BASELINE_3, SEED_STUDY, SEVERAL_SEEDS

MIXED = replace(SEVERAL_SEEDS, rows=(BASELINE_3, A1_3, A2, B1_3, replace(B2_3, borrowed="Baseline (3 seeds)")))
OF_COMPONENTS = re.compile(r"\b(better|worse|differs significantly)\b")


def printed(results: StudyResults) -> dict[str, str]:
    """Everything that is printed of one table, without explanations of heads and fills."""
    data = ReportData((results,))
    return {
        "terminal": results_text(results),
        "narrow": results_text(results, 80),
        "markdown": results_markdown(results),
        "latex": results_latex(results),
        "metrics": metrics_latex([results]),
        "csv": results_csv([results]),
        "json": str(results.as_json()),
        "tracker": tracker_text(data),
        "page": re.sub(r"<style>.*?</style>", "", page(data, []), flags=re.DOTALL),
        "captions": " ".join(one.caption(results) for one in (waterfall, verdicts)),
    }


@pytest.mark.parametrize("form", list(printed(SEED_STUDY)))
def test_with_one_seed_no_output_says_better_or_worse(form: str) -> None:
    text = printed(SEED_STUDY)[form].replace("'better': None", "").replace(",better,", ",")
    assert not OF_COMPONENTS.search(text)
    assert not re.search(r"\\textbf|\*\*0\.|<b>0\.", text)


@pytest.mark.parametrize("form", ["terminal", "markdown", "latex", "tracker", "page"])
def test_with_one_seed_a_row_says_that_runs_differ(form: str) -> None:
    text = printed(SEED_STUDY)[form]
    assert "runs differ: A2 lower" in text
    assert "runs not distinguished" in text


@pytest.mark.parametrize("form", ["tracker", "page"])
def test_contributions_are_headed_with_what_they_are(form: str) -> None:
    assert "One seed: runs, not components." in printed(SEED_STUDY)[form]
    assert "One seed: runs, not components (A2)." in printed(MIXED)[form]
    assert "runs, not components" not in printed(SEVERAL_SEEDS)[form]


def test_the_waterfall_says_so_above_and_in_its_caption() -> None:
    with style.styled():
        titles = [waterfall.draw(one, style.ONE_COLUMN).axes[0].get_title("left") for one in (MIXED, SEVERAL_SEEDS)]
    assert titles == ["one seed: runs, not components (A2)", ""]
    assert "one seed: runs, not components (A2)" in waterfall.caption(MIXED)
    assert "One seed: runs, not components (A2), so never filled." in ablation.caption(MIXED)
    assert "seed: runs" not in ablation.caption(SEVERAL_SEEDS)


def test_scope_is_that_of_each_row() -> None:
    rows = {row["experiment"]: row for row in csv.DictReader(io.StringIO(results_csv([MIXED])))}
    assert [rows[name]["scope"] for name in ("Baseline", "A1", "A2", "B1")] == ["", "component", "runs", "component"]
    text = " ".join(results_text(MIXED).split())
    assert "runs differ: A2 lower (one seed: runs, not components); over two runs: seed 42 of both" in text
    assert (
        "B1, Tiny model: within, differs significantly from Baseline: worse; over the shared seeds 42, 43, 44" in text
    )


def test_rows_over_the_same_seeds_do_not_list_them() -> None:
    assert "over the shared seeds" not in results_text(SEVERAL_SEEDS)


@pytest.mark.parametrize(
    ("form", "mark"), [("terminal", "‡"), ("narrow", "‡"), ("markdown", "‡"), ("latex", r"$\ddagger$")]
)
def test_a_borrowed_spread_is_marked_in_the_row_and_explained(form: str, mark: str) -> None:
    text = printed(MIXED)[form]
    assert sum(mark in line for line in text.splitlines() if "-0.0040" in line or "$-$0.0040" in line) == 1
    assert f"{mark}: with a spread between seeds borrowed" in " ".join(text.split())
    if form in {"terminal", "markdown"}:
        assert "with the seed spread borrowed from Baseline (3 seeds)" in " ".join(text.split())
    assert mark not in printed(SEVERAL_SEEDS)[form]


def test_the_mean_is_called_mean_and_the_median_is_beside_it() -> None:
    wide = results_text(SEVERAL_SEEDS)
    assert "SRCC, mean [95 %]" in wide
    assert "Median" in wide
    assert "mean" not in results_text(SEED_STUDY)
    assert "Median" not in results_text(SEED_STUDY)
    row = next(csv.DictReader(io.StringIO(results_csv([SEVERAL_SEEDS]))))
    assert float(row["median"]) == BASELINE_3.median
    assert row["values_by_seed"].startswith("42: 0.93")


@pytest.mark.parametrize("form", ["terminal", "narrow", "markdown", "latex", "tracker", "metrics"])
def test_another_metric_than_the_primary_is_labelled(form: str) -> None:
    label = "secondary, not adjusted for the number of metrics"
    assert label in " ".join(printed(replace(SEVERAL_SEEDS, metric="krcc"))[form].split())
    assert label not in printed(SEVERAL_SEEDS)[form]
    assert label not in printed(replace(SEVERAL_SEEDS, metric="krcc", primary="krcc"))[form]


def test_the_page_labels_the_tables_of_other_metrics() -> None:
    text = page(ReportData((SEVERAL_SEEDS, replace(SEVERAL_SEEDS, metric="krcc"))), [])
    assert "<summary>KRCC (secondary, not adjusted for the number of metrics)</summary>" in text


def test_json_and_csv_say_which_metric_is_primary() -> None:
    other = replace(SEVERAL_SEEDS, metric="krcc")
    assert other.as_json()["secondary"] is True
    row = next(csv.DictReader(io.StringIO(results_csv([other]))))
    assert (row["primary"], row["secondary"], row["intervals"]) == ("srcc", "true", "single")


def test_the_page_of_a_run_has_no_colour_for_a_difference_of_runs(run: RunFolder) -> None:
    for row, marks in ((A2, {""}), (A2_3, {"", "warning"})):
        section = results_section(read_snapshot(run), row, [], baseline="Baseline")
        assert {line.mark for line in section.lines} == marks
    several = results_section(read_snapshot(run), A2_3, [], baseline="Baseline")
    assert any("mean of 3 seeds" in line.cells[-1] for line in several.lines)
    assert any(line.cells[0] == "median" for line in several.lines)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run that has not started."""
    return RunFolder(tmp_path / "runs" / "demo" / "A2" / "s42-0c84313f58")


def across(line: Line2D) -> list[float]:
    """Its points' places along the axis of the metric."""
    return [round(float(x), 6) for x in np.asarray(line.get_xdata(), float)]


def test_every_seed_is_a_dot_joined_to_the_baselines_of_the_same_seed() -> None:
    with style.styled():
        values, differences = seeds.draw(SEVERAL_SEEDS, style.TWO_COLUMNS).axes
    joined = {tuple(across(line)) for line in values.lines if line.get_marker() == "None"}
    assert {(round(BASELINE_3.values_by_seed[s], 6), round(A2_3.values_by_seed[s], 6)) for s in (42, 43, 44)} <= joined
    dots = [x for line in differences.lines if line.get_marker() == "o" for x in across(line)]
    assert sorted(dots) == sorted(round(d, 6) for row in SEVERAL_SEEDS.rows for d in row.differences_by_seed.values())
    assert "42, 43, 44, from the top" in seeds.caption(SEVERAL_SEEDS)
    assert not seeds.rows_with_seeds(SEED_STUDY)


def shapes(results: StudyResults) -> tuple[dict[str, str], str]:
    """Marker of each row in the figure of verdicts (hollow: in brackets), and all its words."""
    with style.styled():
        axes = verdicts.draw(results, style.TWO_COLUMNS).axes[0]
    dots = [line for line in axes.lines if line.get_marker() in {"o", "s", "x"}]
    marks = [f"({d.get_marker()})" if d.get_markerfacecolor() == style.GROUND else str(d.get_marker()) for d in dots]
    names = [row.experiment for row in verdicts.rows_with_verdicts(results)]
    return dict(zip(names, marks, strict=True)), " / ".join(text.get_text() for text in axes.texts)


def test_verdicts_are_drawn_against_zero_and_the_margin() -> None:
    same = replace(A1_3, margin=0.006, same=True, look=4, decision="same")
    open_ = replace(B2_3, margin=0.006, same=False, distinguishable=False, better=None, at_most=0.0062, look=4)
    results = replace(SEVERAL_SEEDS, rows=(BASELINE_3, same, A2, replace(B1_3, margin=0.006, same=False), open_))
    marks, words = shapes(results)
    assert marks == {"A1": "s", "A2": "x", "B1": "o", "B2": "(o)"}
    for wanted in (
        "same within ±0.006; decided at 4 seeds", "runs differ: A2 lower", "different: worse",
        "not decided: at most 0.0062 either way; still open at 4 seeds",
    ):  # fmt: skip
        assert wanted in words
    assert "within the margin of ±0.006" in verdicts.caption(results)
    assert "No margin was declared, so nothing can be shown to be the same." in verdicts.caption(SEVERAL_SEEDS)


def test_the_page_of_a_run_with_rounds_names_median_and_mean(run: RunFolder) -> None:
    rounds = [{"round": k, "test": {"srcc": value}} for k, value in ((1, 0.90), (2, 0.91), (3, 0.95))]
    run.path.mkdir(parents=True)
    write_json(run.result, {"schema_version": 1, "srcc": 0.91, "rounds": rounds})
    lines = {line.cells[0]: line.cells[-1] for line in results_section(read_snapshot(run), None, []).lines}
    assert lines["median of 3 rounds"] == "SRCC 0.9100"
    assert lines["mean of 3 rounds"] == "SRCC 0.9200"


def test_captions_say_that_values_are_means() -> None:
    for one in (ablation, waterfall, size):
        assert "ean SRCC over seeds" in one.caption(SEVERAL_SEEDS)
        assert "ean SRCC" not in one.caption(SEED_STUDY)
    assert "Means over seeds" in metrics_latex([SEVERAL_SEEDS])
