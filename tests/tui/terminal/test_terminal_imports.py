"""What is loaded before the first picture, and what never is."""

import sys
from pathlib import Path

from tests.tui.terminal.consoles import Make, console

HEAVY = {"torch", "torchvision", "timm", "pydantic", "scipy", "numpy", "matplotlib", "PIL", "pynvml", "aiohttp"}
NEVER = {"torch", "torchvision", "timm", "matplotlib", "aiohttp"}

# The console as its script starts it; at the first byte of a picture and at its end, what is loaded is written down.
_PROGRAM = """
import sys
from pathlib import Path
from textual.drivers.linux_driver import LinuxDriver
record = Path(sys.argv.pop(1))
plain = LinuxDriver.write
def write(self, data):
    if "\\x1b[?1049h" not in data and "m" in data and not record.exists():
        record.write_text(" ".join(sys.modules))
    plain(self, data)
LinuxDriver.write = write
from iqa_tui.cli import main
code = main()
record.with_name("end").write_text(" ".join(sys.modules))
sys.exit(code)
"""


def _packages(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in path.read_text().split()}


def test_the_first_picture_needs_little_and_a_network_is_never_loaded(make: Make) -> None:
    project = make(seconds=0.02)
    project.run("--exp", "Baseline")
    record = project.folder / "record"
    program = (sys.executable, "-c", _PROGRAM, str(record))
    with console(project.folder, project.environment(), "--slots", "2", program=program) as watched:
        watched.see("Baseline.*completed")
        watched.type("1")
        watched.see("stand-in")
        watched.type("s")
        watched.see("Policy")
        before = len(watched.written)
        watched.type("\x1b")
        watched.see("Detach", since=before)  # escape and q at once are another key
        watched.wait("devices and results", lambda: "the baseline" in watched.text)
        watched.type("\x11")  # ctrl+q leaves from anywhere
        assert watched.end() == 0
    first, end = _packages(record), _packages(record.with_name("end"))
    assert "iqa_tui" in first
    assert first & HEAVY == set()
    assert "pydantic" in end  # so the study was read
    assert end & NEVER == set()
