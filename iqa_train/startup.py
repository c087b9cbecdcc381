"""Prepares the process of each program, before it imports anything else; importing this module is enough.

It opens standard input, output and error. Cron jobs, services and `<&-` in a shell start programs without them, and the
next file to be opened, a lock perhaps, would become descriptor 0, 1 or 2.

It moves the working folder and PYTHONPATH to the end of the import path, so that a user's `queue.py` or `random.py`
does not replace a library. Programs that this one starts get `-P` as well (`runner.program`).

Imports before this one cannot be protected: the start scripts `iqa-train` and `iqa-tui` are written by the
installer, which takes no interpreter options for them, and pip's begin with `import re`. So a `re.py` in PYTHONPATH, or
one of what `re` imports (types, enum, functools, collections, ...), runs there, as it does in any Python program.
Scripts of our own in place of entry points would mend that, but tools that install programs look for entry points; a
.pth file would run our code in every Python of the environment.
"""

import os
import sys  # and nothing else: it might be found in the working folder

_PACKAGES = {"iqa_train", "iqa_tui"}
_SCRIPTS = {"iqa-train", "iqa-tui"}


def open_standard_descriptors() -> None:
    """Open /dev/null as each of 0, 1 and 2 that is closed: input is then empty, and output is discarded."""
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

    They are kept, because this package, or helpers of a user's own network, may be installed that way.
    """
    last = {"", folder, *variable.split(os.pathsep)}
    last |= {os.path.realpath(entry) for entry in last}
    return [entry for entry in path if entry not in last] + [entry for entry in path if entry in last]


def _is_ours() -> bool:
    """Whether this process is one of this package's programs, and not another script that imports the package."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    module = spec.name if spec else ""
    return module.partition(".")[0] in _PACKAGES or os.path.basename(sys.argv[0]) in _SCRIPTS  # noqa: PTH119


def handed_on(variable: str, folder: str, package: str) -> str:
    """PYTHONPATH (`variable`) for programs that this one starts in another folder: its entries made absolute.

    The working folder `folder` is left out, since they import libraries before this module, unless `package` is in it.
    """
    entries = [os.path.abspath(entry) for entry in variable.split(os.pathsep)]  # noqa: PTH100
    left_out = {os.path.realpath(folder)} - {os.path.realpath(package)}
    return os.pathsep.join(entry for entry in entries if os.path.realpath(entry) not in left_out)


def _keep_to_libraries() -> None:
    variable, folder = os.environ.get("PYTHONPATH", ""), os.getcwd()  # noqa: PTH109
    sys.path[:] = libraries_first(sys.path, variable, folder)
    if variable:
        os.environ["PYTHONPATH"] = handed_on(variable, folder, os.path.dirname(os.path.dirname(__file__)))  # noqa: PTH120


open_standard_descriptors()
if _is_ours():
    try:  # noqa: SIM105 (contextlib imports much)
        _keep_to_libraries()
    except OSError:  # the working folder is gone; code that needs it reports that
        pass
