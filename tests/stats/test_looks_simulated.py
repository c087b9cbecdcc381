"""Simulated studies under a design: how often a verdict is wrong at any look, and how many runs are used.

The shares are printed (pytest -s), each with its standard error in points. S is the SD of a difference over seeds, and
experiments share the baseline's half of its variance; the choice of test images has an SD of .0015.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from math import sqrt

import numpy as np
import pytest

from iqa_train.stats.error_law import ErrorLaw, Normal
from iqa_train.stats.look_decisions import LookRule, Looks, Measured, chance_different, next_look, no_looks
from iqa_train.stats.seed_variance import SeedVariance, moderated

SPREAD, IMAGES = 0.003, 0.0015
PERCENT = 100.0


@dataclass(frozen=True)
class Simulated:
    """Studies with these true effects; `noise` multiplies an experiment's spread over seeds."""

    rule: LookRule
    effects: tuple[float, ...] = (0.0,) * 4
    margin: float | None = None
    images: float = IMAGES
    noise: tuple[float, ...] = ()
    studies: int = 1_000
    ended: list[Looks] = field(default_factory=list)
    runs: list[int] = field(default_factory=list)

    def carried_out(self) -> "Simulated":
        rng = np.random.default_rng(12)
        names = [f"E{k}" for k in range(len(self.effects))]
        for _ in range(self.studies):
            seeds = rng.normal(size=(len(names) + 1, self.rule.last)) * SPREAD / sqrt(2)
            images = rng.normal(size=len(names) + 1) * self.images / sqrt(2)
            seeds[1:] *= np.array(self.noise or (1.0,) * len(names))[:, None]
            d = seeds[1:] - seeds[:1] + (images[1:] - images[:1] + np.array(self.effects))[:, None]
            self._study(dict(zip(names, d, strict=True)))
        return self

    def _study(self, d: dict[str, np.ndarray]) -> None:
        looks, runs = no_looks(self.rule, list(d)), (len(d) + 1) * self.rule.first
        for k in range(self.rule.first, self.rule.last + 1):
            if k > self.rule.first:
                runs += 1 + len(looks.open)
            sizes = {name: track.stopped or k for name, track in looks.tracks.items()}
            spreads = {name: (float(d[name][:size].var(ddof=1)), size) for name, size in sizes.items()}
            found = {}
            for name in looks.open:
                others = [spread for other, spread in spreads.items() if other != name]
                found[name] = self._measured(float(d[name][:k].mean()), moderated(*spreads[name], others), k)
            looks = next_look(looks, k, found)
            if not looks.open:
                break
        self.ended.append(looks)
        self.runs.append(runs)

    def _measured(self, difference: float, known: SeedVariance, k: int) -> Measured:
        law = ErrorLaw(Normal(self.images**2), Normal(self.images**2), known.variance / k, known.degrees)
        within = None if self.margin is None else law.p_beyond(difference, self.margin)
        chance = None
        if self.rule.give_up and k > self.rule.first:
            half = self._half_width(sqrt(known.variance / self.rule.last), known.degrees + self.rule.last - k)
            chance = chance_different(difference, known.variance, k, self.rule.last, half)
        return Measured(law.p(difference), within, chance)

    def _half_width(self, seeds: float, degrees: float) -> float:
        level = self.rule.level(len(self.effects), self.rule.alpha / len(self.effects))
        grid, widths = _half_widths(self.images, degrees, level)
        return float(np.interp(seeds, grid, widths))

    def share(self, decision: Sequence[str], experiments: Sequence[int] | None = None) -> tuple[float, float]:
        """Of 100 studies, those with such a decision of any of the experiments, and its standard error."""
        names = [f"E{k}" for k in (range(len(self.effects)) if experiments is None else experiments)]
        hits = [any(one.tracks[name].decision in decision for name in names) for one in self.ended]
        p = float(np.mean(hits))
        return PERCENT * p, PERCENT * sqrt(p * (1 - p) / len(hits))


@cache
def _half_widths(images: float, degrees: float, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Half-widths of intervals at spreads between which to interpolate: a bisection for each look takes too long."""
    grid = np.linspace(1e-5, 3 * SPREAD, 40)
    laws = [ErrorLaw(Normal(images**2), Normal(images**2), float(x) ** 2, degrees) for x in grid]
    return grid, np.array([law.interval(0.0, 1 - level)[1] for law in laws])


DIFFERENT, SAME = ("different", "both"), ("same", "both")
LONG, SHORT = LookRule(3, 10, give_up=0.0), LookRule(2, 5, give_up=0.0)
GIVING_UP = LookRule(3, 10)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "study", "most"),
    [
        ("3 to 10 seeds", Simulated(LONG), 5.0),
        ("2 to 5 seeds", Simulated(SHORT), 5.0),
        ("3 to 10 seeds, giving up", Simulated(GIVING_UP), 5.0),
        ("3 to 10 seeds, images add nothing", Simulated(LONG, images=1e-9), 5.0),
        ("3 to 10 seeds, one three times as noisy", Simulated(LONG, noise=(3.0, 1.0, 1.0, 1.0)), 6.0),
        ("3 to 10 seeds, one experiment, images add nothing", Simulated(LONG, (0.0,), images=1e-9, studies=2_000), 6.0),
        (
            "3 to 10 seeds, two experiments, images add nothing",
            Simulated(LONG, (0.0,) * 2, images=1e-9, studies=2_000),
            6.0,
        ),
    ],
)
def test_equal_experiments_are_rarely_called_different_at_any_look(name: str, study: Simulated, most: float) -> None:
    share, error = study.carried_out().share(DIFFERENT)
    print(f"any wrong 'different', {name}: {share:.1f} ({error:.1f}) of 100")
    assert share <= most


@pytest.mark.slow
@pytest.mark.parametrize("rule", [LONG, SHORT], ids=["3 to 10", "2 to 5"])
def test_an_effect_as_large_as_the_margin_is_rarely_called_the_same(rule: LookRule) -> None:
    share, error = Simulated(rule, (0.006,) * 4, margin=0.006).carried_out().share(SAME)
    print(f"any wrong 'same' at the margin, {rule.first} to {rule.last} seeds: {share:.1f} ({error:.1f}) of 100")
    assert share <= 5


@pytest.mark.slow
def test_giving_up_halves_the_runs_and_keeps_most_of_the_power() -> None:
    study = Simulated(GIVING_UP, (0.0, 0.002, 0.004, 0.008)).carried_out()
    runs, error = float(np.mean(study.runs)), float(np.std(study.runs)) / sqrt(study.studies)
    print(f"runs for effects 0, .002, .004, .008: {runs:.1f} ({error:.1f}) of 50")
    shares = [study.share(DIFFERENT, [k]) for k in range(4)]
    print("found different: " + ", ".join(f"{share:.0f} ({error:.1f})" for share, error in shares))
    assert runs <= 25 and shares[3][0] >= 85 and shares[2][0] >= 25


@pytest.mark.slow
def test_a_margin_shows_most_experiments_without_effect_to_be_the_same() -> None:
    study = Simulated(LONG, margin=0.006).carried_out()
    share = float(np.mean([study.share(SAME, [k])[0] for k in range(4)]))
    print(f"same within .006 of experiments without effect: {share:.0f} of 100")
    assert share >= 50
