"""How long campaigns of faults are: a few rounds in .ci/run, all of them with CAMPAIGN=full in the environment."""

import os


def rounds(full: int, usual: int) -> int:
    """The number of rounds of a campaign now."""
    return full if os.environ.get("CAMPAIGN") == "full" else usual
