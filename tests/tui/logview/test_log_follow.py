"""A log is opened at its end and followed, until one scrolls up, and again when one wants to."""

from pathlib import Path

from tests.tui.logview.log_app import shown


def numbered(first: int, last: int) -> str:
    return "".join(f"line {n}\n" for n in range(first, last + 1))


async def test_opens_at_the_end(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text(numbered(1, 1000))
    async with shown(log) as screen:
        assert screen.lines() == [f"line {n}" for n in range(990, 1001)]
        assert screen.status() == "A1 · FOLLOW · wrap off"


async def test_new_lines_push_the_old_ones_up(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text(numbered(1, 3))
    async with shown(log) as screen:
        assert screen.lines() == ["line 1", "line 2", "line 3", *[""] * 8]
        with log.open("a") as file:
            file.write(numbered(4, 50))
        await screen.until(lambda: "line 50" in screen.lines())
        assert screen.lines()[0] == "line 40"


async def test_scrolling_up_lets_go_and_counts_what_comes(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text(numbered(1, 100))
    async with shown(log) as screen:
        await screen.press("up")
        assert screen.lines()[-1] == "line 99"
        assert "FOLLOW" not in screen.status()
        with log.open("a") as file:
            file.write(numbered(101, 107))
        await screen.until(lambda: "7 new below" in screen.status())
        assert screen.lines()[-1] == "line 99"
        await screen.press("f")
        assert screen.lines()[-1] == "line 107"
        assert "FOLLOW" in screen.status()
        assert "new below" not in screen.status()
        await screen.press("pageup", "pageup", "end")
        assert screen.lines()[-1] == "line 107"
        assert "FOLLOW" in screen.status()


async def test_a_log_shorter_than_the_screen_is_followed_whatever_is_pressed(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text(numbered(1, 3))
    async with shown(log) as screen:
        await screen.press("up", "pageup", "home")
        assert screen.view.follow


async def test_moving_about(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text(numbered(1, 100))
    async with shown(log) as screen:
        await screen.press("home")
        assert screen.lines()[0] == "line 1"
        await screen.press("pagedown")
        assert screen.lines()[0] == "line 11"
        await screen.press("j", "down", "k")
        assert screen.lines()[0] == "line 12"
        await screen.press("pageup", "pageup")
        assert screen.lines()[0] == "line 1"
        await screen.press("G")
        assert screen.lines()[-1] == "line 100"


async def test_the_mouse_wheel_and_the_scrollbar_let_go(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text(numbered(1, 100))
    async with shown(log) as screen:
        screen.view.scroll_to(y=10, animate=False)
        await screen.pilot.pause()
        assert screen.lines()[0] == "line 11"
        assert not screen.view.follow


async def test_goto(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text(numbered(1, 1000))
    async with shown(log) as screen:
        await screen.typed("colon", "500")
        assert "line 500" in screen.lines()
        assert not screen.view.follow
        screen.view.goto(10**9)
        await screen.pilot.pause()
        assert screen.lines()[-1] == "line 1000"


async def test_a_hidden_log_is_not_looked_at_and_catches_up(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text(numbered(1, 3))
    async with shown(log) as screen:
        screen.pane.display = False
        await screen.pilot.pause(0.1)
        changes = screen.app.changes  # type: ignore[attr-defined]
        with log.open("a") as file:
            file.write(numbered(4, 50))
        await screen.pilot.pause(0.6)
        assert screen.app.changes == changes  # type: ignore[attr-defined]
        assert screen.view.status.lines == 3
        screen.pane.display = True
        await screen.until(lambda: "line 50" in screen.lines())


async def test_a_large_file_gets_its_line_numbers_after_its_end_is_shown(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(b"".join(b"%092d\n" % n for n in range(1, 100_001)))
    async with shown(log, size=(120, 12)) as screen:
        await screen.until(lambda: screen.lines()[-1].endswith("100000"))
        await screen.press("up")
        assert "line 99,999/100,000" in screen.status()
        assert screen.lines()[-1].endswith("099999")
        await screen.press("home")
        assert screen.lines()[0].endswith("0000001")
