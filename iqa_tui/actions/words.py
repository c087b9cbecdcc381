"""How sentences name and count runs."""

from collections.abc import Sequence

_NAMED = 5


def counted(number: int, noun: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """Names with commas, at most some of them."""
    rest = len(names) - _NAMED
    return ", ".join(names) if rest <= 0 else f"{', '.join(names[:_NAMED])} and {rest} more"


def run_name(experiment: str, seed: int, *, several_seeds: bool) -> str:
    """An experiment's id, with the seed where that is needed to tell its runs apart."""
    return f"{experiment} (seed {seed})" if several_seeds else experiment
