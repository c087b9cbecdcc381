"""What happens to log files: cut short, replaced, deleted, not there yet, not readable, written without pause."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from textual.strip import Strip

from iqa_tui.logview import LogView
from tests.tui.logview.log_app import shown


async def test_a_file_that_is_not_there_yet(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    async with shown(log) as screen:
        assert "waiting for the file" in screen.status()
        log.write_text("here\n")
        await screen.until(lambda: "here" in screen.lines())
        assert "waiting" not in screen.status()


async def test_no_log_at_all() -> None:
    async with shown(None) as screen:
        assert "no log" in screen.status()
        await screen.press("up", "end", "n", "y", "w", "right_curly_bracket")
        await screen.typed("slash", "x")
        await screen.typed("colon", "7")


async def test_cut_short(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("old\n" * 100)
    async with shown(log) as screen:
        with log.open("r+") as file:
            file.truncate(0)
        await screen.until(lambda: "truncated" in screen.status())
        assert screen.lines() == [""] * 11
        with log.open("a") as file:
            file.write("new\n")
        await screen.until(lambda: screen.lines()[0] == "new")


async def test_cut_short_and_longer_than_before_when_it_is_looked_at(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("old\n" * 10)
    async with shown(log) as screen:
        log.write_text("newer\n" * 20)  # the same inode
        await screen.until(lambda: screen.lines() == ["newer"] * 11)
        assert "truncated and rewritten" in screen.status()
        assert screen.view.status.lines == 20


async def test_rotated(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("old\n" * 100)
    async with shown(log) as screen:
        await screen.typed("slash", "new")
        log.rename(tmp_path / "a.log.1")
        log.write_text("new 1\nnew 2\n")
        await screen.until(lambda: screen.lines()[:2] == ["new 1", "new 2"])
        assert "replaced by a new file" in screen.status()
        await screen.until(lambda: "/2" in screen.status())


async def test_deleted_and_made_again(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("old\n")
    async with shown(log) as screen:
        log.unlink()
        await screen.until(lambda: "deleted; showing its last content" in screen.status())
        assert screen.lines()[0] == "old"
        log.write_text("again\n")
        await screen.until(lambda: screen.lines()[0] == "again")
        assert "deleted" not in screen.status()


async def test_not_a_file_that_can_be_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name in ("", "fifo", "loop"):
        async with shown(tmp_path / name) as screen:
            assert "cannot be read" in screen.status()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_unreadable(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("x")
    log.chmod(0)
    async with shown(log) as screen:
        assert "cannot be read: Permission denied" in screen.status()


async def test_another_log_is_shown_from_its_end(tmp_path: Path) -> None:
    one, two = tmp_path / "1.log", tmp_path / "2.log"
    one.write_text("one\n" * 100)
    two.write_text("two\n" * 5)
    async with shown(one) as screen:
        await screen.press("pageup")
        screen.pane.show("[/] \x1b]0;x\x07", two)
        await screen.pilot.pause()
        assert screen.lines()[:5] == ["two"] * 5
        assert "FOLLOW" in screen.status()
        assert screen.status().startswith("[/] \\u001b]0;x\\u0007 · ")


async def test_a_flood_is_followed_to_its_end_and_painted_four_times_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint, painted = LogView.render_line, []

    def counting(self: LogView, y: int) -> Strip:
        if y == 0:
            painted.append(time.monotonic())
        return paint(self, y)

    monkeypatch.setattr(LogView, "render_line", counting)
    log = tmp_path / "a.log"
    log.touch()
    program = "import sys\nfor n in range(300_000): sys.stdout.write(f'line {n}\\n')"
    async with shown(log) as screen:
        with log.open("w") as file, subprocess.Popen([sys.executable, "-c", program], stdout=file) as flood:
            await screen.until(lambda: screen.view.status.lines == 300_000, seconds=30)  # looking at it would paint it
            flood.wait()
        assert len(painted) <= 5 + 4.5 * (painted[-1] - painted[0])
        await screen.until(lambda: screen.lines()[-1] == "line 299999")


async def test_its_file_is_closed_when_another_is_shown_and_at_the_end(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("x\n")

    def open_files() -> int:
        links = [str(entry.readlink()) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
        return links.count(str(log))

    async with shown(log) as screen:
        assert open_files() == 1
        screen.pane.show("none", None)
        assert open_files() == 0
        screen.pane.show("again", log)
        assert open_files() == 1
    assert open_files() == 0
