"""`iqa-tui`: the console on a terminal or in a browser."""

import iqa_train.startup  # noqa: F401 (before anything that opens a file)

# isort: split
import atexit
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from iqa_train.cli.interrupt import deliver_interrupts
from iqa_train.cli.parser import Parser, add_study_options, profile_of, whole_number
from iqa_train.errors import UsageError, UserError, visible
from iqa_train.terminal import harmless

_DESCRIPTION = """\
Watch and run a study: its runs, logs, GPUs, SRCC by epoch and verdicts. Runs are separate processes: closing the
console stops none, and any number of consoles may watch. Press ? for the keys."""
_EPILOG = "exit status: 0 success, 2 usage error, invalid study file or no terminal, 130 interrupted"


_NO_TERMINALS = {"", "dumb", "unknown"}  # values of TERM for terminals that cannot move the cursor


def main(argv: Sequence[str] | None = None) -> int:
    """Run the console; returns the exit status."""
    try:
        with deliver_interrupts():
            return _run(sys.argv[1:] if argv is None else argv)
    except UserError as error:
        print(f"iqa-tui: {harmless(str(error))}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130


def _run(argv: Sequence[str]) -> int:
    parser = Parser("iqa-tui", _DESCRIPTION, _EPILOG)
    add_study_options(parser)
    parser.add_argument("--slots", type=whole_number(1), metavar="N", help="start runs on N CPU slots")
    parser.add_argument(
        "--readonly", action="store_true", help="watch only; nothing can be started, stopped or changed"
    )
    parser.add_argument(
        "--serve", nargs="?", const="127.0.0.1:8000", metavar="HOST:PORT",
        help="serve the console to a browser [127.0.0.1:8000, for you alone]",
    )  # fmt: skip
    parser.add_argument(
        "--open-to-network", action="store_true", help="allow --serve on an address that other machines can reach"
    )
    parser.add_argument("--version", action="store_true", help="print the version")
    options = parser.read(argv)
    if options.version:
        from importlib.metadata import version

        print(f"iqa-tui {version('iqa-tui')}")
        return 0
    if options.serve is not None:
        from iqa_tui.serve.command import serve

        return serve(options.serve, argv, open_to_network=options.open_to_network, readonly=options.readonly)
    in_browser = "TEXTUAL_DRIVER" in os.environ  # the page is the terminal
    if not in_browser:
        _require_terminal()
    else:
        from iqa_tui.serve.exit_with_server import exit_with_server

        exit_with_server()

    gc.disable()  # imports live until the end: collecting garbage among them takes a tenth of the start
    from iqa_tui.app import Console
    from iqa_tui.config import read_config
    from iqa_tui.state.board import Target

    target = Target(
        Path(options.runs_dir), Path(options.logs_dir), options.study, options.experiments, profile_of(options),
        options.slots,
    )  # fmt: skip
    start_all = options.demo and not options.readonly
    console = Console(target, readonly=options.readonly, start_all=start_all, config=read_config())
    parting = console.run()
    code = console.return_code or 0
    if parting:
        print(f"iqa-tui: {parting}" if code else parting, file=sys.stderr)
    atexit.register(_end, code)
    return code


def _require_terminal() -> None:
    """Raises UsageError if the console cannot be drawn here."""
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise UsageError("the console needs a terminal; without one, use iqa-train status --watch")
    term = os.environ.get("TERM", "")
    if term in _NO_TERMINALS:
        raise UsageError(
            f'the console cannot be drawn on a terminal with TERM="{visible(term)}"; set TERM to the type of your '
            "terminal, such as xterm-256color, or use iqa-train status --watch"
        )


def _end(code: int) -> None:
    """End the process at once: killing the watcher's thread inside a library makes Python abort at times."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
