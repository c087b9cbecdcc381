"""The seed of a run whose log does not state it, and seeds as JSON."""

from collections.abc import Iterable


class UnknownSeed(int):
    """A seed that an imported log does not state: a key like any other, shown as "unknown".

    Its rounds count on from it, as those of a seed do, and are unknown as well.
    """

    def __str__(self) -> str:
        return "unknown"

    def __format__(self, spec: str) -> str:
        return format("unknown", spec if spec[-1:] != "d" else spec[:-1])

    def __add__(self, other: int) -> "UnknownSeed":
        return UnknownSeed(int(self) + other)

    def __sub__(self, other: int) -> "UnknownSeed":
        return UnknownSeed(int(self) - other)


UNKNOWN_SEED = UnknownSeed(-(10**9))  # no seed of any run, nor of its rounds

UNKNOWN_FOLDER = "sunknown"
"""What the name of the folder of such a run begins with, in place of `s42`."""


def seed_as_json(seed: int) -> int | None:
    """The seed; None for one that is unknown."""
    return None if isinstance(seed, UnknownSeed) else seed


def seeds_as_json(seeds: Iterable[int]) -> list[int | None]:
    """The seeds, each as `seed_as_json` has it."""
    return [seed_as_json(seed) for seed in seeds]
