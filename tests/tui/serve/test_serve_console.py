"""In a browser: each page has a console of its own, which goes with the page; the runs stay."""

import asyncio
import os
import signal
import time
from contextlib import suppress

import pytest

from tests.conftest import Project
from tests.tui.serve.served import Served, opened, served


def test_a_page_shows_the_study_and_takes_keys(project: Project) -> None:
    async def visit(server: Served) -> None:
        async with opened(server) as page:
            shown = await page.see(r"A1.*A2")
            assert "small" in shown
            await page.type("\x1b[B")  # to A1
            await page.see(r"A1: ")
            await page.type("q")
            assert await page.closed()

    with served(project, "--readonly") as server:
        asyncio.run(visit(server))
        _gone(server)


def test_a_page_that_is_closed_takes_its_console_with_it_and_no_other(project: Project) -> None:
    async def visit(server: Served) -> None:
        async with opened(server) as stays:
            async with opened(server) as page:
                await page.see("A2")
                await stays.see("A2")
                assert len(server.consoles()) == 2
            await asyncio.sleep(0.2)
            while len(server.consoles()) > 1:
                await asyncio.sleep(0.1)
            await stays.type("\x1b[B")
            await stays.see(r"A1: ")

    with served(project) as server:
        asyncio.run(asyncio.wait_for(visit(server), 60))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_console_is_left_behind_when_the_server_goes(project: Project, number: int) -> None:
    async def visit(server: Served) -> list[int]:
        async with opened(server) as page:
            await page.see("A2")
            pids = server.consoles()
            os.kill(server.process.pid, number)
            assert await page.closed()
            return pids

    with served(project) as server:
        assert len(asyncio.run(visit(server))) == 1
        _gone(server)


def test_what_the_page_sends_can_be_anything(project: Project) -> None:
    async def visit(server: Served) -> None:
        async with opened(server) as page:
            for text in ("", "[" * 100_000, '["stdin", "\\ud800"]', "null", "{}",
                         "[]", '["stdin"]', '["stdin", 1]', '["resize", {"width": "x"}]', "\0",
                         '["resize", {"width": 1e99, "height": -5}]', '["resize", {"width": 9999999, "height": 0}]',
                         '["resize", {"width": 100, "height": 30}]'):  # fmt: skip
                await page.socket.send_str(text)
            await page.socket.send_bytes(b"\xff")
            for _ in range(20):
                with suppress(TimeoutError):
                    await page.see("A2", 2)
                    break
                await page.type("\x1b")  # the half of a character has become a ?, which may have opened the help
            await page.see("A2", 2)

    with served(project) as server:
        asyncio.run(visit(server))


def test_a_console_that_cannot_begin_closes_its_page(project: Project) -> None:
    (project.folder / "experiments.toml").write_text("[study\n")

    async def visit(server: Served) -> None:
        async with opened(server) as page:
            assert await page.closed()

    with served(project) as server:
        asyncio.run(visit(server))
        server.process.terminate()
        assert server.process.stderr is not None
        assert "experiments.toml" in server.process.stderr.read()


def _gone(server: Served) -> None:
    deadline = time.monotonic() + 20
    while left := server.consoles():
        assert time.monotonic() < deadline, left
        time.sleep(0.1)
