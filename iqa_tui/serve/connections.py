"""Bounds the connections of a served console: in number, and in time until the first request.

An idle connection costs a file descriptor, and consoles need those, too.
"""

import asyncio
import socket
import time
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from iqa_tui.serve.access import Handler, is_own_user
from iqa_tui.serve.token import network_of

FIRST_REQUEST = 10.0  # seconds
_MAX_OTHER_USERS = 16  # of this machine; they are refused, with a reason
_MAX_PER_NETWORK = 64  # enough for all consoles, which may share a tunnel
_MAX_CONNECTIONS = 256
_SWEEP = 1.0  # seconds between two searches for idle connections


@dataclass
class _Connection:
    socket: socket.socket
    network: str
    is_own_user: bool
    opened: float = field(default_factory=time.monotonic)
    has_request: bool = False


class BoundedListener(socket.socket):
    """A listening socket that limits connections.

    At a limit, the oldest connection without a request is closed; if there is none, the new one is refused.
    """

    def __init__(self, listening: socket.socket) -> None:
        super().__init__(fileno=listening.detach())
        self._connections: dict[tuple[str, int], _Connection] = {}  # by address and port of the other end

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection. Raises ConnectionAbortedError for one too many, which is closed."""
        connection, peer = super().accept()
        client = _Connection(connection, network_of(peer[0]), is_own_user(peer[:2], connection.getsockname()[:2]))
        if not self._make_room(client):
            connection.close()
            raise ConnectionAbortedError
        self._connections[peer[:2]] = client
        return connection, peer

    @web.middleware
    async def note_request(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Remember that the connection has sent a request."""
        peer = request.transport.get_extra_info("peername") if request.transport else None
        connection = self._connections.get(peer[:2]) if peer else None
        if connection is not None:
            connection.has_request = True
        return await handler(request)

    async def close_idle(self) -> None:
        """Close connections that send no request in time, until cancelled."""
        while True:
            await asyncio.sleep(_SWEEP)
            latest = time.monotonic() - FIRST_REQUEST
            for connection in self._open():
                if not connection.has_request and connection.opened < latest:
                    self._drop(connection)

    def _make_room(self, client: _Connection) -> bool:
        """Whether `client` may be taken, after closing an idle connection if that is needed."""
        connections = self._open()
        if not client.is_own_user:
            return sum(not other.is_own_user for other in connections) < _MAX_OTHER_USERS
        same_network = [other for other in connections if other.network == client.network and other.is_own_user]
        for group, limit in ((same_network, _MAX_PER_NETWORK), (connections, _MAX_CONNECTIONS)):
            if len(group) >= limit:
                idle = next((other for other in group if not other.has_request), None)
                if idle is None:
                    return False
                self._drop(idle)
                return True
        return True

    def _open(self) -> list[_Connection]:
        """The open connections, oldest first."""
        self._connections = {peer: client for peer, client in self._connections.items() if client.socket.fileno() >= 0}
        return list(self._connections.values())

    def _drop(self, connection: _Connection) -> None:
        """End a connection; the server, which owns its socket, sees the end and closes it."""
        self._connections = {peer: client for peer, client in self._connections.items() if client is not connection}
        try:
            connection.socket.shutdown(socket.SHUT_RDWR)
        except OSError:  # the other end has closed it
            return
