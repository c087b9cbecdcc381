"""`iqa-train runs`: joins the runs of another machine."""

from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status. Raises UserError."""
    from iqa_train.cli.commands.runs.dispatch import main as run

    return run(argv)
