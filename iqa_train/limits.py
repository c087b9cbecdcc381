"""Bounds of numbers that a person gives: what an option or a key takes, the files that it is recorded in hold."""

LARGEST = 2**63 - 1
"""Where nothing smaller makes sense."""

MOST_PLACES = 4096
"""Slots of a machine, and runs that share a GPU."""

MOST_RETRIES = 1_000_000
"""Attempts in a row before a run is given up."""
