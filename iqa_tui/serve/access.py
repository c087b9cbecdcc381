"""Who may see the console in a browser.

Whoever sees it can start and stop runs, so being on this machine is not enough: on a machine of many users every one of
them can connect to a port of it, and a page of the internet that is open in the same browser could connect (WebSockets
know no same-origin rule), under its own name or one that it makes resolve to this machine. So a visitor needs the token
of the printed address, then its cookie. On this machine the kernel says besides whose a connection is; that is read
only of connections that stand, since a closed one has no owner and is shown as root's.
"""

import ipaddress
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakSet

from aiohttp import web

from iqa_tui.serve.token import PARAMETER, AccessToken

_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_ESTABLISHED = "01"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class _Refusal:
    status: int
    sentence: str
    wait: float = 0.0  # seconds until it is worth another try


class Visitors:
    """Decides about every request, as a middleware. `names` are hosts that lead here besides those of the loopback."""

    def __init__(self, token: AccessToken, names: frozenset[str] = frozenset(), *, any_number: bool = False) -> None:
        self._token = token
        self._names = names
        self._any_number = any_number  # served to others: any literal address may be this machine's

    @web.middleware
    async def check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Pass on what may enter, with a cookie for who has the token; else a sentence."""
        refusal = self._refusal(request)
        if refusal is not None:
            headers = {"Retry-After": str(round(refusal.wait + 0.5))} if refusal.wait else {}
            response: web.StreamResponse = web.Response(
                status=refusal.status, text=f"{refusal.sentence}\n", headers=headers
            )
            response.force_close()  # what follows on this connection may be no request
            return response
        response = await handler(request)
        if not response.prepared and not self._has_cookie(request):
            response.set_cookie(self._token.cookie_name, self._token.cookie, httponly=True, samesite="Strict", path="/")
        return response

    def _refusal(self, request: web.Request) -> _Refusal | None:
        hosts = request.headers.getall("Host", [])
        if len(hosts) != 1 or not self.is_own_name(hosts[0]):
            return _Refusal(403, "this console is not reached by that name: use the address that iqa-tui printed")
        origins = request.headers.getall("Origin", [])
        if origins and origins not in ([f"http://{hosts[0]}"], [f"https://{hosts[0]}"]):
            return _Refusal(403, "pages of another site may not use this console")
        peer = request.transport.get_extra_info("peername") if request.transport else None
        own = request.transport.get_extra_info("sockname") if request.transport else None
        if not peer or not own or not is_own_user(peer[:2], own[:2]):
            return _Refusal(
                403, "this console belongs to another user of this machine; start your own: iqa-tui --serve"
            )
        return self._unknown(request, str(peer[0]))

    def _unknown(self, request: web.Request, address: str) -> _Refusal | None:
        """Why a visitor of an allowed connection is none that has been given the address."""
        if self._has_cookie(request):
            return None
        guesses = request.query.getall(PARAMETER, []) if request.path == "/" else []
        stale = self._token.cookie_name in request.cookies
        if guesses or stale:
            wait = self._token.pause(address)
            if wait > 0:
                return _Refusal(429, f"too many wrong tokens; the next one is looked at in {wait:.0f} s", wait)
            if len(guesses) == 1 and self._token.is_token(guesses[0]):
                return None
            self._token.count_wrong(address)
        return _Refusal(403, f"open the whole address that iqa-tui --serve printed last, with ?{PARAMETER}=...")

    def _has_cookie(self, request: web.Request) -> bool:
        return self._token.is_cookie(request.cookies.get(self._token.cookie_name, ""))

    def is_own_name(self, host: str) -> bool:
        """Whether a Host header names this machine: a name that others may make resolve to it does not."""
        name, port = host, None
        if host.startswith("["):
            name, closed, rest = host[1:].partition("]")
            if not closed or (rest and not rest.startswith(":")) or ":" not in name:
                return False
            port = rest[1:] if rest else None
        elif ":" in host:
            name, _, port = host.partition(":")
        if port is not None and not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 1 << 16):
            return False
        return name.lower() == "localhost" or self._is_known(name)

    def _is_known(self, name: str) -> bool:
        try:
            number = ipaddress.ip_address(name)
        except ValueError:
            return name.lower() in self._names
        return self._any_number or number.is_loopback or name in self._names


def visitors_of(host: str, token: AccessToken, *, is_this_machine: bool) -> Visitors:
    """Those of a console that is served at `host`."""
    if is_this_machine:
        return Visitors(token, frozenset({host.lower()}))
    names = {host.lower(), socket.gethostname().lower(), socket.getfqdn().lower()} - {""}
    return Visitors(token, frozenset(names), any_number=True)


def is_own_user(peer: tuple[str, int], own: tuple[str, int]) -> bool:
    """Whether the program at the other end is ours or root's, by the kernel's table of connections.

    A connection that does not stand any more is nobody's. One with another machine passes, and so does every one where
    the system has no such table. A tunnel's end is a process of the user who made it.
    """
    if not ipaddress.ip_address(peer[0].partition("%")[0]).is_loopback:
        return True
    tables = [lines for lines in map(_lines, _TABLES) if lines is not None]
    if not tables:
        return True
    users = [user for lines in tables for here, there, user in _connections(lines) if here == peer and there == own]
    return bool(users) and all(user in {0, os.geteuid()} for user in users)


class Doorkeeper(socket.socket):
    """A listening socket that keeps few connections of other users: enough to tell them why, not to use up our own."""

    _FEW = 16

    def __init__(self, listening: socket.socket) -> None:
        super().__init__(fileno=listening.detach())
        self._strangers: WeakSet[socket.socket] = WeakSet()

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection. Raises ConnectionAbortedError for one too many of strangers, which is closed."""
        connection, peer = super().accept()
        if peer and not is_own_user(peer[:2], connection.getsockname()[:2]):
            if sum(one.fileno() >= 0 for one in self._strangers) >= self._FEW:
                connection.close()
                raise ConnectionAbortedError
            self._strangers.add(connection)
        return connection, peer


def _lines(table: str) -> list[str] | None:
    try:
        return Path(table).read_text().splitlines()[1:]
    except OSError:  # not Linux, or no IPv6
        return None


def _connections(lines: list[str]) -> Iterator[tuple[tuple[str, int], tuple[str, int], int]]:
    """Both ends of every connection that stands, as its owner sees them, and the owner's user id."""
    for line in lines:
        words = line.split()
        if words[3] == _ESTABLISHED and words[9] != "0":  # inode 0: no process has it open
            yield _end(words[1]), _end(words[2]), int(words[7])


def _end(text: str) -> tuple[str, int]:
    """`0100007F:1F90` is 127.0.0.1 at 8000: words of 32 bits, each in this machine's order of bytes."""
    number, _, port = text.partition(":")
    words = [bytes.fromhex(number[k : k + 8])[::-1] for k in range(0, len(number), 8)]
    address = ipaddress.ip_address(b"".join(words))
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address), int(port, 16)
