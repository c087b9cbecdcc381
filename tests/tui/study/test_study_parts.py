"""What the main screen is made of, without a terminal: the table, the plot, batches, devices, the top line."""

import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from iqa_train.devices.inventory import Device
from iqa_train.devices.nvml import GpuReading
from iqa_train.results.table import ResultRow, Standing
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.node_devices import NodeDevice
from iqa_train.runs.progress import RunProgress
from iqa_train.scheduler.overview import Row
from iqa_train.study.model import Batch
from iqa_tui.state.batches import batch_lines
from iqa_tui.state.board import Board, DeviceLine, Devices, NodeLine, RunLine
from iqa_tui.state.table_lines import TableLine, table_lines
from iqa_tui.widgets.detail import detail_words
from iqa_tui.widgets.devices import device_lines
from iqa_tui.widgets.headline import problem_text, progress_words
from iqa_tui.widgets.run_cells import state_cell, verdict_cell
from iqa_tui.widgets.run_columns import GAP, Grid
from iqa_tui.widgets.run_columns import grid as grid_of


def row(experiment: str, state: str, *, epoch: int = 0, srcc: float | None = None, eta: float | None = None) -> Row:
    progress = RunProgress(epoch, 10, srcc, plcc=srcc)
    run = RunFolder(Path("runs/s") / experiment / "s1-0000000000")
    device = "GPU 0" if state == "running" else None
    return Row("s", experiment, 1, state, "", 1, device, progress, eta, None, run, None)


def line(number: int, experiment: str, state: str = "", result: ResultRow | None = None, **more: float) -> RunLine:
    found = row(experiment, state, **more) if state else None  # type: ignore[arg-type]
    run = RunFolder(Path("runs/s") / experiment / "s1-0000000000")
    return RunLine(number, experiment, 1, f"title of {experiment}", run, found, result, is_baseline=number == 1)


def grid(board: Board, width: int) -> Grid:
    return grid_of(table_lines(board.lines), board, width)


BASELINE = ResultRow("Baseline", value=0.9333, state="completed")
A1 = ResultRow(
    "A1", value=0.93, delta=-0.0033, delta_interval=(-0.0050, -0.0016), expected=(0.932, 0.935), position="below",
    distinguishable=True, better=False, state="completed",
)  # fmt: skip


@given(st.lists(st.text(max_size=40), min_size=1, max_size=12), st.integers(20, 200))
def test_the_table_never_is_wider_than_it_may_be_whatever_names_there_are(names: list[str], width: int) -> None:
    board = Board(lines=tuple(line(n, name, "running", A1) for n, name in enumerate(names, 1)))
    found = grid(board, width)
    assert len(found.columns) >= 2
    total = sum(w + GAP for w in found.widths)
    assert total <= width or len(found.columns) == 2
    for cells in found.cells:
        assert not any(unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp", "Cs"} for cell in cells for c in cell)
    assert found.columns[1].key == "experiment" or found.columns[0].key == "experiment"


def test_columns_give_way_in_the_order_of_their_ranks() -> None:
    lines = (line(1, "Baseline", "completed", BASELINE), line(2, "A1", "completed", A1, srcc=0.93), line(3, "A2"))
    board = Board(lines=lines)
    wide = [c.key for c in grid(board, 200).columns]
    narrow = [c.key for c in grid(board, 78).columns]
    assert "delta" in wide and "title" in wide and "expected" in wide
    assert "short-delta" in narrow and "title" not in narrow
    assert {"state", "value", "epoch", "short-verdict"} <= set(narrow)


@pytest.mark.parametrize(
    ("result", "state", "words"),
    [
        (None, "", "–"),
        (None, "queued", "–"),
        (ResultRow("A1", value=0.9, epoch=3, provisional=True), "running", "–"),
        (ResultRow("A1", value=0.9, epoch=3, standing=Standing(5, 0.88, 0.91)), "running",
         "epoch 5: 0.8800 vs 0.9100 (-0.0300)"),
        (ResultRow("A1", value=0.9, position="within"), "completed", "as expected"),
    ],
)  # fmt: skip
def test_a_run_without_a_verdict_says_where_it_stands(result: ResultRow | None, state: str, words: str) -> None:
    assert verdict_cell(TableLine((line(2, "A1", state, result),))) == words


def test_a_batch_counts_epochs_and_its_last_run() -> None:
    lines = [
        line(1, "Baseline", "running", epoch=5, eta=100.0),
        line(2, "A1", "running", epoch=10, eta=300.0),
        line(3, "A2"),
    ]
    batches = [Batch(name="Batch 1", gpus={"0": "Baseline", "1": "A1"}, minutes=1.0),  # type: ignore[dict-item]
               Batch(name="Batch 2", gpus={"0": "A2"}, minutes=1.0)]  # type: ignore[dict-item]  # fmt: skip
    first, second = batch_lines(batches, lines)
    assert (first.state, first.done, first.eta_s) == ("running", 0.75, 300.0)
    assert (second.state, second.done, second.eta_s) == ("", 0.0, None)


@pytest.mark.parametrize(
    ("states", "state", "words"),
    [
        (("completed", "failed"), "", "1 failed"),
        (("stopped", "stopped"), "", "stopped"),
        (("completed", "stopped"), "", "stopped"),
        (("stopped", "failed"), "", "1 failed, 1 stopped"),
        (("running", "failed"), "running", "1 failed"),
        (("killed", "retrying"), "queued", "1 killed"),
        (("completed", ""), "", ""),
        (("completed", "stopped-early"), "done", ""),
    ],
)
def test_a_batch_is_stopped_only_if_its_runs_were(states: tuple[str, str], state: str, words: str) -> None:
    batch = Batch(name="Batch 1", gpus={"0": "Baseline", "1": "A1"}, minutes=1.0)  # type: ignore[dict-item]
    (found,) = batch_lines([batch], [line(1, "Baseline", states[0]), line(2, "A1", states[1])])
    assert (found.state, found.without_result) == (state, words)


def test_which_try_it_is_and_a_reason_are_said_once() -> None:
    def shown(state: str, reason: str, tries: tuple[int, int] | None = None) -> tuple[str, str]:
        found = line(2, "A1", state)
        assert found.row is not None
        entry = TableLine((replace(found, row=replace(found.row, reason=reason, tries=tries)),))
        return state_cell(entry, Board()), detail_words(Board(), entry)

    reason = "attempt 2 failed: out of memory"
    assert shown("retrying", reason, (3, 4)) == ("↻ retrying 3/4", f"A1: retrying 3/4: {reason}")
    assert shown("running", "", (3, 4)) == ("▶ running, try 3/4", "A1: running, try 3/4")
    asked = "stopped on request; --resume continues"
    assert shown("stopped", asked) == ("■ stopped", "A1: stopped on request; R resumes")
    assert shown("failed", "diverged") == ("✗ failed", "A1: failed: diverged")


GPU = Device("gpu", 0, "GPU-1", "NVIDIA H200", memory_total=139 << 30)


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_a_gpu_is_one_line_and_what_is_not_known_is_not_zero(width: int) -> None:
    reading = GpuReading(0, "GPU-1", "NVIDIA H200", 97.0, 21 << 30, 139 << 30, 74, 341.0, 700.0)
    whole = DeviceLine(GPU, reading, ("A1",), (), (90.0, None, 97.0))
    (text,) = device_lines(Devices((whole,)), width)
    assert cell_len(text.plain) <= width
    assert "97 %" in text.plain
    assert "21.0/139 GiB" in text.plain
    unknown = DeviceLine(GPU, GpuReading(0, "GPU-1", "NVIDIA H200"), (), (), (None,))
    (text,) = device_lines(Devices((unknown,)), 160)
    assert text.plain.count("n/a") == 5
    assert " 0 %" not in text.plain


def on_node(number: int, index: int, *, age: int = 12, others: bool = False) -> NodeLine:
    device = NodeDevice(
        f"n{number}", "gpu", index, "NVIDIA H200", ("A1",), 0.0, 83.0, 60 << 30, 141 << 30, 66, 412.0, 700.0, others,
        past=(20.0, None, 83.0),
    )  # fmt: skip
    return NodeLine(device, age)


@pytest.mark.parametrize("width", [40, 60, 80, 160])
def test_devices_of_other_nodes_have_a_line_with_their_age_grey_if_it_is_old(width: int) -> None:
    slot = DeviceLine(Device("cpu", 0, "cpu-0", "CPU"))
    pane = Devices((slot,), why_no_gpu="no driver", nodes=(on_node(1, 0), on_node(1, 1, age=100, others=True)))
    first, second, *own = device_lines(pane, width)
    assert all(cell_len(text.plain) <= width for text in (first, second, *own))
    assert first.plain.startswith("n1 GPU 0  83 %")
    assert "60.0/141 GiB" in first.plain
    if width >= 60:
        assert "12 s ago ▸ A1" in first.plain
        assert "2 min ago" in second.plain
    if width >= 80:
        assert "2 min ago ▸ A1 and other users" in second.plain
    assert [span.style for span in second.spans] == ["$text-muted"]


def test_many_nodes_have_a_line_each_and_the_rest_is_summed_up() -> None:
    slot = DeviceLine(Device("cpu", 0, "cpu-0", "CPU"))
    nodes = tuple(on_node(number, index) for number in range(1, 6) for index in range(4))
    *shown, rest, _own = device_lines(Devices((slot,), nodes=nodes), 100, rows=3)
    assert [text.plain for text in shown] == [
        f"n{number} 4 GPUs  83 % on average 240.0 GiB 12 s ago ▸ A1" for number in (1, 2)
    ]
    assert rest.plain == "and 3 more nodes with 12 GPUs:  83 % on average"


def test_old_readings_show_their_age_and_the_remedy() -> None:
    device = Device("gpu", 0, "GPU-1", "H200", lost=True, note="restart the container")
    stale = DeviceLine(device, GpuReading(0, "GPU-1", "H200", 50.0), (), (), (50.0,), age_s=42.0)
    text = "\n".join(part.plain for part in device_lines(Devices((stale,)), 160))
    assert "42 s old" in text
    assert "restart the container" in text


def test_the_top_line_counts_and_the_trouble_line_says_what_to_do() -> None:
    lines = (line(1, "Baseline", "running"), line(2, "A1", "queued"), line(3, "A2", "completed"))
    board = Board(study="s", lines=lines, read=True, seconds_left=65.0, needs_scheduler=True)
    assert progress_words(board) == "1 running · 1 queued · 1/3 done · ETA 1:05"
    assert "no scheduler is running" in problem_text(board)
    assert problem_text(Board(study="s", lines=lines, read=True, scheduler_pid=1)) == ""
    assert "paused" in problem_text(Board(study="s", lines=lines, read=True, paused=True, scheduler_pid=1))
    asleep = Board(study="s", read=True, scheduler_pid=7, scheduler_suspended="suspended (process 7)")
    assert problem_text(asleep) == "the scheduler is suspended (process 7)"
