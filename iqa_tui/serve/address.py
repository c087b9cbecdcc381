"""The address of a served console: parses HOST:PORT, recognises the loopback, opens the port."""

import errno
import ipaddress
import os
import socket
from dataclasses import dataclass

from iqa_train.errors import UsageError

DEFAULT = "127.0.0.1:8000"
_FORM = f'write HOST:PORT, such as {DEFAULT}, or "[::1]:8000" for an IPv6 address'


@dataclass(frozen=True)
class Address:
    """A host name or address and a port; port 0 is any free one."""

    host: str
    port: int

    @property
    def is_this_machine(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host == "localhost" or _is_loopback(self.host)

    @property
    def url(self) -> str:
        """The address for a browser, without the token."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/"


def read_address(text: str) -> Address:
    """`HOST:PORT`, or either alone. Raises UsageError for anything else."""
    default_host, _, default_port = DEFAULT.partition(":")
    host, colon, port = text.rpartition(":")
    if not colon:
        host, port = (default_host, text) if text.isdigit() else (text, default_port)
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    if not host or (":" in host and not text.startswith("[")):
        raise UsageError(f'--serve "{text}" is not an address; {_FORM}')
    if not (port.isascii() and port.isdigit() and int(port) < 1 << 16):
        raise UsageError(f'--serve "{text}": the port must be a whole number from 0 to 65535; {_FORM}')
    return Address(host, int(port))


def listen(address: Address) -> socket.socket:
    """A listening socket. Raises UsageError if the address cannot be used."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server((address.host, address.port), family=family)
    except OSError as error:
        raise UsageError(f"cannot serve on {address.host}:{address.port}: {_why(error, address)}") from None


def _why(error: OSError, address: Address) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"the port is in use; choose another, such as --serve {address.host}:{address.port % 65535 + 1}"
    if isinstance(error, socket.gaierror):
        return f"unknown host name; {_FORM}"
    words = os.strerror(error.errno) if error.errno else str(error)
    if error.errno in {errno.EACCES, errno.EPERM}:
        return f"{words}; ports below 1024 need administrator rights"
    return f"{words}; use an address of this machine"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
