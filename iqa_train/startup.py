"""What each of our programs does before it imports anything else; importing this module does it.

Standard input, output and error are open. Cron jobs, services and `<&-` in a shell start programs without them, and the
next file to be opened, a lock perhaps, would become descriptor 0, 1 or 2.

Nothing in the working folder, nor in PYTHONPATH, takes the place of a library: a user's `queue.py` or `random.py` is
found last. Programs that we start get `-P` as well (`execution.program`).
"""

import os
import sys
from contextlib import suppress

_PACKAGES = {"iqa_train", "iqa_tui"}
_SCRIPTS = {"iqa-train", "iqa-tui"}


def open_standard_descriptors() -> None:
    """Open what is closed of 0, 1 and 2 on /dev/null: input is then empty, and output goes nowhere, without error."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest that is free: this one
    for name, descriptor, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        if getattr(sys, name) is None:  # Python's way to say that it was closed
            stream = open(descriptor, mode, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)


def libraries_first(path: list[str], variable: str, folder: str) -> list[str]:
    """The import path with the working folder `folder` and the entries of PYTHONPATH (`variable`) at its end.

    They are kept: our packages, or helpers of a user's own network, may be installed that way.
    """
    last = {"", folder, *variable.split(os.pathsep)}
    last |= {os.path.realpath(entry) for entry in last}
    return [entry for entry in path if entry not in last] + [entry for entry in path if entry in last]


def _is_ours() -> bool:
    """Whether this process is a program of ours, and not somebody's script that imports this package."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    module = spec.name if spec else ""
    return module.partition(".")[0] in _PACKAGES or os.path.basename(sys.argv[0]) in _SCRIPTS  # noqa: PTH119


def _keep_to_libraries() -> None:
    variable = os.environ.get("PYTHONPATH", "")
    sys.path[:] = libraries_first(sys.path, variable, os.getcwd())  # noqa: PTH109
    if variable:  # what is relative in it would mean something else in a runner, which works in another folder
        os.environ["PYTHONPATH"] = os.pathsep.join(os.path.abspath(entry) for entry in variable.split(os.pathsep))  # noqa: PTH100


open_standard_descriptors()
if _is_ours():
    with suppress(OSError):  # the working folder is gone; whoever needs it says so
        _keep_to_libraries()
