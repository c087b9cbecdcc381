"""Which columns the table of runs has, where they stand, and that nothing in them jumps or is cut without need."""

from dataclasses import replace

import pytest

from iqa_train.results.table import Curve, ResultRow, Standing
from iqa_tui.state.board import Board, RunLine
from iqa_tui.state.table_lines import table_lines
from iqa_tui.widgets.run_columns import Grid, grid
from tests.tui.study.test_study_parts import line

TITLES = {
    "Baseline": "everything on", "A1": "without the attention of the hyper-network", "A2": "no multi-scale features",
}  # fmt: skip
NOT_DECIDED = ResultRow(
    "A1", value=0.93, delta=-0.0033, delta_interval=(-0.0050, -0.0016), expected_delta=(-0.005, 0.001),
    delta_position="within", distinguishable=False, scope="component", at_most=0.0123, state="completed",
)  # fmt: skip
BASELINE = ResultRow("Baseline", value=0.9333, state="completed", expected=(0.93, 0.94), position="within")
BEHIND = ResultRow("A2", value=0.88, epoch=3, standing=Standing(5, 0.88, 0.91), expected_delta=(-0.01, 0.0))


def run(number: int, state: str = "", result: ResultRow | None = None, **progress: object) -> RunLine:
    name = list(TITLES)[number - 1]
    found = replace(line(number, name, state, result), title=TITLES[name])
    if found.row is None:
        return found
    return replace(found, row=replace(found.row, progress=replace(found.row.progress, **progress)))  # type: ignore[arg-type]


def board(*runs: RunLine, **more: object) -> Board:
    return Board(lines=runs, epochs=10, expects=True, **more)  # type: ignore[arg-type]


NEW = board(run(1), run(2), run(3))
QUEUED = board(*(run(n, "queued") for n in (1, 2, 3)))
EARLY = board(run(1, "running", stage="training 3 %"), run(2, "starting"), run(3, "queued"))
LATER = board(
    run(1, "running", epoch=3, srcc=0.8123, selected=3), run(2, "running", epoch=10, srcc=0.91), run(3, "queued")
)
MIXED = board(
    run(1, "completed", BASELINE, epoch=10, srcc=0.9333),
    run(2, "completed", NOT_DECIDED, epoch=10, srcc=0.93),
    run(3, "running", BEHIND, epoch=5, srcc=0.88, selected=3),
)


def shown(found: Board, width: int) -> Grid:
    return grid(table_lines(found.lines), found, width)


def column(found: Grid, key: str) -> list[str]:
    at = next(n for n, one in enumerate(found.columns) if one.key == key)
    return [cells[at] for cells in found.cells]


@pytest.mark.parametrize("width", [58, 78, 98, 118, 158, 218])
def test_columns_stand_still_from_before_the_start_until_a_run_has_finished(width: int) -> None:
    before, *after = [shown(found, width) for found in (NEW, QUEUED, EARLY, LATER)]
    for found in after:
        assert [c.key for c in found.columns] == [c.key for c in before.columns]
        assert found.widths == before.widths


def test_titles_stay_longer_than_plcc_and_have_the_room_that_is_left() -> None:
    assert "title" in {c.key for c in shown(EARLY, 118).columns}
    assert "other" not in {c.key for c in shown(EARLY, 118).columns}
    wide = shown(EARLY, 240)
    at = [c.key for c in wide.columns].index("title")
    assert wide.widths[at] == len(TITLES["A1"])


@pytest.mark.parametrize("width", [78, 158, 218])
@pytest.mark.parametrize("key", ["value", "delta", "short-delta"])
def test_decimal_points_are_below_each_other(width: int, key: str) -> None:
    found = shown(MIXED, width)
    if key in {c.key for c in found.columns}:
        assert len({text.index(".") for text in column(found, key) if "." in text}) == 1
        assert len({len(text) for text in column(found, key)}) == 1


def test_a_verdict_is_not_cut_while_there_is_an_empty_eta() -> None:
    done = board(*(replace(one, row=None if one.row is None else replace(one.row, eta_s=None)) for one in MIXED.lines))
    for width in range(60, 240):
        found = shown(done, width)
        keys = [c.key for c in found.columns]
        key = "verdict" if "verdict" in keys else "short-verdict"
        if key in keys and max(map(len, column(found, key))) > found.widths[keys.index(key)]:
            assert "eta" not in keys, width


def test_an_experiment_that_expects_a_difference_shows_it() -> None:
    assert column(shown(MIXED, 240), "expected") == ["[0.93, 0.94]", "Δ [-0.005, +0.001]", "Δ [-0.01, 0.00]"]


def test_wide_tables_have_what_a_run_is_doing_and_its_srcc_by_epoch() -> None:
    curve = Curve("Baseline", tuple((epoch, None, epoch / 10) for epoch in range(1, 6)))
    found = shown(board(run(1, "running", epoch=5, stage="training 59 %"), run(2), run(3), curves=(curve,)), 240)
    assert column(found, "stage") == ["training 59 %", "–", "–"]
    first, *others = column(found, "trend")
    assert len(first) == 5  # half of the epochs
    assert first == "".join(sorted(first))
    assert others == ["", ""]
