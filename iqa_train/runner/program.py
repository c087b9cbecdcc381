"""The programs that we start: the one place that spells out how."""

import os
import sys


def python_command(module: str, *words: str) -> list[str]:
    """The command that runs `module` of ours with the arguments `words`, with this very interpreter.

    `-P`: neither the folder in which it is started nor a script's folder is on the import path. PYTHONPATH stays in
    force, since our packages may be installed that way (`iqa_train.startup` puts it last); `-I` would ignore it, and
    the user's own site-packages as well.
    """
    return [sys.executable, "-P", "-m", module, *words]


def nice_words(niceness: int) -> list[str]:
    """What precedes a command that is to run with that niceness or, where this process has a higher one, with that.

    The kernel derives the priority for the disk from it. The disk's idle class is not used: a checkpoint that somebody
    waits for must not starve.
    """
    more = niceness - os.getpriority(os.PRIO_PROCESS, 0)
    return ["nice", "-n", str(more)] if niceness and more > 0 else []


def code_command(code: str, *words: str) -> list[str]:
    """The command that runs a few lines of Python with the standard library alone."""
    return [sys.executable, "-I", "-S", "-c", code, *words]
