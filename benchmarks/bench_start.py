"""`iqa-train --help` against starting the interpreter and doing nothing.

  ours        the installed console script with --help, its output thrown away
  reference   the same interpreter with `-c pass`
  fair        both are whole processes, timed from outside, by turns, files in the page cache; medians of at least ten
              runs each, and of several such rounds the one in which the difference is least, since other load on the
              machine only ever adds to it

`bench_start.help` has both times, `bench_start.difference` what the program adds (ours) to what it may add (reference).
`bench_start.imports` counts those of torch, timm, torchvision and textual that a help page loads, which must be none.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from _common import figure, note, options

ALLOWED_MS = 150.0
_HEAVY = ("torch", "timm", "torchvision", "textual")
_PROBE = f"""
import io, sys
from iqa_train.cli.main import main
stdout, sys.stdout = sys.stdout, io.StringIO()
try:
    main(["--help"])
except SystemExit:
    pass
print(*(name for name in {_HEAVY!r} if name in sys.modules), file=stdout)
"""


def seconds(command: list[str]) -> float:
    """Wall time of one process."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def medians_ms(ours: list[str], reference: list[str], runs: int) -> tuple[float, float]:
    """Median milliseconds of each command over `runs` runs, by turns."""
    times = [(seconds(ours), seconds(reference)) for _ in range(runs)]
    first, second = zip(*times, strict=True)
    return 1e3 * statistics.median(first), 1e3 * statistics.median(second)


def main() -> None:
    """Time both sides and look for heavy imports."""
    chosen = options(__doc__ or "").parse_args()
    script = Path(sys.executable).with_name("iqa-train")
    if not script.exists():
        raise SystemExit(f"bench_start: {script} is missing; install the package into this interpreter first")
    ours, bare = [str(script), "--help"], [sys.executable, "-c", "pass"]
    runs, rounds = 10, 1 if chosen.smoke else 5
    seconds(ours), seconds(bare)
    medians = [medians_ms(ours, bare, runs) for _ in range(rounds)]
    help_ms, bare_ms = min(medians, key=lambda pair: pair[0] - pair[1])
    over = help_ms - bare_ms
    every = ", ".join(f"{a - b:.0f}" for a, b in medians)
    note(f"medians of {runs} runs of each, by turns; differences of the {rounds} rounds: {every} ms")
    figure("bench_start.help", help_ms, bare_ms, help_ms / bare_ms, unit="ms", bar="150ms-over", ok=over <= ALLOWED_MS)
    figure("bench_start.difference", over, ALLOWED_MS, over / ALLOWED_MS, unit="ms", bar=1, ok=over <= ALLOWED_MS)
    probe = subprocess.run([sys.executable, "-c", _PROBE], check=True, capture_output=True, text=True)
    loaded = probe.stdout.split()
    if loaded:
        note(f"loaded by --help: {', '.join(loaded)}")
    figure("bench_start.imports", len(loaded), 0, len(loaded), unit="modules", bar=0, ok=not loaded)


if __name__ == "__main__":
    main()
