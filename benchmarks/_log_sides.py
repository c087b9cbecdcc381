"""One side of bench_log_view.py: an application on a terminal of its own that takes in lines; its figures go to a file.

Run as a program: SIDE BURST SECONDS LOG RESULT.
"""

import asyncio
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from textual.app import App, ComposeResult
from textual.widgets import Log, RichLog

from iqa_tui.logview import LogView

LINE = "epoch 7: step {:6d} of 999999  loss 3.9120  srcc 0.9233  lr 5.0e-07  images/s 271.3  eta 0:41\n"  # 95 bytes
MOST = 1_000_000  # lines, so that a fast side does not fill the disk
_PROBE = 0.005


class Side(App[None]):
    """Measures once its widget is on the screen, and ends."""

    def __init__(self, side: str, burst: int, seconds: float, log: Path, result: Path) -> None:
        super().__init__()
        self.side, self.burst, self.seconds, self.log_path, self.result = side, burst, seconds, log, result
        self.lags: list[float] = []
        self.probing = True

    def compose(self) -> ComposeResult:
        """The one widget."""
        if self.side.startswith("Log."):
            yield Log()
        elif self.side == "RichLog.write":
            yield RichLog()
        else:
            yield LogView()

    def on_ready(self) -> None:
        """Begin."""
        self.run_worker(self.measure())

    async def measure(self) -> None:
        """Run the figure that is asked for, write it down, leave."""
        await asyncio.sleep(0.3)  # the first paint is done
        sides = {"open": self.open_large, "search": self.search, "search_mixed": self.search_mixed}
        figures = await (sides | {"hidden": self.hidden}).get(self.side, self.flood)()
        self.result.write_text(json.dumps(figures | {"rss_mb": _rss_mb(), "peak_mb": _peak_mb()}))
        self.exit()

    async def probe(self) -> None:
        """How late a timer is, again and again, in processor time: what the loop did instead of waking it."""
        while self.probing:
            started = time.process_time()
            await asyncio.sleep(_PROBE)
            self.lags.append(max(0.0, time.process_time() - started - _PROBE))

    def lag_ms(self) -> float:
        """Its 95th percentile."""
        return 1e3 * statistics.quantiles(self.lags, n=20)[-1] if len(self.lags) > 1 else 0.0

    async def flood(self) -> dict[str, float]:
        """Bursts of lines without a pause, until the time is over and the last line has been painted."""
        text = "".join(LINE.format(n) for n in range(self.burst))
        lines = text.splitlines()
        take = {
            "ours": self.ours(text.encode()),
            "Log.write_line": lambda: [self.query_one(Log).write_line(line) for line in lines],
            "Log.write_lines": lambda: self.query_one(Log).write_lines(lines),
            "RichLog.write": lambda: [self.query_one(RichLog).write(line) for line in lines],
        }[self.side]
        before = _rss_mb()
        probe = asyncio.ensure_future(self.probe())
        started = time.process_time()
        count = 0
        while time.process_time() - started < self.seconds and count < MOST:
            take()
            count += self.burst
            await asyncio.sleep(0)
        if self.side == "ours":
            view = self.query_one(LogView)
            while view.status.lines < count:
                await asyncio.sleep(0.01)
        painted = asyncio.Event()
        self.call_after_refresh(painted.set)
        await painted.wait()
        seconds = time.process_time() - started
        self.probing = False
        await probe
        return {"rate": count / seconds, "lag_ms": self.lag_ms(), "growth_mb": _rss_mb() - before, "lines": count}

    def ours(self, data: bytes) -> Callable[[], object] | None:
        """Append to the file that the view follows."""
        if self.side != "ours":
            return None
        file = os.open(self.log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self.query_one(LogView).open(self.log_path)
        return lambda: os.write(file, data)

    async def open_large(self) -> dict[str, float]:
        """From the call until the last line has been painted, and until all lines are counted."""
        view = self.query_one(LogView)
        started = time.perf_counter()
        view.open(self.log_path)
        painted = asyncio.Event()
        self.call_after_refresh(painted.set)
        await painted.wait()
        assert "999999 of" in view.visible_text()
        shown = time.perf_counter() - started
        while not view.status.exact:
            await asyncio.sleep(0.001)
        return {"shown_s": shown, "exact_s": time.perf_counter() - started, "lines": view.status.lines}

    async def search(self) -> dict[str, float]:
        """A word that is in a hundredth of the lines of the large file, and how late the event loop is meanwhile."""
        view = self.query_one(LogView)
        view.open(self.log_path)
        while not view.status.exact:
            await asyncio.sleep(0.001)
        probe = asyncio.ensure_future(self.probe())
        started = time.perf_counter()
        view.search("99 of")
        while view.status.searching:
            await asyncio.sleep(0.001)
        seconds = time.perf_counter() - started
        self.probing = False
        await probe
        return {"seconds": seconds, "lag_ms": self.lag_ms(), "hits": view.status.hits}

    async def search_mixed(self) -> dict[str, float]:
        """Processor time of everything, of a search from the end through all lines, with the hit next to it at once."""
        view = self.query_one(LogView)
        view.open(self.log_path)
        while not view.status.exact:
            await asyncio.sleep(0.001)
        probe = asyncio.ensure_future(self.probe())
        started = time.process_time()
        view.search("nan")
        while not view.status.position:
            await asyncio.sleep(0.001)
        first = time.process_time() - started
        while view.status.searching:
            await asyncio.sleep(0.05)
        seconds = time.process_time() - started
        self.probing = False
        await probe
        return {"seconds": seconds, "first_s": first, "lag_ms": self.lag_ms(), "hits": view.status.hits}

    async def hidden(self) -> dict[str, float]:
        """Processor time while the log grows by 100 lines ten times a second, on the screen and hidden."""
        view = self.query_one(LogView)
        view.open(self.log_path)
        data = "".join(LINE.format(n) for n in range(100)).encode()
        used = {}
        for name in ("shown", "hidden"):
            view.display = name == "shown"
            await asyncio.sleep(0.3)
            started = time.process_time()
            for _ in range(int(10 * self.seconds)):
                with self.log_path.open("ab") as file:
                    file.write(data)
                await asyncio.sleep(0.1)
            used[name] = (time.process_time() - started) / self.seconds
        return used


def _rss_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


if __name__ == "__main__":
    which, size, time_s, log_file, result_file = sys.argv[1:]
    Side(which, int(size), float(time_s), Path(log_file), Path(result_file)).run()
