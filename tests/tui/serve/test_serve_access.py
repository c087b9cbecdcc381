"""In a browser: access needs the token, and a closed connection proves nothing."""

import asyncio
import contextlib
import os
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import WSServerHandshakeError
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st

from iqa_tui.serve import server as server_module
from iqa_tui.serve.access import AccessControl, access_control, is_own_user
from iqa_tui.serve.connections import BoundedListener
from iqa_tui.serve.server import ConsoleServer
from iqa_tui.serve.token import AccessToken
from tests.conftest import Project
from tests.tui.serve.served import Served, browser, served

UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)


def _raw(port: int, text: str, *, half_closed: bool = False) -> str:
    """What the server answers to these bytes, until it closes or has said enough."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(text.encode("latin-1"))
        if half_closed:
            client.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while block := client.recv(65536):
                answer += block
                if b"\r\n\r\n" in answer and b" 101 " in answer:
                    break
    return answer.decode("latin-1")


def _status(answer: str) -> int:
    return int(answer.split(" ", 2)[1]) if answer.startswith("HTTP/") else 0


def _let_in(answer: str) -> bool:
    return any(line.split(" ")[1] in {"101", "200"} for line in answer.split("\r\n") if line.startswith("HTTP/1"))


async def _cookie(server: Served) -> str:
    async with browser(server) as session:
        (morsel,) = session.cookie_jar
    assert morsel["httponly"]
    assert morsel["samesite"] == "Strict"
    return f"Cookie: {morsel.key}={morsel.value}\r\n"


def test_a_server_lets_in_the_token_and_its_cookie_alone(project: Project) -> None:
    with served(project, "--readonly") as server:
        port = urlsplit(server.url).port or 0
        host = f"Host: 127.0.0.1:{port}\r\n"
        close = "Connection: close\r\n"
        good = asyncio.run(_cookie(server))
        own = f"Origin: http://127.0.0.1:{port}\r\n"
        page = f"GET /?token={server.token} HTTP/1.1\r\n"
        assert _status(_raw(port, f"GET / HTTP/1.1\r\n{host}{good}{close}\r\n")) == 200
        assert _status(_raw(port, f"{page}{host}{close}\r\n")) == 200
        refused = {
            "nothing": f"GET / HTTP/1.1\r\n{host}{close}\r\n",
            "a file": f"GET /page/console.js HTTP/1.1\r\n{host}{close}\r\n",
            "the token elsewhere": f"GET /ws?token={server.token} HTTP/1.1\r\n{host}{UPGRADE}\r\n",
            "two tokens": f"GET /?token={server.token}&token=x HTTP/1.1\r\n{host}{close}\r\n",
            "a socket without cookie": f"GET /ws HTTP/1.1\r\n{host}{own}{UPGRADE}\r\n",
            "a socket without cookie or origin": f"GET /ws HTTP/1.1\r\n{host}{UPGRADE}\r\n",
            "another origin": f"GET /ws HTTP/1.1\r\n{host}{good}Origin: http://127.0.0.1:1\r\n{UPGRADE}\r\n",
            "an origin with our name in it": (
                f"GET /ws HTTP/1.1\r\n{host}{good}Origin: http://127.0.0.1:{port}.example\r\n{UPGRADE}\r\n"
            ),
            "no origin in particular": f"GET /ws HTTP/1.1\r\n{host}{good}Origin: null\r\n{UPGRADE}\r\n",
            "two origins": f"GET /ws HTTP/1.1\r\n{host}{good}{own}Origin: http://x\r\n{UPGRADE}\r\n",
            "another name": f"GET / HTTP/1.1\r\nHost: example.org:{port}\r\n{good}{close}\r\n",
            "a port that is none": f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port};x\r\n{good}{close}\r\n",
            "two hosts": f"GET / HTTP/1.1\r\n{host}Host: example.org\r\n{good}{close}\r\n",
            "no host": f"GET / HTTP/1.1\r\n{good}{close}\r\n",
            "no host, long ago": f"GET / HTTP/1.0\r\n{good}\r\n",
            "a proxy's form": f"GET http://example.org/ HTTP/1.1\r\nHost: example.org\r\n{good}{close}\r\n",
            "two lengths": f"GET / HTTP/1.1\r\n{host}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "a second request": f"GET / HTTP/1.1\r\n{host}\r\nGET /ws HTTP/1.1\r\n{host}{UPGRADE}\r\n",
            "a request in a body": (
                f"POST / HTTP/1.1\r\n{host}Content-Length: 5\r\n\r\nGET / GET /ws HTTP/1.1\r\n{host}{UPGRADE}\r\n"
            ),
            "slashes": f"GET //ws HTTP/1.1\r\n{host}{UPGRADE}\r\n",
            "escapes": f"GET /%77s HTTP/1.1\r\n{host}{UPGRADE}\r\n",
            "no HTTP": "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
            "a half-closed connection": f"GET / HTTP/1.1\r\n{host}\r\n",
        }
        for what, text in refused.items():
            answer = _raw(port, text, half_closed=what.startswith("a half"))
            assert not _let_in(answer), (what, answer)
        assert _status(_raw(port, f"GET /ws HTTP/1.1\r\n{host}{good}{own}{UPGRADE}\r\n")) == 101
        _guess(port, host, server.token, good)
        _another_user(port, good)
    assert "Traceback" not in server.said


def _guess(port: int, host: str, token: str, cookie: str) -> None:
    """A flood of wrong tokens is made to wait, and so is the right one; a page that is open is not."""

    def asked(words: str, cookie: str = "") -> int:
        return _status(_raw(port, f"GET /?token={words} HTTP/1.1\r\n{host}{cookie}Connection: close\r\n\r\n"))

    answers = [asked(f"{n}") for n in range(8)]
    assert answers[:4] == [403] * 4
    assert answers[-1] == 429
    assert asked(token) == 429
    assert asked("wrong", cookie) == 200
    deadline = time.monotonic() + 10
    while (answer := asked(token)) != 200:
        assert answer == 429
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _another_user(port: int, cookie: str) -> None:
    """Not even with the cookie: what it has it may have read off a page that was sent to another port."""
    python = Path("/usr/bin/python3")
    if os.geteuid() != 0 or not python.exists():
        return
    script = (
        f"import socket; c = socket.create_connection(('127.0.0.1', {port}));"
        f"c.sendall(b'GET / HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\n{cookie.strip()}\\r\\nConnection: close\\r\\n\\r\\n');"
        "print(c.recv(9999).decode())"
    )
    done = subprocess.run([python, "-c", script], user=65534, capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout.startswith("HTTP/1.1 403")
    assert "another user" in done.stdout


def test_a_closed_connection_has_no_owner() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = socket.create_connection(listening.getsockname())
        connection, peer = listening.accept()
        with connection:
            assert is_own_user(peer, connection.getsockname())
            client.close()
            assert not is_own_user(peer, connection.getsockname())


def test_strangers_do_not_use_up_the_connections() -> None:
    """As root, they are real: sockets of another user, who connects as often as it can."""
    if os.geteuid() != 0 or not Path("/usr/bin/python3").exists():
        pytest.skip("only root can be another user")
    with BoundedListener(socket.create_server(("127.0.0.1", 0))) as listening:
        host, port = listening.getsockname()
        script = (
            f"import socket; c = [socket.create_connection(('{host}', {port})) for _ in range(40)];"
            "print(flush=True); input()"
        )
        other = subprocess.Popen(
            ["/usr/bin/python3", "-c", script], user=65534, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/"
        )
        try:
            kept = []
            for _ in range(40):
                with contextlib.suppress(ConnectionAbortedError):
                    kept.append(listening.accept()[0])
            assert len(kept) == 16
            with socket.create_connection((host, port)):
                kept.append(listening.accept()[0])  # our own is taken all the same
            kept[0].close()
            for connection in kept:
                connection.close()
        finally:
            other.kill()
            other.communicate()


def test_no_more_consoles_than_so_many_and_one_that_goes_makes_room(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.folder)
    monkeypatch.setattr(server_module, "_MAX_CONSOLES", 1)

    async def visit() -> None:
        token = AccessToken()
        app = ConsoleServer(["--readonly"], "iqa", access_control("127.0.0.1", token, is_this_machine=True)).app()
        cookies = {token.cookie_name: token.cookie}
        async with TestClient(TestServer(app, host="127.0.0.1"), cookies=cookies) as client:
            async with client.ws_connect("/ws"):
                with pytest.raises(WSServerHandshakeError) as full:
                    await client.ws_connect("/ws")
                assert full.value.status == 503
                answer = await client.get("/")
                assert (answer.status, "close one of the pages" in await answer.text()) == (503, True)
            while (await client.get("/")).status == 503:
                await asyncio.sleep(0.05)

    asyncio.run(asyncio.wait_for(visit(), 30))


def test_the_pause_grows_with_wrong_tokens_and_is_for_their_address_alone() -> None:
    now = 0.0
    token = AccessToken(lambda: now)
    pauses = []
    for _ in range(20):
        now += token.pause("10.0.0.1")
        token.count_wrong("10.0.0.1")
        pauses.append(token.pause("10.0.0.1"))
    assert pauses[:4] == [0] * 4
    assert pauses[4:] == sorted(pauses[4:])
    assert pauses[-1] == 60
    assert token.pause("10.0.0.2") == 0
    token.count_wrong("2001:db8::1")
    for n in range(9):
        token.count_wrong(f"2001:db8::{n}")  # one host has all of a /64
    assert token.pause("2001:db8::ffff") > 0
    now += 1000
    token.count_wrong("10.0.0.1")
    assert token.pause("10.0.0.1") == 0


OWN = AccessControl(AccessToken(), frozenset({"127.0.0.1"}))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8000", "localhost:1", "LocalHost", "[::1]:65535", "[::1]"])
def test_the_loopback_has_these_names(host: str) -> None:
    assert OWN.is_own_name(host)


@pytest.mark.parametrize(
    "host",
    ["", ":", ":8000", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:+80", "127.0.0.1:８０", "localhost.",
     "127.0.0.1:80:80", "[::1", "[::1]80", "::1", "[127.0.0.1]", "x@127.0.0.1", "127.0.0.1@x", "127.0.0.1 x", "127.1",
     "0.0.0.0", "192.168.0.1", "localhost.example.org", "127.0.0.1.nip.io", "0x7f000001", "2130706433"],
)  # fmt: skip
def test_and_no_others(host: str) -> None:
    assert not OWN.is_own_name(host)


@given(st.text(max_size=12), st.text(max_size=6))
def test_whatever_follows_the_name_is_a_port_of_digits(name: str, port: str) -> None:
    digits = port.isascii() and port.isdigit() and 0 < int(port) < 65536
    assert OWN.is_own_name(f"localhost:{port}") == digits
    if name.lower() not in {"localhost", ""} and not name.startswith(("127.", "[")):
        assert not OWN.is_own_name(name)
