"""The secret token of a served console and its cookie; wrong tokens are slowed down.

Browsers send cookies to every port of a host, so each server uses a different cookie name; otherwise one server's page
would replace the cookie of another.
"""

import hmac
import ipaddress
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable

PARAMETER = "token"
_FREE_ATTEMPTS = 5  # wrong tokens without a pause
_LONGEST_PAUSE = 60.0  # seconds
_FORGET_AFTER = 600.0  # seconds after the last wrong one
_MAX_ADDRESSES = 1024  # whose wrong tokens are counted


class AccessToken:
    """A random token, its cookie, and how long each address must wait after wrong tokens."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.text = secrets.token_urlsafe(32)
        self.cookie = secrets.token_urlsafe(32)
        self.cookie_name = f"iqa-tui-{secrets.token_hex(4)}"
        self._clock = clock
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()  # by network: number, and time of the last

    def is_token(self, text: str) -> bool:
        """Whether `text` is the token, in constant time."""
        return hmac.compare_digest(text.encode(errors="replace"), self.text.encode())

    def is_cookie(self, text: str) -> bool:
        """Whether `text` is the cookie, in constant time."""
        return hmac.compare_digest(text.encode(errors="replace"), self.cookie.encode())

    def count_wrong(self, address: str) -> None:
        """Count a wrong token or cookie from `address`."""
        network = network_of(address)
        count, last = self._wrong.pop(network, (0, 0.0))
        now = self._clock()
        self._wrong[network] = (1 if now - last > _FORGET_AFTER else count + 1, now)
        while len(self._wrong) > _MAX_ADDRESSES:
            self._wrong.popitem(last=False)

    def pause(self, address: str) -> float:
        """Seconds until tokens from `address` are checked again: none after the first wrong ones, then doubling."""
        count, last = self._wrong.get(network_of(address), (0, 0.0))
        if count < _FREE_ATTEMPTS:
            return 0.0
        return max(0.0, last + min(_LONGEST_PAUSE, 2.0 ** min(count - _FREE_ATTEMPTS, 10)) - self._clock())


def network_of(address: str) -> str:
    """The network whose wrong tokens are counted together: a /64 for IPv6, a single address for IPv4."""
    try:
        number = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(number, ipaddress.IPv6Address):
        if number.ipv4_mapped is not None:
            return str(number.ipv4_mapped)
        return str(ipaddress.ip_network((number, 64), strict=False))
    return str(number)
