"""The cells of the table of runs. What they show of results is decided in `iqa_train.results.standing`."""

import time
from statistics import fmean

from iqa_train.report.numbers import given_span, number, span
from iqa_train.results.shown import at_epoch, is_shown, so_far_words, standing_words
from iqa_train.results.table import ResultRow
from iqa_train.runs.kind import EXTERNAL_MARK
from iqa_train.runs.state_names import ALIVE, FINISHED
from iqa_train.text import format_duration
from iqa_tui.state.board import Board, RunLine
from iqa_tui.state.table_lines import TableLine, counted_states
from iqa_tui.widgets.glyphs import NONE, sparkline, state_words

EXPECTED = {"within": "as expected", "below": "below expectation", "above": "above expectation"}
_PLACES = 4  # of differences, so that they line up and follow from the values beside them
BRIEFEST = 26
TREND = 10  # bars


def number_cell(entry: TableLine, _: Board) -> str:
    """The number that selects the run's log."""
    return "" if entry.kind == "experiment" else str(entry.run.number)


def experiment_cell(entry: TableLine, board: Board) -> str:
    """The name; where experiments open into seeds, `+` or `-` before it."""
    if entry.kind == "seed":
        return f"    {entry.run.run.seed_words}"
    name = entry.run.experiment + (EXTERNAL_MARK if entry.run.external else "")
    if entry.kind == "experiment":
        return f"{'-' if entry.opened else '+'} {name}"
    return f"  {name}" if board.has_seeds else name


def title_cell(entry: TableLine, _: Board) -> str:
    """The title; that a run is a repeat, or has other settings."""
    line = entry.run
    if entry.kind == "seed":
        return ""
    if line.run.repeat > 1:
        return f"repeat {line.run.repeat}: other rounding"
    return line.title or ("other settings" if not line.planned else "")


def seed_cell(entry: TableLine, _: Board) -> str:
    """The seed; of an experiment, how many of its seeds have a result."""
    if entry.kind == "experiment":
        return f"{sum(_is_finished(run) for run in entry.runs)} of {len(entry.runs)}"
    return "" if entry.kind == "seed" else str(entry.run.seed)


def state_cell(entry: TableLine, _: Board) -> str:
    """The state; of an experiment whose runs differ, how many are in which."""
    words = {run_state_words(run) for run in entry.runs}
    return words.pop() if len(words) == 1 else counted_states(entry.runs)


def run_state_words(line: RunLine) -> str:
    """The state with its glyph, and whether the run is being run again."""
    again = " again" if line.is_open and line.is_again else ""
    return state_words(line.state_name, line.state_words) + again


def device_cell(entry: TableLine, _: Board) -> str:
    """The devices of the runs."""
    return ", ".join(dict.fromkeys(run.row.device for run in entry.runs if run.row and run.row.device)) or NONE


def short_device_cell(entry: TableLine, board: Board) -> str:
    """`0` or `s0`; of another node, `n1:0` or `n1:s0`."""
    device = device_cell(entry, board)
    return device.replace("CPU slot ", "s").replace(" GPU ", ":").replace(" s", ":s").replace("GPU ", "")


def job_cell(entry: TableLine, _: Board) -> str:
    """Slurm's job; while it waits with the reason, and when it is expected to start."""
    job = entry.run.row.job if entry.run.row else None
    if job is None or not job.job:
        return NONE
    if job.kind != "waiting":
        return job.job
    from iqa_train.slurm.reasons import at_clock

    start = f", {at_clock(job.start)}" if job.start is not None and job.start > time.time() else ""
    return f"{job.job} {job.reason or job.state}{start}"


def epoch_cell(entry: TableLine, _: Board) -> str:
    """Epochs done of epochs planned, of a run."""
    row = entry.run.row
    if entry.kind == "experiment" or row is None or row.progress.epochs is None:
        return NONE
    return f"{row.progress.epoch or 0}/{row.progress.epochs}"


def stage_cell(entry: TableLine, _: Board) -> str:
    """What a run is doing within its epoch, such as `training 59 %`."""
    row = entry.run.row
    return (row.progress.stage if row is not None and entry.run.state in ALIVE else "") or NONE


def trend_cell(entry: TableLine, board: Board) -> str:
    """SRCC by epoch as bars, which fill the width once all epochs are done; of an experiment, of its first seed."""
    curve = board.curve_of(entry.run.experiment)
    run = entry.run
    if curve is None or not run.planned or (entry.kind == "seed" and curve.seed is not None and curve.seed != run.seed):
        return ""
    points = [(epoch, test) for epoch, _, test in curve.points if test is not None]
    last = max((epoch for epoch, _ in points), default=0)
    planned = last if run.state in FINISHED else max(board.epochs, last)
    width = min(planned, TREND)
    found: list[float | None] = [None] * width
    for epoch, value in points:
        found[(epoch - 1) * width // planned] = value
    low, high = board.srcc_range
    shares = tuple(None if v is None else (v - low) / (high - low) if high > low else 1.0 for v in found)
    return sparkline(shares, width, 1.0).rstrip()


def value_cell(entry: TableLine, board: Board) -> str:
    """The value of the metric that counts: a run's own, or the mean over the finished seeds of an experiment."""
    if entry.kind != "experiment":
        value, epoch = run_value(entry.run, board)
        return NONE if value is None else at_epoch(value, epoch)
    result = entry.result
    return NONE if result is None or result.value is None else at_epoch(result.value, result.epoch)


def run_value(line: RunLine, board: Board) -> tuple[float | None, int | None]:
    """A run's value, and the epoch of one that is selected so far; without results, as far as the run itself knows."""
    if line.own is not None:
        return line.own.value, line.own.epoch
    if line.row is None or board.metric not in {"srcc", "plcc"}:
        return None, None
    progress = line.row.progress
    return (progress.srcc if board.metric == "srcc" else progress.plcc), progress.selected


def sd_cell(entry: TableLine, _: Board) -> str:
    """The standard deviation over the finished seeds."""
    sd = entry.result.seed_sd if entry.result is not None else None
    return NONE if sd is None else number(sd)


def other_cell(entry: TableLine, board: Board) -> str:
    """PLCC; SRCC where that is not the metric that counts."""
    found = []
    for line in entry.runs:
        progress = line.row.progress if line.row else None
        value = None if progress is None else progress.plcc if board.metric == "srcc" else progress.srcc
        if progress is not None and value is not None and (entry.kind != "experiment" or _is_finished(line)):
            found.append((value, progress.selected))
    if not found:
        return NONE
    return number(fmean(value for value, _ in found)) if entry.kind == "experiment" else at_epoch(*found[0])


def delta_cell(entry: TableLine, board: Board) -> str:
    """The difference of two values in this table, with its interval; nothing before both are results."""
    result = entry.result
    if result is None or not is_shown(result, baseline_row(board)):
        return NONE
    interval = result.delta_interval
    text = number(result.delta, _PLACES, signed=True)
    return f"{text} {span(interval, _PLACES, signed=True)}" if interval else text


def short_delta_cell(entry: TableLine, board: Board) -> str:
    """The same without the interval."""
    return delta_cell(entry, board).partition(" [")[0]


def baseline_row(board: Board) -> ResultRow | None:
    """The results of the baseline."""
    if board.results is not None:
        return board.results.baseline_row
    return next((line.result for line in board.lines if line.is_baseline), None)


def expected_cell(entry: TableLine, _: Board) -> str:
    """The expected range of the value, else that of the difference."""
    result = entry.result
    if result is None:
        return NONE
    if result.expected is None and result.expected_delta is not None:
        return f"Δ {given_span(result.expected_delta, signed=True)}"
    return given_span(result.expected) or NONE


def verdict_cell(entry: TableLine, *, brief: bool = False) -> str:
    """The verdict in a few words, and whether it was expected; before there is one, where the experiment stands."""
    result = entry.result
    if result is None:
        return NONE
    if result.standing is not None:
        return standing_words(result.standing, brief=brief)
    if result.value is None or result.epoch is not None:
        return "the baseline" if entry.run.is_baseline and any(run.state for run in entry.runs) else NONE
    from iqa_train.results.verdict import conclusion  # numpy: slow to import, and loaded once there are results

    words = [conclusion(result, brief=brief)]
    if result.decision == "given up":
        words.append("given up")
    if not (brief and words[0]):
        words.append(EXPECTED.get(result.position or result.delta_position or "", ""))
    text = "; ".join(filter(None, words)) or ("the baseline" if entry.run.is_baseline else "measured")
    return so_far_words(result, brief=brief) + text


def eta_cell(entry: TableLine, _: Board) -> str:
    """The time left, with ~ if it is a guess; of an experiment, until the last of its runs is done."""
    rows = [run.row for run in entry.runs if run.row is not None and run.is_open]
    times = [row.eta_s for row in rows if row.eta_s is not None]
    if not times or len(times) < len(rows):
        return NONE
    return ("~" if any(row.eta_is_guess for row in rows) else "") + format_duration(max(times), NONE)


def _is_finished(line: RunLine) -> bool:
    return line.own.finished if line.own is not None else line.state in FINISHED
