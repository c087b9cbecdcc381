"""Access control for the console in a browser.

Anyone with access can start and stop runs, and access to this machine is not enough: any of its users can connect to
the port, and so can a web page in the same browser (WebSockets have no same-origin rule), under its own name or under
one that it makes resolve to this machine. So a client needs the token of the printed address, then its cookie. For
local connections the kernel also says which user owns them; only established connections count, since a closed one has
no owner and is listed as root's.
"""

import ipaddress
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from iqa_tui.serve.token import PARAMETER, AccessToken

_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_ESTABLISHED = "01"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class _Refusal:
    status: int
    sentence: str
    wait: float = 0.0  # seconds until a retry makes sense


class AccessControl:
    """Middleware that checks every request. `names` are host names of this server besides those of the loopback."""

    def __init__(self, token: AccessToken, names: frozenset[str] = frozenset(), *, any_address: bool = False) -> None:
        self._token = token
        self._names = names
        self._any_address = any_address  # open to the network: any literal address may be this machine's

    @web.middleware
    async def check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Pass on allowed requests and set the cookie; answer others with a sentence."""
        refusal = self._refusal(request)
        if refusal is not None:
            headers = {"Retry-After": str(round(refusal.wait + 0.5))} if refusal.wait else {}
            response: web.StreamResponse = web.Response(
                status=refusal.status, text=f"{refusal.sentence}\n", headers=headers
            )
            response.force_close()  # the rest of this connection may not be a request
            return response
        response = await handler(request)
        if not response.prepared and not self._has_cookie(request):
            response.set_cookie(self._token.cookie_name, self._token.cookie, httponly=True, samesite="Strict", path="/")
        return response

    def _refusal(self, request: web.Request) -> _Refusal | None:
        hosts = request.headers.getall("Host", [])
        if len(hosts) != 1 or not self.is_own_name(hosts[0]):
            return _Refusal(403, "this console does not answer to that host name; use the address that iqa-tui printed")
        origins = request.headers.getall("Origin", [])
        if origins and origins not in ([f"http://{hosts[0]}"], [f"https://{hosts[0]}"]):
            return _Refusal(403, "pages of other sites may not use this console")
        peer = request.transport.get_extra_info("peername") if request.transport else None
        local = request.transport.get_extra_info("sockname") if request.transport else None
        if not peer or not local or not is_own_user(peer[:2], local[:2]):
            return _Refusal(
                403, "this console belongs to another user of this machine; start your own: iqa-tui --serve"
            )
        return self._check_token(request, str(peer[0]))

    def _check_token(self, request: web.Request, address: str) -> _Refusal | None:
        """Why the request is refused if it has neither the cookie nor the token."""
        if self._has_cookie(request):
            return None
        guesses = request.query.getall(PARAMETER, []) if request.path == "/" else []
        stale = self._token.cookie_name in request.cookies
        if guesses or stale:
            wait = self._token.pause(address)
            if wait > 0:
                return _Refusal(429, f"too many wrong tokens; try again in {wait:.0f} s", wait)
            if len(guesses) == 1 and self._token.is_token(guesses[0]):
                return None
            self._token.count_wrong(address)
        return _Refusal(403, f"open the full address that iqa-tui --serve printed last, including ?{PARAMETER}=...")

    def _has_cookie(self, request: web.Request) -> bool:
        return self._token.is_cookie(request.cookies.get(self._token.cookie_name, ""))

    def is_own_name(self, host: str) -> bool:
        """Whether a Host header names this server; a name that others can make resolve to it does not count."""
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
            address = ipaddress.ip_address(name)
        except ValueError:
            return name.lower() in self._names
        return self._any_address or address.is_loopback or name in self._names


def access_control(host: str, token: AccessToken, *, is_this_machine: bool) -> AccessControl:
    """The access control for a console served at `host`."""
    if is_this_machine:
        return AccessControl(token, frozenset({host.lower()}))
    names = {host.lower(), socket.gethostname().lower(), socket.getfqdn().lower()} - {""}
    return AccessControl(token, frozenset(names), any_address=True)


def is_own_user(peer: tuple[str, int], local: tuple[str, int]) -> bool:
    """Whether the process at the other end is ours or root's, by the kernel's table of connections.

    A closed connection has no owner and is refused. Connections from other machines pass, and so does every one if the
    system has no such table. The end of a tunnel is a process of the user who opened it.
    """
    if not ipaddress.ip_address(peer[0].partition("%")[0]).is_loopback:
        return True
    tables = [lines for lines in map(_lines, _TABLES) if lines is not None]
    if not tables:
        return True
    users = [user for lines in tables for near, far, user in _connections(lines) if (near, far) == (peer, local)]
    return bool(users) and all(user in {0, os.geteuid()} for user in users)


def _lines(table: str) -> list[str] | None:
    try:
        return Path(table).read_text().splitlines()[1:]
    except OSError:  # not Linux, or no IPv6
        return None


def _connections(lines: list[str]) -> Iterator[tuple[tuple[str, int], tuple[str, int], int]]:
    """Both ends of each established connection, as its owner sees them, and the owner's user id."""
    for line in lines:
        words = line.split()
        if words[3] == _ESTABLISHED and words[9] != "0":  # inode 0: no process has it open
            yield _end(words[1]), _end(words[2]), int(words[7])


def _end(text: str) -> tuple[str, int]:
    """`0100007F:1F90` is 127.0.0.1, port 8000: words of 32 bits, each in this machine's byte order."""
    digits, _, port = text.partition(":")
    words = [bytes.fromhex(digits[k : k + 8])[::-1] for k in range(0, len(digits), 8)]
    address = ipaddress.ip_address(b"".join(words))
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address), int(port, 16)
