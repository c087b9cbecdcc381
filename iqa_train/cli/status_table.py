"""The table of `iqa-train status`: a headline, and a row per run with the reason why it waits or ended."""

from collections import Counter
from collections.abc import Sequence

from iqa_train.cli.text import plain, text_table
from iqa_train.results.shown import at_epoch
from iqa_train.runs.state_names import ALIVE, OPEN, RUNNING, WAITING
from iqa_train.scheduler.overview import Overview, Row
from iqa_train.text import format_duration

_HEAD = ("Study", "Experiment", "Seed", "State", "Device", "Epoch", "Test SRCC", "ETA", "Reason")


def status_lines(overview: Overview, rows: Sequence[Row], width: int | None = None) -> list[str]:
    """The headline and the table; a sentence if there are no rows."""
    if not rows:
        return ["nothing is queued and nothing has been run here; see iqa-train --help"]
    times = Counter(_named(row) for row in rows)
    body = [_cells(row, several=times[_named(row)] > 1) for row in rows]
    alike = {"Study": len({row.study for row in rows}) == 1, "Seed": len({row.seed for row in rows}) == 1}
    keep = [k for k in range(len(_HEAD)) if not alike.get(_HEAD[k], False)]
    head = [_HEAD[k] for k in keep]
    designs = [plain(line) for design in overview.designs for line in design.lines]
    above = [_headline(overview, rows), *([plain(overview.slurm_silent)] if overview.slurm_silent else []), *designs]
    cells = [[one[k] for k in keep] for one in body]
    return [*above, *_table(head, cells, rows, width), *_meanings(rows, paused=overview.queue.paused)]


def _table(head: Sequence[str], body: Sequence[Sequence[str]], rows: Sequence[Row], width: int | None) -> list[str]:
    """The table; what Slurm says of a waiting run has a line of its own where it would be cut off."""
    below = {k: plain(cells[-1]) for k, (cells, row) in enumerate(zip(body, rows, strict=True)) if _waits_in_slurm(row)}
    whole = text_table(head, body)
    if width is None or all(len(whole[k + 2]) <= width for k in below):
        return text_table(head, body, width)
    lines = text_table(head, [[*cells[:-1], "" if k in below else cells[-1]] for k, cells in enumerate(body)], width)
    table = lines[:2]
    for k, line in enumerate(lines[2:]):
        table.append(line)
        if k in below:
            words = f"    {below[k]}"
            table.append(words if len(words) <= width else f"{words[: width - 1]}…")
    return table


def _waits_in_slurm(row: Row) -> bool:
    return row.state in WAITING and row.job is not None and bool(row.job.job)


def _meanings(rows: Sequence[Row], *, paused: bool) -> list[str]:
    """What Slurm's reasons in the table mean, a line each."""
    jobs = [row.job for row in rows if row.job is not None and row.job.reason]
    if not jobs:
        return []
    from iqa_train.slurm.reasons import meaning

    found = {job.reason: words for job in jobs if (words := meaning(job, paused=paused))}
    return ["", *(plain(f"{reason}: {words}") for reason, words in found.items())] if found else []


def eta_words(seconds: float | None, *, guess: bool) -> str:
    """The time left, with ~ if it is a guess."""
    return ("~" if guess and seconds is not None else "") + format_duration(seconds, "-")


def _headline(overview: Overview, rows: Sequence[Row]) -> str:
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.state] = counts.get(row.state, 0) + 1
    parts = [f"study {overview.study}" if overview.study else "several studies", f"policy {overview.queue.policy}"]
    parts += [", ".join(f"{n} {state}" for state, n in counts.items())]
    if overview.queue.paused:
        parts.append("paused")
    elif any(row.state in OPEN for row in rows):
        known = [row.eta_s for row in rows if row.eta_s is not None and row.state in OPEN]
        if overview.seconds_left is None and known:  # when the others start is not known
            parts.append(f"ETA at least {eta_words(max(known), guess=any(row.eta_is_guess for row in rows))}")
        else:
            parts.append(f"ETA {eta_words(overview.seconds_left, guess=overview.eta_is_guess)}")
        if overview.eta_is_guess:
            parts[-1] += " (a guess from the study file's minutes)"
        if overview.needs_scheduler:
            parts.append("no scheduler is running")
    elif overview.scheduler is None and any(design.more_rounds and not design.waits for design in overview.designs):
        parts.append("no scheduler is running to queue the next round; `iqa-train queue resume` starts one")
    if overview.scheduler is not None and overview.scheduler.suspended:
        parts.append(f"the scheduler (process {overview.scheduler.pid}) is suspended")
    return plain(" · ".join(parts))


def _named(row: Row) -> tuple[str, str, int, int]:
    return row.study, row.experiment, row.seed, row.run.repeat


def _cells(row: Row, *, several: bool) -> list[str]:
    """`several`: the experiment has runs with different settings, so the hash is shown, too."""
    name = row.experiment + (f" (repeat {row.run.repeat})" if row.run.repeat > 1 else "")
    p = row.progress
    epoch = "-" if p.epochs is None else f"{p.epoch or 0}/{p.epochs}"
    kind = row.kind.words if row.kind.name == "external" else "" if row.kind.name == "trained" else row.kind.name
    job = row.job.job if row.job is not None and row.state in ALIVE else ""
    named = f"job {job}" if job and job not in f"{row.device} {row.reason}" else ""
    again = "run again, SRCC of its finished attempt" if p.again else ""
    doing = p.stage if row.state == RUNNING else ""
    why = "; ".join(filter(None, [kind, named, row.reason or doing, again, row.note]))
    return [
        row.study,
        f"{name} ({row.run.config_hash})" if several else name,
        str(row.seed),
        row.state_words,
        row.device or "-",
        epoch,
        "-" if p.srcc is None else at_epoch(p.srcc, p.selected),
        eta_words(row.eta_s, guess=row.eta_is_guess) if row.state in OPEN else "-",
        why,
    ]
