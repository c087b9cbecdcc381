"""How to spend a number of hours on seeds: one after another, each where it adds most to the power per second."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from iqa_train.stats.planning import ALPHA, Seeds, Spread, power

FIRST_SEEDS = 3
"""Seeds of every experiment that spending starts with."""

_MOST_SEEDS = 60
_NOTHING = 5e-4  # a smaller gain in the sum of all powers buys nothing


@dataclass(frozen=True)
class Target:
    """An experiment: the true difference that it is run to find, its variances, and the seconds of a run of it.

    `done` of its seeds are finished, and cost nothing.
    """

    difference: float
    spread: Spread
    seconds: float
    done: int = 0


@dataclass(frozen=True)
class Spending:
    """Seeds of each target and of the baseline, the power that each target has then, and the seconds all this takes.

    `enough` is false if the budget does not pay for the first seeds, which are then what is listed.
    """

    seeds: tuple[int, ...]
    baseline: int
    powers: tuple[float, ...]
    seconds: float
    enough: bool = True


def spend(
    targets: Sequence[Target], baseline: Target, budget: float, *, rho: float = 0.0, alpha: float = ALPHA
) -> Spending:
    """The seeds that `budget` seconds buy, greedily, from three of every experiment on.

    Each step adds a seed to one experiment (of those that the baseline has more of, else together with the baseline),
    to the baseline alone, or to all: whatever adds most per second to the sum of the powers. It ends when nothing
    affordable adds anything. `rho` is the correlation over seeds of runs that share one.
    """

    @cache
    def powers(at: int, shared: int, base: int) -> float:
        target = targets[at]
        numbers = Seeds(shared, base, rho)
        return power(target.difference, numbers, target.spread, len(targets), level=alpha / len(targets))

    def all_powers(numbers: tuple[int, ...]) -> tuple[float, ...]:
        return tuple(powers(at, k, numbers[0]) for at, k in enumerate(numbers[1:]))

    everyone = (baseline, *targets)
    first = max(FIRST_SEEDS, *(one.done for one in targets))
    now = (max(first, baseline.done), *(max(FIRST_SEEDS, one.done) for one in targets))
    spent = _cost(everyone, now)
    enough = spent <= budget
    while enough:
        gains = []
        for more in _steps(now):
            cost = _cost(everyone, more) - _cost(everyone, now)
            if spent + cost <= budget and max(more) <= _MOST_SEEDS:
                gain = sum(all_powers(more)) - sum(all_powers(now))
                gains.append((gain / cost, gain, more))
        worth = [step for step in gains if step[1] >= _NOTHING]
        if not worth:
            break
        now = max(worth)[2]
        spent = _cost(everyone, now)
    return Spending(now[1:], now[0], all_powers(now), spent, enough)


def _steps(now: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Every way to add a seed; the baseline comes first, and has at least as many as each of the others."""
    base, *others = now
    yield (base + 1, *others)
    yield tuple(k + 1 for k in now)
    for at, k in enumerate(others):
        yield (max(base, k + 1), *others[:at], k + 1, *others[at + 1 :])


def _cost(everyone: Sequence[Target], numbers: Sequence[int]) -> float:
    """Seconds of the runs that are not done yet."""
    return sum(one.seconds * max(0, k - one.done) for one, k in zip(everyone, numbers, strict=True))
