"""The console on a real terminal: how soon it shows something, how soon the truth, how soon a key, and what it costs.

  ours        `iqa-tui --readonly` on a pseudo-terminal of 120 x 36, over stand-in runs; wall time from the exec of it
  reference   a Textual app with one Static and nothing else, on the same terminal (first picture); else what is allowed
  fair        both are whole processes, by turns; files are in the page cache. Other load on the machine only ever adds
              to wall times: the best of the rounds counts, and for keys the best round's 95th percentile. CPU is
              processor time of the console's process over wall time, by /proc

`bench_console.first_picture`: from exec to the first line of the interface. `bench_console.truth`: from then to the
state of a run on the screen. `bench_console.key`: from a key that chooses another log to its last paint, while four
logs grow by 1,000 lines a second each. `bench_console.busy`: two runs and their logs, a line a second each.
`bench_console.idle`: nothing runs.
"""

import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from _common import figure, note, options

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "tui" / "terminal")]

from consoles import PROGRAM, Console, console  # noqa: E402

from tests.faults.fault_project import FIVE, FaultyProject, faulty_project  # noqa: E402

BAR_FIRST_MS, BAR_KEY_MS, BAR_TRUTH_MS, BAR_BUSY, BAR_IDLE = 400.0, 50.0, 1000.0, 8.0, 1.0
LINES_A_SECOND = 1000
_MARK = "\u25b8".encode()  # the cursor of the table, drawn anew in another line
_MINIMAL = """
from textual.app import App
from textual.widgets import Static
class Minimal(App):
    def compose(self):
        yield Static("minimal")
Minimal().run()
"""


def first(shown: Console, what: bytes) -> float:
    """Seconds from exec to the block in which `what` was complete."""
    shown.wait(repr(what), lambda: what in shown.written, 60)
    at = shown.written.index(what) + len(what)
    return next(when for when, length in shown.blocks if length >= at) - shown.began


def starts(project: FaultyProject, rounds: int) -> tuple[float, float, float]:
    """Best seconds to our first picture, to Textual's own, and from our first picture to the first state."""
    ours, reference, truth = [], [], []
    for _ in range(rounds):
        with console(project.folder, project.environment(), "--readonly") as shown:
            painted = first(shown, b"reading")
            ours.append(painted)
            truth.append(first(shown, b"running") - painted)
        with console(project.folder, project.environment(), program=(sys.executable, "-c", _MINIMAL)) as shown:
            reference.append(first(shown, b"minimal"))
    return min(ours), min(reference), min(truth)


class Growing:
    """Writes lines into logs, at a steady rate, until it is stopped."""

    def __init__(self, logs: list[Path], rate: float) -> None:
        self._logs, self._rate, self._stop = logs, rate, threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def _write(self) -> None:
        number, began = 0, time.monotonic()
        files = [log.open("ab", buffering=0) for log in self._logs]
        while not self._stop.wait(0.05):
            due = int((time.monotonic() - began) * self._rate)
            block = b"".join(
                b"line %d loss 0.123 some words as a trainer writes them\n" % n for n in range(number, due)
            )
            for file in files:
                file.write(block)
            number = due
        for file in files:
            file.close()

    def stop(self) -> None:
        """Write no more."""
        self._stop.set()
        self._thread.join()


def key_ms(shown: Console, keys: int) -> list[float]:
    """Milliseconds from typing the number of a log to the end of the paint that marks it as chosen."""
    taken = []
    for k in range(keys):
        number = str((k + 1) % 4 + 1)  # the first is chosen to begin with
        before = len(shown.written)
        typed = time.monotonic()
        shown.type(number)
        shown.wait(f"the paint after {number}", lambda before=before: _MARK in shown.written[before:], 30)
        at = shown.written.index(_MARK, before)
        taken.append(1e3 * (next(when for when, length in shown.blocks if length > at) - typed))
        time.sleep(0.15 + 0.01 * (k % 7))
    return taken


def percent_of_a_core(shown: Console, seconds: float) -> float:
    """Processor time of the console while it is left alone."""

    def spent() -> float:
        fields = Path(f"/proc/{shown.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    before, began = spent(), time.monotonic()
    time.sleep(seconds)
    return 100 * (spent() - before) / (time.monotonic() - began)


def settled(project: FaultyProject, work: Callable[[Console], float]) -> float:
    """`work` on a console that has read everything."""
    with console(project.folder, project.environment(), "--readonly") as shown:
        first(shown, b"CPU slot")
        time.sleep(4)
        return work(shown)


def main() -> None:
    """Measure all of it."""
    chosen = options(__doc__ or "").parse_args()
    rounds, keys, seconds = (3, 24, 8.0) if chosen.smoke else (12, 200, 30.0)
    note(f"{' '.join(PROGRAM[1:])}; 1-minute load of the machine at the start: {os.getloadavg()[0]:.1f}")
    with (
        tempfile.TemporaryDirectory() as folder,
        faulty_project(Path(folder, "p"), FIVE, behaviour="*=hold") as project,
    ):
        project.run("--all", "--detach", "--slots", "4", "--policy", "greedy")
        for name in ("Baseline", "A1", "A2", "B1"):
            project.wait_for_worker(name)
        ours, reference, truth = starts(project, rounds)
        ratio = ours / reference
        bar = f"{BAR_FIRST_MS:g}ms"
        ok = 1e3 * ours <= BAR_FIRST_MS
        figure("bench_console.first_picture", 1e3 * ours, 1e3 * reference, ratio, unit="ms", bar=bar, ok=ok)
        asked("truth", 1e3 * truth, BAR_TRUTH_MS, "ms")
        logs = sorted((project.folder / "logs").glob("*.log"))[:4]
        growing = Growing(logs, LINES_A_SECOND)
        with console(project.folder, project.environment(), "--readonly") as shown:
            first(shown, b"CPU slot")
            time.sleep(4)
            best = min((key_ms(shown, keys) for _ in range(1 if chosen.smoke else 3)), key=_p95)
        growing.stop()
        note(f"keys: median {statistics.median(best):.1f} ms, worst {max(best):.1f} ms of {len(best)}")
        asked("key", _p95(best), BAR_KEY_MS, "ms")
        growing = Growing(logs[:2], 1.0)
        asked("busy", settled(project, lambda shown: percent_of_a_core(shown, seconds)), BAR_BUSY, "%")
        growing.stop()
        project.run("stop", "--all")
        asked("idle", settled(project, lambda shown: percent_of_a_core(shown, seconds)), BAR_IDLE, "%")


def asked(name: str, ours: float, bar: float, unit: str) -> None:
    """A figure beside what is asked of it."""
    figure(f"bench_console.{name}", ours, bar, ours / bar, unit=unit, bar=1, ok=ours <= bar)


def _p95(values: list[float]) -> float:
    return sorted(values)[int(0.95 * (len(values) - 1))]


if __name__ == "__main__":
    main()
