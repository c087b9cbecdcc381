"""`iqa-train data`: list, verify, prepare, count and split data sets."""

from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status. Raises UserError."""
    from iqa_train.cli.commands.data.dispatch import main as run

    return run(argv)
