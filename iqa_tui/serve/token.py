"""The secret of a served console: in the address that is printed, then in a cookie. Wrong ones have to wait.

Cookies are sent to every port of a host, so each server names its cookie differently and one server's page does not
replace the cookie of another's.
"""

import hmac
import ipaddress
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable

PARAMETER = "token"
_FREE = 5  # wrong tokens without a pause
_LONGEST = 60.0  # seconds
_FORGOTTEN = 600.0  # seconds after the last wrong one
_ADDRESSES = 1024  # whose wrong tokens are counted


class AccessToken:
    """A random token, the cookie that replaces it, and how long each address must wait after wrong ones."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.text = secrets.token_urlsafe(32)
        self.cookie = secrets.token_urlsafe(32)
        self.cookie_name = f"iqa-tui-{secrets.token_hex(4)}"
        self._clock = clock
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()  # address: how many, and when the last

    def is_token(self, text: str) -> bool:
        """Whether it is the token; takes equally long for every wrong one of one length."""
        return hmac.compare_digest(text.encode(errors="replace"), self.text.encode())

    def is_cookie(self, text: str) -> bool:
        """The same for the cookie."""
        return hmac.compare_digest(text.encode(errors="replace"), self.cookie.encode())

    def count_wrong(self, address: str) -> None:
        """Remember that a wrong token or cookie came from there."""
        network = _network(address)
        count, last = self._wrong.pop(network, (0, 0.0))
        now = self._clock()
        self._wrong[network] = (1 if now - last > _FORGOTTEN else count + 1, now)
        while len(self._wrong) > _ADDRESSES:
            self._wrong.popitem(last=False)

    def pause(self, address: str) -> float:
        """Seconds for which no token from there is looked at: none for the first wrong ones, then doubling."""
        count, last = self._wrong.get(_network(address), (0, 0.0))
        if count < _FREE:
            return 0.0
        return max(0.0, last + min(_LONGEST, 2.0 ** min(count - _FREE, 10)) - self._clock())


def _network(address: str) -> str:
    """One count for all addresses that a single host may have: a /64 of IPv6, the whole address of IPv4."""
    try:
        number = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(number, ipaddress.IPv6Address):
        if number.ipv4_mapped is not None:
            return str(number.ipv4_mapped)
        return str(ipaddress.ip_network((number, 64), strict=False))
    return str(number)
