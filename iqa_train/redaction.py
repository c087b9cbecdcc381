"""Removes passwords and tokens from commands, addresses and texts before they are recorded or shown."""

import re
from collections.abc import Iterable, Sequence

HIDDEN = "***"

_NAME = (
    r"(?:[\w.-]*(?:token|passw|passphrase|secret|credential|webhook|notify|bearer|authorization)[\w.-]*"
    r"|(?:[\w.-]*[_.-])?(?:api)?key)"
)
_OPTION = re.compile(rf"-{{1,2}}{_NAME}", re.IGNORECASE)
_ASSIGNED = re.compile(rf"(?P<name>-{{0,2}}{_NAME}=).+", re.IGNORECASE | re.DOTALL)
_USER = re.compile(r"\b(?P<scheme>[a-z][a-z0-9+.-]*://)[^\s/?#@]+@", re.IGNORECASE)
_QUERY = re.compile(rf"(?P<name>[?&]{_NAME}=)[^&#\s]+", re.IGNORECASE)
_ADDRESS = re.compile(r"^[a-z][a-z0-9+.-]*://(?:[^\s/?#@]*@)?[^\s/?#@]*", re.IGNORECASE)
_SHORTEST = 8  # characters of a part of an address that may be a secret


def without_secrets(text: str) -> str:
    """`text` without the user part of addresses (https://user:token@host) and without tokens in their queries."""
    return _QUERY.sub(rf"\g<name>{HIDDEN}", _USER.sub(rf"\g<scheme>{HIDDEN}@", text))


def public_command(words: Sequence[str]) -> list[str]:
    """A command line that may be recorded: values of options such as --token are hidden."""
    shown: list[str] = []
    hide = False
    for word in words:
        if hide and not word.startswith("--"):
            shown.append(HIDDEN)
            hide = False
            continue
        assigned = _ASSIGNED.fullmatch(word)
        shown.append(f"{assigned['name']}{HIDDEN}" if assigned else without_secrets(word))
        hide = bool(_OPTION.fullmatch(word))
    return shown


def without_parts_of(text: str, addresses: Iterable[str]) -> str:
    """`text` without the parts after the host of any of `addresses`, which are often secret.

    An entry of `addresses` may be a command that contains addresses.
    """
    for address in (word for line in addresses for word in re.split(r"[\s\"']+", line)):
        host = _ADDRESS.match(address)
        rest = address[host.end() :] if host else ""
        parts = [rest, *re.split(r"[/?&=#:]+", rest)]
        for part in sorted((p for p in parts if len(p) >= _SHORTEST), key=len, reverse=True):
            text = text.replace(part, HIDDEN)
    return without_secrets(text)


def without_words(text: str, words: Iterable[str]) -> str:
    """`text` without any of `words`, nor the parts of them in quotes or after an equals sign, which may be secret."""
    parts = {part for word in words for part in (word, *re.split(r"[\"'=]+", word)) if len(part) >= _SHORTEST}
    for part in sorted(parts, key=len, reverse=True):
        text = text.replace(part, HIDDEN)
    return text
