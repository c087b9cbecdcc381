"""The README's pictures of the console, from the runs of `make demo`: `make screenshots`.

`console_pictures.py [FOLDER]`: FOLDER has the demo's runs, carried out first where they are missing (minutes); the
project's own folder by default. Textual draws the pictures; the web fonts that its SVGs link are taken out of them.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from iqa_tui.app import Console
from iqa_tui.state.board import Target

HERE = Path(__file__).resolve().parent
FONTS = "'DejaVu Sans Mono', Menlo, Consolas, monospace"
MOST_SECONDS = 120.0  # until the verdicts are there


@dataclass(frozen=True)
class Picture:
    """A screen of so many columns and lines, after these keys."""

    name: str
    size: tuple[int, int]
    keys: tuple[str, ...] = ()


PICTURES = (
    Picture("console", (160, 48), ("3",)),
    Picture("console-search", (120, 36), ("5", "tab", "slash", *"best so far", "enter")),
    Picture("console-run", (120, 35), ("3", "enter")),
    Picture("console-small", (80, 24), ("3",)),
)


async def draw(picture: Picture) -> str:
    """The picture as SVG, once the verdicts are there."""
    console = Console(Target(profile="demo"), readonly=True)
    async with console.run_test(size=picture.size) as pilot:
        for _ in range(int(MOST_SECONDS / 0.2)):
            await pilot.pause(0.2)
            if any(line.result and line.result.delta_interval for line in console.board.lines):
                break
        else:
            raise SystemExit(f"no verdicts after {MOST_SECONDS:.0f} s: have the demo's runs ended well?")
        await pilot.press(*picture.keys)
        await pilot.pause(1.5)
        return without_web_fonts(console.export_screenshot(title="iqa-tui"))


def without_web_fonts(svg: str) -> str:
    """The same in the reader's own monospaced font."""
    svg = re.sub(r"@font-face\s*\{[^}]*\}\s*", "", svg)
    svg = re.sub(r"font-family:\s*[^;]*Fira Code[^;]*;", f"font-family: {FONTS};", svg)
    rest = svg.replace("http://www.w3.org/2000/svg", "").replace("https://www.textualize.io", "")
    places = "|".join(["://", *map(re.escape, (str(Path.home()), tempfile.gettempdir(), str(HERE.parents[1])))])
    if found := re.findall(rf".{{0,40}}(?:{places}).{{0,60}}", rest):
        raise SystemExit(f"a picture would name an address or a folder of this machine: {found}")
    return svg


def copy_without_home(folder: Path) -> None:
    """What the console reads, copied from here; logs name the home directory, which is nobody's business, as `~`."""
    shutil.copytree("runs", folder / "runs", ignore=shutil.ignore_patterns("checkpoints", "lock", "*.lock"))
    for facts in (folder / "runs").glob("*/*/*/attempt-*/runner.json"):
        facts.write_text(json.dumps(json.loads(facts.read_text()) | {"cwd": str(folder.resolve())}))
    (folder / "logs").mkdir()
    for log in Path("logs").glob("*_demo_*.log"):
        (folder / "logs" / log.name).write_bytes(log.read_bytes().replace(os.fsencode(Path.home()), b"~"))
    shutil.copy(
        "experiments.toml" if Path("experiments.toml").exists() else HERE.parents[1] / "experiments.toml", folder
    )


def carry_out() -> None:
    """The demo's runs, where they are missing."""
    if not list(Path("runs/demo").glob("*/*/result.json")):
        command = [sys.executable, "-m", "iqa_train.cli.main", "--demo", "--slots", "2", "--resume"]
        subprocess.run(command, check=True)


def main(words: Sequence[str]) -> None:
    """Write the pictures beside this file."""
    os.environ.pop("NO_COLOR", None)
    os.chdir(words[0] if words else HERE.parents[1])
    carry_out()
    with tempfile.TemporaryDirectory() as folder:
        copy_without_home(Path(folder))
        os.chdir(folder)
        for picture in PICTURES:
            target = HERE / f"{picture.name}.svg"
            target.write_text(asyncio.run(draw(picture)))
            print(f"docs/pictures/{target.name}: {target.stat().st_size / 1000:.0f} kB", flush=True)
        os.chdir(HERE)


if __name__ == "__main__":
    main(sys.argv[1:])
