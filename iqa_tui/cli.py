"""`iqa-tui`: the console. Until it is built, it says where its work is done today."""

import sys


def main() -> int:
    """Say so; exit code 2."""
    print("iqa-tui: the console is not built yet; iqa-train --help lists what works without it", file=sys.stderr)
    return 2
