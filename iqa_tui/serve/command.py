"""`iqa-tui --serve`: checks the address, prints it with the token, and serves until Ctrl-C."""

import sys
from collections.abc import Sequence

from iqa_train.errors import UsageError
from iqa_tui.serve.address import Address, listen, read_address

OPEN_TO_NETWORK = "--open-to-network"
_SERVE = "--serve"


def serve(where: str, argv: Sequence[str], *, open_to_network: bool, readonly: bool) -> int:
    """Serve the console with the other options of `argv` until Ctrl-C; returns the exit status.

    Raises UsageError for an address that cannot be used, or is not the loopback without `open_to_network`.
    """
    address = read_address(where)
    if not address.is_this_machine and not open_to_network:
        raise UsageError(
            f"--serve {where}: connections to {address.host} are not encrypted, so others could use the console; "
            f"use an SSH tunnel (ssh -L 8000:127.0.0.1:8000 HOST), or add {OPEN_TO_NETWORK}"
        )
    listening = listen(address)
    address = Address(address.host, listening.getsockname()[1])

    from iqa_tui.serve.access import access_control
    from iqa_tui.serve.server import ConsoleServer, run
    from iqa_tui.serve.token import PARAMETER, AccessToken

    token = AccessToken()
    access = access_control(address.host, token, is_this_machine=address.is_this_machine)
    if not address.is_this_machine:
        abilities = "see every run and log" if readonly else "start and stop runs here"
        advice = "" if readonly else ", or add --readonly"
        print(f"warning: anyone who can reach {address.url} and has the token, or reads it on the unencrypted network, "
              f"can {abilities}. It is safer to serve 127.0.0.1 through an SSH tunnel{advice}.",
              file=sys.stderr)  # fmt: skip
    print(f"The console is at {address.url}?{PARAMETER}={token.text} until Ctrl-C. Runs continue without it.\n"
          "Anyone with the token in this address has access: keep it secret.",
          file=sys.stderr, flush=True)  # fmt: skip
    run(ConsoleServer(console_options(argv), "iqa", access), listening)
    return 0


def console_options(argv: Sequence[str]) -> list[str]:
    """`argv` without the options of serving."""
    kept: list[str] = []
    before = ""
    for word in argv:
        name = word.partition("=")[0].replace("_", "-")
        value = before == _SERVE and not word.startswith("-")
        if name not in {_SERVE, OPEN_TO_NETWORK} and not value:
            kept.append(word)
        before = word
    return kept
