"""What the console says of verdicts: about runs where there is one seed, about components only where seeds show it."""

from dataclasses import replace
from pathlib import Path

import pytest

from iqa_train.report.run_page.run_comparison import two_runs
from iqa_train.results.table import ResultRow, StudyResults
from iqa_train.runs.design_file import SealedDesign, seal
from iqa_train.runs.layout import run_folders
from iqa_tui.state.board import Board, Target
from iqa_tui.state.table_lines import TableLine
from iqa_tui.widgets.headline import problem_text
from iqa_tui.widgets.run_cells import verdict_cell
from iqa_tui.widgets.run_table import RunTable
from iqa_tui.widgets.verdict_line import verdict_words
from tests.results import test_looks as of_look
from tests.results.made_study import MadeStudy, predictions
from tests.tui.screens.console_host import SIZES, Seat, seat
from tests.tui.study.test_study_parts import A1, grid, line

COMPONENT = replace(A1, scope="component")
RUNS = replace(A1, scope="runs", better=None, higher=False)
UNDECIDED = replace(COMPONENT, distinguishable=False, better=None, higher=None, at_most=0.00587)


@pytest.mark.parametrize(
    ("result", "words", "brief"),
    [
        (COMPONENT, "different: worse; below expectation", "different: worse"),
        (replace(COMPONENT, better=True, position=None), "different: better", "different: better"),
        (RUNS, "runs differ: A1 lower; below expectation", "runs differ: A1 lower"),
        (replace(RUNS, distinguishable=False, higher=None, position=None), "runs not distinguished", None),
        (UNDECIDED, "not decided: at most 0.0059 either way; below expectation", "not decided, ≤ 0.0059"),
        (replace(UNDECIDED, decision="given up"), "not decided: at most 0.0059 either way; given up; below expectation",
         "not decided, ≤ 0.0059; given up"),
        (replace(UNDECIDED, same=True, margin=0.002, position="within"), "same within ±0.002; as expected",
         "same within ±0.002"),
        (replace(COMPONENT, same=True, margin=0.002, position=None), "different, but less than the margin",
         "different, < margin"),
    ],
)  # fmt: skip
def test_a_cell_concludes_before_it_says_what_was_expected(result: ResultRow, words: str, brief: str | None) -> None:
    shown = TableLine((line(2, "A1", "completed", result),))
    assert verdict_cell(shown) == words
    assert verdict_cell(shown, brief=True) == (words if brief is None else brief)


def test_80_columns_have_room_for_the_verdict() -> None:
    rows = [
        replace(UNDECIDED, experiment=name, value=0.93, delta=-0.0012, delta_interval=(-0.005, 0.003)) for name in "AB"
    ]
    lines = [line(n, row.experiment, "completed", row, srcc=0.93) for n, row in enumerate(rows, 1)]
    found = grid(Board(lines=tuple(lines)), 78)
    assert "not decided, ≤ 0.0059" in found.cells[1]
    wide = grid(Board(lines=tuple(lines)), 158)
    assert "not decided: at most 0.0059 either way; below expectation" in wide.cells[1]


def results(*rows: ResultRow, **more: str) -> StudyResults:
    return StudyResults("s", "", "Baseline", "srcc", rows, **more)  # type: ignore[arg-type]


def test_the_line_below_the_table_says_what_the_verdicts_are_about() -> None:
    names = [replace(RUNS, experiment=f"B{n}") for n in range(5)]
    assert verdict_words(None) == verdict_words(results(ResultRow("Baseline", value=0.9))) == ""
    assert verdict_words(results(*names)) == "one seed each: verdicts are about runs, not components"
    assert verdict_words(results(COMPONENT)) == "verdicts cover test images and seeds"
    mixed = verdict_words(results(COMPONENT, *names))
    assert (
        mixed
        == "B0, B1, B2 and 2 more: one seed, about runs and not components · the others cover test images and seeds"
    )
    borrowed = verdict_words(results(replace(COMPONENT, borrowed="Baseline (5 seeds)")))
    assert borrowed == "A1: seed spread borrowed from Baseline (5 seeds)"
    secondary = verdict_words(
        results(COMPONENT, primary="plcc", exploratory="the design was declared after the result")
    )
    assert secondary.startswith("exploratory: the design was declared after the result · SRCC is secondary")


def test_the_heads_mark_verdicts_that_promise_less_and_another_primary_metric() -> None:
    lines = (line(2, "A1", "completed", COMPONENT, srcc=0.93),)

    def heads(found: StudyResults) -> list[str]:
        board = Board(lines=lines, results=found, metric=found.metric)
        return [column.head for width in (78, 158) for column in grid(board, width).columns]

    assert heads(results(COMPONENT)).count("Verdict") == 2
    assert heads(results(COMPONENT, exploratory="declared late")).count("Verdict, exploratory") == 2
    assert heads(results(COMPONENT, primary="plcc")).count("Verdict, secondary") == 2
    assert heads(StudyResults("s", "", "Baseline", "plcc", (COMPONENT,), primary="plcc")).count("Δ PLCC") > 0


def test_a_round_that_waits_is_a_problem_and_names_what_to_do() -> None:
    waiting = Board(read=True, round_waits="the design waits for A1 (seed 43), which is failed", more_rounds=True)
    assert problem_text(waiting).startswith("the design waits for A1")
    assert problem_text(Board(read=True, more_rounds=True)).endswith("press p to start one")
    assert problem_text(Board(read=True, more_rounds=True, scheduler_pid=7)) == ""


def made(runs_dir: Path, seeds: tuple[int, ...]) -> None:
    """A1 is better than the baseline, in each of its runs; A2 is the same."""
    study = MadeStudy(runs_dir, "small")
    for seed in seeds:
        for experiment, noise in (("Baseline", 12.0), ("A1", 5.0), ("A2", 12.2)):
            changes = {} if experiment == "Baseline" else {"lr": {"A1": 1e-6, "A2": 2e-6}[experiment]}
            shift = {"Baseline": 1000, "A1": 2000, "A2": 3000}[experiment]
            study.run(experiment, predictions(shift + seed, noise), seed=seed, changes=changes)


def colours(console: Seat, experiment: str) -> set[str]:
    """The colours of the verdict cell of an experiment's first line."""
    table = console.app.screen.query_one(RunTable)
    at = next(n for n, entry in enumerate(table.entries) if entry.run.experiment == experiment)
    segments = list(table.render_line(at + 1))
    cell = next(segment for segment in segments if segment.text.startswith(("runs", "different", "not decided")))
    return {str(cell.style.color) if cell.style and cell.style.color else "", str(segments[0].style.color)}  # type: ignore[union-attr]


@pytest.mark.parametrize("size", SIZES)
async def test_one_seed_never_makes_a_component_better_or_worse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    made(tmp_path / "runs", (42,))
    monkeypatch.chdir(tmp_path)
    async with seat(size, target=Target(Path("runs"), Path("logs"), "small"), settled=True) as console:
        await console.sees("runs differ: A1 higher", "runs not distinguished", "one seed each: verdicts are about runs")
        assert not {"better", "worse"} & set(console.text().replace(";", " ").split())
        assert "no difference" not in console.text()
        assert len(colours(console, "A1")) == 1
        await console.press("down", "enter")
        await console.sees("Results")
        page = await console.reads()
        assert "Notes on the study's results" in page
        assert "runs are compared, not components" in " ".join(page.split())
        await console.press("escape", "c")
        await console.sees("A1 minus Baseline")
        page = " ".join((await console.reads()).split())
        assert "runs are compared, not components" in page


def test_two_runs_of_one_seed_are_compared_as_runs_without_colour(tmp_path: Path) -> None:
    made(tmp_path / "runs", (42,))
    runs = {run.experiment: run for run in run_folders(tmp_path / "runs")}
    page = two_runs((runs["Baseline"], runs["A1"]), ("Baseline", "A1"), None, None)
    lines = page.sections[0].lines
    assert any(cell.startswith("runs differ: A1 higher; p") for line in lines for cell in line.cells)
    assert {line.mark for line in lines} <= {"", "note"}


async def test_three_seeds_decide_about_the_component(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path / "runs", (1, 2, 3))
    monkeypatch.chdir(tmp_path)
    async with seat((160, 48), target=Target(Path("runs"), Path("logs"), "small"), settled=True) as console:
        await console.sees("different: better", "not decided: at most", "verdicts cover test images and seeds")
        assert len(colours(console, "A1")) == 2


async def test_under_a_design_the_line_says_what_is_decided_and_what_comes_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, seeds = MadeStudy(tmp_path / "runs", "small"), (42, 43, 44)
    design = SealedDesign(
        "srcc", {}, 3, 5, seeds=(42, 43, 44, 45, 46), baseline="Baseline", experiments=("A1", "A2")
    )  # fmt: skip
    seal(tmp_path / "runs", "small", design)
    for seed in seeds:
        of_look.run(study, range(seed, seed + 1))
    monkeypatch.chdir(tmp_path)
    for size in SIZES:
        async with seat(size, target=Target(Path("runs"), Path("logs"), "small"), settled=True) as console:
            await console.sees("look at 3 of at most 5 seeds: A1 different")
            assert "next: seed 45 of Baseline and A2" in " ".join(console.text().split())
            await console.sees("different: worse", "not decided")
            assert "exploratory" not in console.text()
