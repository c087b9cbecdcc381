"""Starting `iqa-train` against starting the interpreter and doing nothing.

  ours        the installed console script with --help, status, queue and logs, in an empty folder; output thrown away
  reference   the same interpreter with `-c pass`
  fair        both are whole processes, by turns, files in the page cache; processor time (system calls included), the
              least of all runs of each, since other load on the machine only ever adds to it

`bench_start.help` and so on have both times and ours as a multiple of the reference, which may be at most 8.
`bench_start.imports` counts those of torch, timm, torchvision, textual and pydantic that a help page loads: none.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

from _common import figure, note, options

ALLOWED = 8.0
_COMMANDS = {"help": ["--help"], "status": ["status"], "queue": ["queue"], "logs": ["logs", "none"]}
_HEAVY = ("torch", "timm", "torchvision", "textual", "pydantic")
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


def milliseconds(command: list[str], folder: str) -> float:
    """Processor time of one process, its end waited for."""
    before = getrusage(RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = getrusage(RUSAGE_CHILDREN)
    return 1e3 * (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def least(ours: list[str], reference: list[str], folder: str, runs: int) -> tuple[float, float]:
    """Milliseconds of each command, the least of `runs` runs, by turns; a first run of each is not counted."""
    times = [(milliseconds(ours, folder), milliseconds(reference, folder)) for _ in range(runs + 1)]
    return min(first for first, _ in times[1:]), min(second for _, second in times[1:])


def main() -> None:
    """Time both sides and look for heavy imports."""
    chosen = options(__doc__ or "").parse_args()
    script = Path(sys.executable).with_name("iqa-train")
    if not script.exists():
        raise SystemExit(f"bench_start: {script} is missing; install the package into this interpreter first")
    runs = 10 if chosen.smoke else 40
    note(f"the least of {runs} runs of each, by turns")
    with tempfile.TemporaryDirectory() as folder:
        for name, words in _COMMANDS.items():
            ours, bare = least([str(script), *words], [sys.executable, "-c", "pass"], folder, runs)
            ratio = ours / bare
            figure(f"bench_start.{name}", ours, bare, ratio, unit="ms", bar="at most 8", ok=ratio <= ALLOWED)
    probe = subprocess.run([sys.executable, "-c", _PROBE], check=True, capture_output=True, text=True)
    loaded = probe.stdout.split()
    if loaded:
        note(f"loaded by --help: {', '.join(loaded)}")
    figure("bench_start.imports", len(loaded), 0, len(loaded), unit="modules", bar=0, ok=not loaded)


if __name__ == "__main__":
    main()
