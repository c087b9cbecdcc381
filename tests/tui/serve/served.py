"""`iqa-tui --serve` as a process, and a browser's part of the conversation."""

import asyncio
import json
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.conftest import Project

CONSOLE = [sys.executable, "-m", "iqa_tui.cli"]


@dataclass(frozen=True)
class Served:
    """A server that has said where it is."""

    process: "subprocess.Popen[str]"
    url: str  # without the token
    said: str
    token: str

    @property
    def address(self) -> str:
        """What it printed to be opened."""
        return f"{self.url}?token={self.token}"

    def consoles(self) -> list[int]:
        """Process ids of the consoles that it has opened."""
        return [
            int(entry.name)
            for entry in Path("/proc").iterdir()
            if entry.name.isdigit() and _is_console(entry, self.process.pid)
        ]


def _is_console(entry: Path, server: int) -> bool:
    try:
        words = (entry / "cmdline").read_bytes().split(b"\0")
        environment = (entry / "environ").read_bytes()
    except OSError:
        return False
    return words[1:4] == [b"-P", b"-m", b"iqa_tui.cli"] and f"SERVED_BY={server}".encode() in environment


@contextmanager
def served(project: Project, *words: str, where: str = "127.0.0.1:0") -> Iterator[Served]:
    """Serve the console of `project` on a free port."""
    process = subprocess.Popen(
        ["bash", "-c", 'SERVED_BY=$$ exec "$@"', "bash", *CONSOLE, "--serve", where, *words],
        cwd=project.folder, env=project.environment(), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        said = ""
        while not (found := re.search(r"at (http://\S+)\?token=(\S+)", said)):
            line = process.stderr.readline()
            assert line, said
            said += line
        yield Served(process, found[1], said, found[2])
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)
        assert process.stderr is not None
        process.stderr.close()


@dataclass
class Page:
    """A page that has been opened."""

    socket: aiohttp.ClientWebSocketResponse
    shown: str = ""

    async def type(self, keys: str) -> None:
        await self.socket.send_str(json.dumps(["stdin", keys]))

    async def see(self, pattern: str, seconds: float = 30) -> str:
        """Read until what came for the terminal holds `pattern`; returns all that came."""
        async with asyncio.timeout(seconds):
            while not re.search(pattern, self.shown):
                message: Any = await self.socket.receive()
                assert message.type in {aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT}, (message, self.shown)
                if message.type is aiohttp.WSMsgType.BINARY:
                    self.shown += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z$]", "", message.data.decode(errors="replace"))
        return self.shown

    async def closed(self, seconds: float = 30) -> bool:
        """Whether the server closes the connection within that time."""
        async with asyncio.timeout(seconds):
            while not self.socket.closed:
                await self.socket.receive()
        return True


@asynccontextmanager
async def browser(server: Served) -> AsyncIterator[aiohttp.ClientSession]:
    """A browser in which the printed address has been opened: it has the cookie."""
    jar = aiohttp.CookieJar(unsafe=True)  # cookies of numbered hosts, as browsers keep them
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        async with session.get(server.address) as page:
            assert page.status == 200, await page.text()
        yield session


@asynccontextmanager
async def opened(server: Served, **headers: str) -> AsyncIterator[Page]:
    """What the page's script does: connect, and say how large the terminal is."""
    address = f"{server.url}ws?width=120&height=36"
    async with browser(server) as session, session.ws_connect(address, headers=headers) as socket:
        await socket.send_json(["resize", {"width": 120, "height": 36}])
        yield Page(socket)
