"""The console's log view against Textual's own log widgets, and a log of 1,000,000 lines.

  ours        `LogView`: lines are appended to a file that it follows; the writing counts as its time
  reference   `Log.write_line`, `Log.write_lines` and `RichLog.write`, which are handed the lines: the best of the three
  fair        each side is an application of one widget in a process of its own, with Textual's real driver on a
              pseudo-terminal of 160 x 48 that is read as fast as it writes; bursts follow each other with one turn of
              the event loop between; time ends when the last line has been painted, and is processor time of the whole
              process: none of the sides waits for anything; best of several rounds, by turns

`lines_N` are lines taken in per second in bursts of N, `lag_N` the 95th percentile of how late a timer of 5 ms is
meanwhile. `open` is from opening 1,000,000 lines (95 MB, in the page cache) until their end is painted, `memory` the
greatest resident set of that process; `search` finds one line in a hundred of them (reference: grep -c), `search_lag`
while it does; `search_mixed` is the processor time of the application for one search of
1,000,000 lines of 70 bytes, a third of them coloured with tabs and a third Chinese and Japanese (reference: line after
line decoded, its escape sequences removed, searched), `search_first` until the nearest hit is marked. `hidden` is the
share of a core for a log that grows by 1,000 lines a second behind another screen
(reference: the same log shown); `growth` is what the resident set gained over the flood.
"""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from pathlib import Path

from _common import figure, note, options
from _log_sides import LINE

SIDE = Path(__file__).with_name("_log_sides.py")
WIDGETS = ("Log.write_line", "Log.write_lines", "RichLog.write")
LARGE = 1_000_000  # lines
MIXED = (
    "\x1b[32m{}\x1b[0m\t3.912\t\x1b[1m0.9346\x1b[0m\t0.9233\t0.9411 of the epoch\n",
    "第{}行 图像质量评价 損失 3.912 相関 0.9346 続く文字列\n",
    "epoch 7: step {:7d} of 1000000  loss 3.9120  srcc 0.9233  lr 5.0e-07\n",
)


def run(side: str, burst: int, seconds: float, log: Path) -> dict[str, float]:
    """One side, once, on a terminal that is read to its end."""
    main, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 48, 160, 0, 0))
    result = log.with_suffix(".json")
    environment = os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    command = [sys.executable, str(SIDE), side, str(burst), str(seconds), str(log), str(result)]
    process = subprocess.Popen(
        command, stdin=other, stdout=other, stderr=other, env=environment, start_new_session=True
    )
    os.close(other)
    reader = threading.Thread(target=_drain, args=(main,))
    reader.start()
    code = process.wait()
    reader.join()
    os.close(main)
    if code:
        raise SystemExit(f"bench_log_view: {side} ended with {code}")
    return dict(json.loads(result.read_text()))


def _drain(terminal: int) -> None:
    try:
        while os.read(terminal, 1 << 16):
            pass
    except OSError:  # the other end is closed
        return


def floods(folder: Path, burst: int, seconds: float, rounds: int) -> None:
    """Lines per second and lag, every side by turns."""
    best: dict[str, dict[str, float]] = {}
    for _ in range(rounds):
        for side in ("ours", *WIDGETS):
            log = folder / "flood.log"
            log.unlink(missing_ok=True)
            got = run(side, burst, seconds, log)
            known = best.setdefault(side, got)
            best[side] = known | {
                "rate": max(known["rate"], got["rate"]),
                "lag_ms": min(known["lag_ms"], got["lag_ms"]),
            }
    for side, got in best.items():
        note(
            f"bursts of {burst}: {side} {got['rate']:,.0f} lines/s, lag {got['lag_ms']:.1f} ms, {got['lines']:,} lines"
        )
    ours = best["ours"]
    rate = max(best[side]["rate"] for side in WIDGETS)
    lag = min(best[side]["lag_ms"] for side in WIDGETS)
    name = f"bench_log_view.lines_{burst}"
    ahead = ours["rate"] / rate
    figure(name, ours["rate"], rate, ahead, unit="/s", bar="over 1", ok=ahead > 1)
    fine = ours["lag_ms"] <= 50 and ours["lag_ms"] < lag
    figure(
        f"bench_log_view.lag_{burst}",
        ours["lag_ms"],
        lag,
        lag / ours["lag_ms"],
        unit="ms",
        bar="50 ms, over 1",
        ok=fine,
    )
    note(f"bursts of {burst}: resident set of ours grew by {ours['growth_mb']:.1f} MB over {ours['lines']:,} lines")


def large(folder: Path, rounds: int) -> None:
    """Opening and searching 1,000,000 lines."""
    log = folder / "large.log"
    with log.open("w") as file:
        file.writelines(LINE.format(n) for n in range(LARGE))
    note(f"{LARGE:,} lines, {log.stat().st_size / 1e6:.0f} MB")
    opened = [run("open", 0, 0, log) for _ in range(rounds)]
    shown = min(got["shown_s"] for got in opened)
    figure("bench_log_view.open", shown, 0.3, 0.3 / shown, unit="s", bar=1, ok=shown <= 0.3)
    note(f"all lines counted after {min(got['exact_s'] for got in opened):.3f} s: {opened[0]['lines']:,}")
    peak = max(got["peak_mb"] for got in opened)
    figure("bench_log_view.memory", peak, 120, 120 / peak, unit="MB", bar=1, ok=peak < 120)
    found = [run("search", 0, 0, log) for _ in range(rounds)]
    grep = min(_grep_s(log) for _ in range(rounds))
    seconds, lag = min(got["seconds"] for got in found), min(got["lag_ms"] for got in found)
    figure("bench_log_view.search", seconds, grep, grep / seconds, unit="s", bar=None)
    figure("bench_log_view.search_lag", lag, 50, 50 / lag, unit="ms", bar=1, ok=lag <= 50)
    note(f"search: {found[0]['hits']:,.0f} hits, resident set {found[0]['rss_mb']:.0f} MB")


def mixed(folder: Path, count: int, rounds: int) -> None:
    """Searching lines that cannot be searched as bytes."""
    log = folder / "mixed.log"
    with log.open("w", encoding="utf-8") as file:
        for n in range(count):
            rare = f"step {n}: loss nan at image {n}.jpg, skipped\n"
            file.write(rare if n % 5000 == 7 else MIXED[n % 3].format(n))
    note(f"{count:,} lines, {log.stat().st_size / 1e6:.0f} MB, some coloured, some Chinese and Japanese")
    found = [run("search_mixed", 0, 0, log) for _ in range(rounds)]
    seconds, first = min(got["seconds"] for got in found), min(got["first_s"] for got in found)
    reference = min(_line_by_line_s(log, int(found[0]["hits"])) for _ in range(rounds))
    ok = seconds <= 5
    figure("bench_log_view.search_mixed", seconds, reference, reference / seconds, unit="s", bar="5 s", ok=ok)
    figure("bench_log_view.search_first", first, seconds, seconds / first, unit="s", bar=None)
    lag = min(got["lag_ms"] for got in found)
    figure("bench_log_view.search_mixed_lag", lag, 50, 50 / lag, unit="ms", bar=1, ok=lag <= 50)


def _line_by_line_s(log: Path, hits: int) -> float:
    escapes, wanted = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]"), re.compile("nan", re.IGNORECASE)
    started = time.process_time()
    with log.open("rb") as file:
        found = sum(wanted.search(escapes.sub("", line.decode("utf-8", "replace"))) is not None for line in file)
    assert found == hits, (found, hits)
    return time.process_time() - started


def _grep_s(log: Path) -> float:
    started = time.perf_counter()
    subprocess.run(["grep", "-ci", "99 of", str(log)], check=True, capture_output=True)  # /dev/null would end it early
    return time.perf_counter() - started


def main() -> None:
    """All figures."""
    chosen = options(__doc__ or "").parse_args()
    seconds, rounds = (1.0, 1) if chosen.smoke else (3.0, 3)
    with tempfile.TemporaryDirectory(prefix="bench-log-") as name:
        folder = Path(name)
        for burst in (100, 1000):
            floods(folder, burst, seconds, rounds)
        large(folder, rounds)
        mixed(folder, LARGE // 10 if chosen.smoke else LARGE, rounds)
        used = run("hidden", 0, seconds, folder / "hidden.log")
        cost = max(used["hidden"], 1e-4)
        figure("bench_log_view.hidden", 1e2 * cost, 1e2 * used["shown"], used["shown"] / cost, unit="%", bar=None)


if __name__ == "__main__":
    main()
