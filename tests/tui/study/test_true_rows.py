"""Whatever happens to the runs of a study, the numbers in a row are of one moment, and a difference is that of two."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iqa_train.doctor.queue import waiting_folders
from iqa_train.report.collect import results_of
from iqa_train.report.columns import table_of
from iqa_train.results.run_record import with_queued
from iqa_train.results.selection import chosen_runs
from iqa_train.results.table import StudyResults
from iqa_tui.state import study_reader
from iqa_tui.state.board import Board, Target
from iqa_tui.state.study_reader import StudyReader
from iqa_tui.state.table_lines import table_lines
from iqa_tui.widgets.run_columns import grid
from tests.results.moving_study import MovingStudy

Changes = list[tuple[str, int, int]]
NUMBER = r"[-+]?\d\.\d+"
ONE_CHANGE = st.tuples(st.sampled_from(["Baseline", "A1", "A2"]), st.integers(1, 3), st.integers(0, 6))


def number_in(text: str) -> float:
    return float(text)


def rounding_of(text: str) -> float:
    """Half a unit of the last digit."""
    return 0.5 * 10 ** -len(re.findall(NUMBER, text)[0].partition(".")[2])


def assert_follows(difference: str, one: str, other: str, about: object) -> None:
    """Sign and size of a difference are those of the two numbers."""
    wanted = number_in(re.findall(NUMBER, one)[0]) - number_in(re.findall(NUMBER, other)[0])
    within = sum(map(rounding_of, (difference, one, other))) + 1e-9
    assert abs(number_in(re.findall(NUMBER, difference)[0]) - wanted) <= within, about


def assert_row(value: str, delta: str, verdict: str, baseline: str, about: object) -> None:
    """Of a line of a table: its cells, and the baseline's value."""
    if delta not in {"", "–"}:
        assert "@" not in value + baseline, about
        assert_follows(delta.partition(" [")[0], value, baseline, about)
        assert " vs " not in verdict, about
    if " vs " in verdict:
        found = re.search(rf"({NUMBER}) vs ({NUMBER}) \(({NUMBER})\)$", verdict)
        assert found is not None, about
        assert_follows(found[3], found[1], found[2], about)
        assert re.search(r"epoch \d", verdict), about
    if "@" in value or "@" in baseline or " vs " in verdict:
        assert not re.search("within|below|above|expected|differ|decided|same", verdict), about


def assert_console(board: Board, study: MovingStudy) -> None:
    """Every seed has its own number; a difference is that of two numbers of the table."""
    opened = {entry.key for entry in table_lines(board.lines)}
    entries = table_lines(board.lines, opened)
    found = grid(entries, board, 400)
    at = {column.key: n for n, column in enumerate(found.columns)}
    rows = [(entry, *(cells[at[key]].strip() for key in ("value", "delta", "verdict"))) for entry, cells in
            zip(entries, found.cells, strict=True)]  # fmt: skip
    about = "\n".join("  ".join((entry.words, *cells)) for entry, *cells in rows)
    baseline = next(value for entry, value, _, _ in rows if entry.run.is_baseline and entry.kind != "seed")
    for entry, value, delta, verdict in rows:
        assert_row(value, delta, verdict, baseline, about)
        if entry.kind == "experiment":
            continue
        known = study.runs[entry.run.experiment, entry.run.seed].value
        wanted = "–" if known is None else f"{known[0]:.4f}" + (f"@{known[1]}" if known[1] else "")
        assert value == wanted, f"{entry.words}: {entry.run.state}, {wanted}\n{about}"
        if entry.kind == "seed":
            assert (delta, verdict) == ("–", "–")
    for curve in board.curves:
        first = next(line for line in board.lines if line.experiment == curve.experiment and line.own)
        if curve.points and not board.has_seeds and first.own is not None:
            assert curve.value == first.own.value


def assert_results(results: StudyResults) -> None:
    """The same of `iqa-train results`."""
    table = table_of(results)
    cells = [dict(zip(table.keys, row, strict=True)) for row in table.cells]
    baseline = next(row["value"] for row in cells if row["experiment"] == "Baseline")
    for row in cells:
        assert_row(row["value"], row.get("delta", ""), row.get("differs", ""), baseline, cells)


@contextmanager
def moving(seeds: int) -> Iterator[tuple[MovingStudy, StudyReader]]:
    with tempfile.TemporaryDirectory() as folder:
        runs_dir = Path(folder) / "runs"
        with MovingStudy(runs_dir, seeds) as study:
            reader = StudyReader(Target(runs_dir, Path(folder) / "logs", "small"))
            yield study, reader
            reader.close()


def results_now(study: MovingStudy) -> StudyResults:
    """What `iqa-train results` computes."""
    selection = chosen_runs(study.runs_dir, "small", None, None)
    runs = with_queued(selection.runs, waiting_folders(study.runs_dir))
    return results_of(replace(selection, runs=runs), "srcc", resamples=0)


def assert_true(seeds: int, changes: Changes) -> None:
    """After each change of a run the console is right, and in the end it says what `iqa-train results` does."""
    with pytest.MonkeyPatch.context() as patch, moving(seeds) as (study, reader):
        patch.setattr(study_reader, "results_of", partial(results_of, resamples=0))
        board = reader.read()
        for experiment, seed, choice in changes:
            study.happens(study.runs[experiment, min(seed, seeds)], choice)
            board = reader.read()
            assert not board.problem, board.problem
            assert_console(board, study)
        found = results_now(study)
        assert_results(found)
        assert found.rows == (board.results.rows if board.results else ())


@settings(max_examples=4, deadline=None)
@given(st.integers(1, 2), st.lists(ONE_CHANGE, min_size=6, max_size=14))
def test_a_difference_is_that_of_two_numbers_shown_and_a_seed_shows_its_own(seeds: int, changes: Changes) -> None:
    assert_true(seeds, changes)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(st.integers(1, 3), st.lists(ONE_CHANGE, min_size=6, max_size=30))
def test_the_same_of_many_studies(seeds: int, changes: Changes) -> None:
    assert_true(seeds, changes)
