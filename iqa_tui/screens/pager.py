"""A log in the pager of the user's choice, while the console steps aside."""

import os
import shlex
import subprocess
from pathlib import Path

_USUAL = "less -R +G"


def page(path: Path) -> str:
    """Show `path` in $PAGER, `less` by default, until that is left; returns why that could not be, or nothing."""
    command = os.environ.get("PAGER") or _USUAL
    try:
        words = shlex.split(command)
        subprocess.run([*words, str(path.absolute())], check=False)
    except (OSError, ValueError) as error:
        return f'PAGER="{command}" cannot be run: {error}; set PAGER to a program such as less'
    return ""
