"""`iqa-train doctor --pair`: what two hosts see of each other's files in the runs folder, and what follows."""

from collections.abc import Callable, Iterator
from pathlib import Path

from iqa_train.doctor.check_result import Checkup
from iqa_train.doctor.clock import CLOCK_TOLERANCE
from iqa_train.doctor.pair_measures import VISIBLE_WITHIN, PairMeasures, measure_pair
from iqa_train.doctor.pair_meeting import meet
from iqa_train.runs.state import HEARTBEAT, SILENCE

_LATE = SILENCE - 2 * HEARTBEAT  # seconds; signs of life that show later than this make a living run look lost


def pair_measures(runs_dir: Path, waiting: Callable[[], None]) -> PairMeasures:
    """Meet the other process and measure together. Raises RunError if it does not come or does not answer, OSError."""
    meeting = meet(runs_dir, waiting)
    try:
        return measure_pair(meeting)
    finally:
        meeting.end()


def pair_table(found: PairMeasures) -> list[tuple[str, str]]:
    """What was measured, a line each; the same on both hosts."""
    rows = [
        ("hosts", " and ".join(found.hosts)),
        ("a lock of one keeps the other out", "yes" if found.flock else "no"),
        ("files created exclusively by both", f"{found.won_twice} of {found.races}"),
    ]
    rows += [(f"{name} shows after", "-" if late is None else f"{late:.2f} s") for name, late in found.delays.items()]
    side = "ahead of" if found.clocks > 0 else "behind"
    return [*rows, ("clocks", f"{found.hosts[0]} is {abs(found.clocks):.2f} s {side} {found.hosts[1]}")]


def pair_checkups(found: PairMeasures) -> Iterator[Checkup]:
    """What follows from it."""
    if found.same_host:
        message = f"both processes ran on {found.hosts[0]}: this says nothing of other hosts"
        yield Checkup("pair", "note", message, "start one of them on another host, with the same --runs-dir")
    if found.won_twice or found.never_won:
        message = "exclusive creation does not hold between these: runs may be started twice"
        yield Checkup("pair", "error", message, "work on this runs folder from one host alone, or choose another")
    if not found.flock:
        message = (
            "locks do not reach other hosts: the queue is guarded by tickets and each run by its attempt's folder, and "
            f"a run or scheduler that dies on another host is noticed {SILENCE:.0f} s later"
        )
        yield Checkup("pair", "warning", message, "let one host's scheduler work on one runs folder, or use Slurm")
    never = [name for name, late in found.delays.items() if late is None]
    longest = max((late for late in found.delays.values() if late is not None), default=0.0)
    if never or longest > _LATE:
        what = f"{longest:.0f} s late" if not never else f"not within {VISIBLE_WITHIN:.0f} s ({', '.join(never)})"
        message = f"changes of one host show {what} on the other: a living run may be taken for lost there"
        yield Checkup("pair", "error" if never else "warning", message, "mount it with a lower acregmax and acdirmax")
    elif longest > 1:
        message = f"changes of one host show up to {longest:.0f} s later on the other, and so do the states of runs"
        yield Checkup("pair", "note", message, "mount it with a lower acregmax and acdirmax, if that is too late")
    if abs(found.clocks) > CLOCK_TOLERANCE:
        message = f"the clocks of the hosts are {abs(found.clocks):.0f} s apart: times of runs cannot be compared"
        yield Checkup("pair", "warning", message, "synchronise them (chrony, ntpd)")
    if found.flock and not found.same_host and not (found.won_twice or found.never_won or never) and longest <= 1:
        yield Checkup("pair", "ok", "both hosts may work on this runs folder at once")
