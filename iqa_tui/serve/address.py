"""Where the console is served: reading HOST:PORT, telling this machine from others, and taking the port."""

import errno
import ipaddress
import os
import socket
from dataclasses import dataclass

from iqa_train.errors import UsageError

USUAL = "127.0.0.1:8000"
_FORM = f'it is HOST:PORT, such as {USUAL}; "[::1]:8000" for an address with colons'


@dataclass(frozen=True)
class Address:
    """A host, as a name or a number, and a port; 0 is any free one."""

    host: str
    port: int

    @property
    def is_this_machine(self) -> bool:
        """Whether nothing but this machine can reach it."""
        return self.host == "localhost" or _is_loopback(self.host)

    @property
    def url(self) -> str:
        """What to type into a browser."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/"


def read_address(text: str) -> Address:
    """`HOST:PORT`, or either alone. Raises UsageError for anything else."""
    usual = USUAL.partition(":")[0]
    host, colon, port = text.rpartition(":")
    if not colon:
        host, port = (usual, text) if text.isdigit() else (text, USUAL.rpartition(":")[2])
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    if not host or (":" in host and not text.startswith("[")):
        raise UsageError(f'--serve "{text}" cannot be read: {_FORM}')
    if not (port.isascii() and port.isdigit() and int(port) < 1 << 16):
        raise UsageError(f'--serve "{text}": the port is a whole number from 0 to 65535; {_FORM}')
    return Address(host, int(port))


def take(address: Address) -> socket.socket:
    """A socket that listens there. Raises UsageError where that cannot be."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server((address.host, address.port), family=family)
    except OSError as error:
        raise UsageError(f"cannot serve on {address.host}:{address.port}: {_why(error, address)}") from None


def _why(error: OSError, address: Address) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"another program has that port; name another, such as --serve {address.host}:{address.port % 65535 + 1}"
    if isinstance(error, socket.gaierror):
        return f"there is no host of that name; {_FORM}"
    words = os.strerror(error.errno) if error.errno else str(error)
    if error.errno in {errno.EACCES, errno.EPERM}:
        return f"{words}; ports below 1024 are the administrator's"
    return f"{words}; this machine must have that address"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
