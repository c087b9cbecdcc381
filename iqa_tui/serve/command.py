"""`iqa-tui --serve`: what it refuses, what it warns of, and what every console that it opens is given."""

import sys
from collections.abc import Sequence

from iqa_train.errors import UsageError
from iqa_tui.serve.address import Address, read_address, take

ANYONE = "--open-to-network"
_SERVE = "--serve"


def serve(where: str, argv: Sequence[str], *, anyone: bool, readonly: bool) -> int:
    """Serve the console with the other options of `argv` until Ctrl-C; returns the exit status.

    Raises UsageError for an address that cannot be served, or not without `anyone`.
    """
    address = read_address(where)
    if not address.is_this_machine and not anyone:
        raise UsageError(
            f"--serve {where}: nothing is encrypted on the way to {address.host}, so others could use the console; "
            f"an SSH tunnel (ssh -L 8000:127.0.0.1:8000 HOST) needs no such thing. If you mean it, add {ANYONE}"
        )
    listening = take(address)
    address = Address(address.host, listening.getsockname()[1])

    from iqa_tui.serve.access import visitors_of
    from iqa_tui.serve.server import ConsoleServer, run
    from iqa_tui.serve.token import PARAMETER, AccessToken

    token = AccessToken()
    visitors = visitors_of(address.host, token, is_this_machine=address.is_this_machine)
    if not address.is_this_machine:
        able = "see every run and log" if readonly else "start and stop runs here"
        advice = "" if readonly else ", or add --readonly"
        print(f"warning: anyone who can reach {address.url} and has the token, or reads it on the network, where "
              f"nothing is encrypted, can {able}. Better serve 127.0.0.1 and use an SSH tunnel{advice}.",
              file=sys.stderr)  # fmt: skip
    print(f"The console is at {address.url}?{PARAMETER}={token.text} until Ctrl-C. Runs go on without it.\n"
          "The token in the address lets in whoever has it: keep it to yourself.",
          file=sys.stderr, flush=True)  # fmt: skip
    run(ConsoleServer(others(argv), "iqa", visitors), listening)
    return 0


def others(argv: Sequence[str]) -> list[str]:
    """The words of `argv` without those that concern serving."""
    kept: list[str] = []
    before = ""
    for word in argv:
        name = word.partition("=")[0].replace("_", "-")
        value = before == _SERVE and not word.startswith("-")
        if name not in {_SERVE, ANYONE} and not value:
            kept.append(word)
        before = word
    return kept
