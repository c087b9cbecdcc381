"""A recording of the console as one SVG that plays by itself, of the demo study while it runs: `make recording`.

It starts the study in an empty folder, drives the console by keys alone and keeps a picture of each step. Nothing is
drawn by hand; only the waiting is shortened.
"""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from console_pictures import without_web_fonts
from textual.pilot import Pilot

from iqa_tui.app import Console
from iqa_tui.state.board import Target

HERE = Path(__file__).resolve().parent
SIZE = (120, 34)
MOST_SECONDS = 900.0  # for the study


@dataclass
class Recording:
    """Pictures of the console, each with the seconds that it is shown."""

    console: Console
    pilot: Pilot[None]
    frames: list[tuple[str, float]] = field(default_factory=list)

    async def keep(self, seconds: float) -> None:
        """The screen as it is now."""
        await self.pilot.pause(0.6)
        self.frames.append((self.console.export_screenshot(title="iqa-tui"), seconds))

    async def press(self, *keys: str, seconds: float) -> None:
        """Press keys, then keep what they have done."""
        await self.pilot.press(*keys)
        await self.keep(seconds)

    async def wait(self, until: Callable[[], bool]) -> None:
        """Until that is so."""
        for _ in range(int(MOST_SECONDS / 0.2)):
            if until():
                return
            await self.pilot.pause(0.2)
        raise SystemExit(f"not so within {MOST_SECONDS:.0f} s")

    def done(self) -> int:
        """The number of runs that have ended."""
        return sum(line.state == "completed" for line in self.console.board.lines)

    def epochs(self) -> int:
        """The number of epochs of all runs."""
        return sum(line.row.progress.epoch or 0 for line in self.console.board.lines if line.row is not None)


async def record() -> list[tuple[str, float]]:
    """The story: start the study, look at a log, search it, see the verdicts, open a run."""
    console = Console(Target(profile="demo", slots=2))
    async with console.run_test(size=SIZE) as pilot:
        tape = Recording(console, pilot)
        await tape.wait(lambda: len(console.board.lines) == 5)
        await tape.keep(2.0)
        await tape.press("s", seconds=2.0)
        await tape.press("left", "left", seconds=2.0)
        await tape.press("enter", seconds=1.5)
        for epochs in (1, 3, 6, 9):
            await tape.wait(lambda: tape.epochs() >= epochs)  # noqa: B023 (awaited here)
            await tape.keep(1.2)
        await tape.press("2", seconds=1.5)
        for runs in (2, 3, 4):
            await tape.wait(lambda: tape.done() >= runs)  # noqa: B023
            await tape.keep(1.2)
        await tape.wait(lambda: any(line.result and line.result.delta_interval for line in console.board.lines))
        await tape.wait(lambda: tape.done() == 5)
        await pilot.pause(3)
        await tape.press("3", seconds=2.5)
        await tape.press("tab", "slash", *"best so far", "enter", seconds=2.5)
        await tape.press("shift+tab", "shift+tab", "enter", seconds=4.0)
    return tape.frames


def played(frames: list[tuple[str, float]]) -> str:
    """One SVG of all pictures, in turn and again; with reduced motion, only the last."""
    whole = sum(seconds for _, seconds in frames)
    head = re.match(r"<svg[^>]*>", frames[0][0])
    if head is None:
        raise SystemExit("the picture does not begin with <svg>")
    styles, bodies, begin = [], [], 0.0
    for number, (svg, seconds) in enumerate(frames):
        inner = svg[svg.index(">", svg.index("<svg")) + 1 : svg.rindex("</svg>")]
        first, last = 100 * begin / whole, 100 * (begin + seconds) / whole
        begin += seconds
        hidden = f"0% {{visibility: hidden}} {first:.3f}% {{visibility: visible}} {last:.3f}% {{visibility: hidden}}"
        if number == 0:
            hidden = f"0% {{visibility: visible}} {last:.3f}% {{visibility: hidden}}"
        styles.append(f"@keyframes shown{number} {{{hidden} 100% {{visibility: hidden}}}}")
        styles.append(f".frame{number} {{animation: shown{number} {whole:.1f}s step-end infinite}}")
        bodies.append(f'<g class="frame frame{number}">{inner}</g>')
    still = f".frame {{animation: none}} .frame{len(frames) - 1} {{visibility: visible}}"
    styles.append(f"@media (prefers-reduced-motion) {{{still}}}")
    return f"{head[0]}<style>.frame {{visibility: hidden}}\n{chr(10).join(styles)}</style>{''.join(bodies)}</svg>\n"


def without_home(svg: str) -> str:
    """Paths below the home directory with `~`, and as wide as before."""
    home = str(Path.home())
    return re.sub(rf"{re.escape(home)}(/[^\s&<]*)", lambda found: "~" + found[1] + "&#160;" * (len(home) - 1), svg)


def main() -> None:
    """Write the recording beside this file."""
    os.environ.pop("NO_COLOR", None)
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(HERE.parents[1] / "experiments.toml", folder)
        os.chdir(folder)
        try:
            frames = asyncio.run(record())
        finally:
            subprocess.run([sys.executable, "-m", "iqa_train.cli.main", "stop", "--all"], check=False)
            os.chdir(HERE)
    target = HERE / "console-recording.svg"
    target.write_text(played([(without_web_fonts(without_home(svg)), seconds) for svg, seconds in frames]))
    print(f"docs/pictures/{target.name}: {len(frames)} pictures, {target.stat().st_size / 1000:.0f} kB", flush=True)


if __name__ == "__main__":
    main()
