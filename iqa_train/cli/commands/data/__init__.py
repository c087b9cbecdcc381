"""`iqa-train data`: list, verify, prepare, count and split data sets."""

from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Carry out `iqa-train data ...`; the exit status. Errors: see `iqa_train.errors`."""
    from iqa_train.cli.commands.data.dispatch import main as run

    return run(argv)
