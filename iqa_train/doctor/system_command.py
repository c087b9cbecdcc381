"""Commands of the system."""

import subprocess

_COMMAND_LIMIT = 5.0  # seconds


def ask(*command: str) -> str:
    """The output of a command of the system; empty where there is no such command, or it fails."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=_COMMAND_LIMIT, check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout if done.returncode == 0 else ""
