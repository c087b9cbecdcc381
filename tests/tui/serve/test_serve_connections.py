"""In a browser: connections that send no request keep nobody out, and are closed."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from iqa_tui.serve import connections, server
from iqa_tui.serve.access import access_control
from iqa_tui.serve.server import ConsoleServer
from iqa_tui.serve.token import AccessToken

IDLE = 300  # more than the limits of one network and of all


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[tuple[str, int], str]]:
    """A server in this process: where it listens, and its token."""
    token = AccessToken()
    access = access_control("127.0.0.1", token, is_this_machine=True)
    listening = socket.create_server(("127.0.0.1", 0))
    address = listening.getsockname()
    task = asyncio.create_task(server._serve(ConsoleServer(["--readonly"], "iqa", access), listening))
    try:
        yield address, token.text
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def page_status(address: tuple[str, int], token: str) -> int:
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session,
        session.get(f"http://127.0.0.1:{address[1]}/?token={token}") as answer,
    ):
        return answer.status


async def open_idle(address: tuple[str, int], number: int) -> list[socket.socket]:
    clients = []
    for _ in range(number):
        clients.append(socket.create_connection(address))
        clients[-1].setblocking(False)
        await asyncio.sleep(0)
    return clients


def is_closed(client: socket.socket) -> bool:
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


@pytest.mark.slow
async def test_many_idle_connections_do_not_block_a_client() -> None:
    async with serving() as (address, token):
        clients = await open_idle(address, IDLE)
        started = time.monotonic()
        assert await page_status(address, token) == 200
        assert time.monotonic() - started < 5
        await asyncio.sleep(0.5)
        assert sum(not is_closed(client) for client in clients) <= connections._MAX_PER_NETWORK
        for client in clients:
            client.close()


async def test_a_connection_without_a_complete_request_is_closed_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "FIRST_REQUEST", 0.5)
    async with serving() as (address, token):
        silent, slow = await open_idle(address, 2)
        slow.send(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
            url = f"http://127.0.0.1:{address[1]}/"
            await (await session.get(f"{url}?token={token}")).read()
            async with session.ws_connect(f"{url}ws") as page:
                await asyncio.sleep(3)
                assert is_closed(silent)
                assert is_closed(slow)
                assert not page.closed  # it has sent its request long ago
                await page.send_str('["ping", "x"]')
                async with asyncio.timeout(5):
                    while (message := await page.receive()).type is not aiohttp.WSMsgType.TEXT:
                        assert message.type is aiohttp.WSMsgType.BINARY
                assert message.json() == ["pong", "x"]
