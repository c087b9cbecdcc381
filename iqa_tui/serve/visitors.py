"""Who may see the console in a browser.

Whoever sees it can start and stop runs, so being on this machine is not enough: a page of the internet that is open in
the same browser could connect (WebSockets know no same-origin rule), under its own name or one that it makes resolve to
this machine; and on a machine of many users every one of them can connect to a port of it.
"""

import ipaddress
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from aiohttp import web

_TABLES = {4: "/proc/net/tcp", 6: "/proc/net/tcp6"}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def only_the_owner(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let in pages of this very server alone and, from this machine, programs of its own user alone."""
    why = _why_not(request)
    return web.Response(status=403, text=f"{why}\n") if why else await handler(request)


def _why_not(request: web.Request) -> str:
    host = request.host
    if not _is_own_name(host):
        return f'this console is not reached by the name "{host}": use the address that iqa-tui --serve printed'
    origin = request.headers.get("Origin")
    if origin is not None and origin.partition("://")[2] != host:
        return f'pages of "{origin}" may not use this console'
    peer = request.transport.get_extra_info("peername") if request.transport else None
    own = request.transport.get_extra_info("sockname") if request.transport else None
    if peer and own and not is_own_user(peer[:2], own[:2]):
        return "this console belongs to another user of this machine; start your own: iqa-tui --serve HOST:PORT"
    return ""


def _is_own_name(host: str) -> bool:
    """A number cannot be made to resolve to something else; of names, only this machine's are known."""
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    name = name.strip("[]").lower()
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name == "localhost" or name in {socket.gethostname().lower(), socket.getfqdn().lower()}
    return True


def is_own_user(peer: tuple[str, int], own: tuple[str, int]) -> bool:
    """Whether the program at the other end is ours or root's; one on another machine, or unknown, passes.

    The kernel's table of connections names the user of each; a tunnel's end is a process of the user who made it.
    """
    if not ipaddress.ip_address(peer[0].partition("%")[0]).is_loopback:
        return True
    users = [user for here, there, user in _connections() if here == peer and there == own]
    return all(user in {0, os.geteuid()} for user in users)


def _connections() -> Iterator[tuple[tuple[str, int], tuple[str, int], int]]:
    """Both ends of every TCP connection of this machine, as its owner sees them, and the owner's user id."""
    for table in _TABLES.values():
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:  # not Linux
            continue
        for line in lines:
            words = line.split()
            yield _end(words[1]), _end(words[2]), int(words[7])


def _end(text: str) -> tuple[str, int]:
    """`0100007F:1F90` is 127.0.0.1 at 8000: words of 32 bits, each in this machine's order of bytes."""
    number, _, port = text.partition(":")
    words = [bytes.fromhex(number[k : k + 8])[::-1] for k in range(0, len(number), 8)]
    address = ipaddress.ip_address(b"".join(words))
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address), int(port, 16)
