"""What a look at a study decides: which differences are shown, which are smaller than the margin, which are given up.

Sequential p of all experiments are put through Holm's correction, which is valid for p of any dependence; so of 100
studies at most 5 have a wrong "different" whenever one stops (Maurer and Bretz, Statistics in Biopharmaceutical
Research 5, 2013; Ye et al., Statistics in Medicine 32, 2013). "Same" has a family of its own, without a price: that an
experiment has no effect and that its effect is beyond the margin cannot both be so (Goeman, Solari and Stijnen,
Statistics in Medicine 29, 2010). Giving up is not binding, so it cannot raise an error rate.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import sqrt
from typing import Literal

from iqa_train.stats.holm import holm
from iqa_train.stats.sequential import smallest_p

Decision = Literal["different", "same", "both", "given up"]
"""Both: different, but less than the margin."""


@dataclass(frozen=True)
class LookRule:
    """The rule of a study, fixed before its first result: looks at `first`, ..., `last` seeds, level, give-up.

    `open_ended`: p of a look holds at all looks already (`stats.e_process`), however many there will be.
    """

    first: int
    last: int
    alpha: float = 0.05
    give_up: float = 0.1
    open_ended: bool = False

    def sequential(self, p: Sequence[float | None], *, sided: int = 2) -> list[float | None]:
        """The sequential p of each experiment's smallest p."""
        if self.open_ended:
            return list(p)
        law = smallest_p(self.first, self.last, len(p), sided=sided)
        return [None if value is None else law.chance(value) for value in p]

    def level(self, experiments: int, chance: float, *, sided: int = 2) -> float:
        """The nominal level at every look, so that a verdict without effect has this chance at some look."""
        return smallest_p(self.first, self.last, experiments, sided=sided).level(chance)


@dataclass(frozen=True)
class Measured:
    """One experiment at one look: p of the difference and of the margin (None without one), and what is predicted.

    `chance` is that of a decision by the last look (`chance_different` + `chance_same`), if the others were not there.
    """

    p: float
    p_within: float | None = None
    chance: float | None = None


@dataclass(frozen=True)
class Track:
    """One experiment over the looks so far. `stopped` is the number of seeds at which it was decided or given up."""

    p: float | None = None  # the smallest of all looks
    p_within: float | None = None
    q: float | None = None  # the sequential p, and Holm's of it
    q_holm: float | None = None
    q_within: float | None = None
    q_within_holm: float | None = None
    decision: Decision | None = None
    stopped: int | None = None


@dataclass(frozen=True)
class Looks:
    """A study after its look at `seeds` seeds; 0 before the first."""

    rule: LookRule
    tracks: Mapping[str, Track] = field(default_factory=dict)
    seeds: int = 0

    @property
    def open(self) -> list[str]:
        """The experiments that are neither decided nor given up."""
        return [name for name, track in self.tracks.items() if track.stopped is None]


def no_looks(rule: LookRule, experiments: Sequence[str]) -> Looks:
    """Before the first look at these experiments."""
    return Looks(rule, {name: Track() for name in experiments})


def next_look(looks: Looks, seeds: int, found: Mapping[str, Measured]) -> Looks:
    """After a look at `seeds` seeds that `found` this of the experiments that are open.

    An experiment that has stopped keeps its sequential p; Holm's of it can still fall, as those of others do, so that
    one that was given up may be decided in the end.
    """
    names, rule = list(looks.tracks), looks.rule
    tracks = [_measured(looks.tracks[name], found.get(name)) for name in names]
    q = rule.sequential([track.p for track in tracks])
    q_within = rule.sequential([track.p_within for track in tracks], sided=1)
    adjusted, adjusted_within = _holm(q), _holm(q_within)
    after = {}
    for at, (name, track) in enumerate(zip(names, tracks, strict=True)):
        judged = replace(
            track,
            q=q[at],
            q_holm=adjusted[at],
            q_within=q_within[at],
            q_within_holm=adjusted_within[at],
        )
        after[name] = _decided(judged, rule, seeds, found.get(name))
    return Looks(rule, after, seeds)


def _measured(track: Track, found: Measured | None) -> Track:
    if found is None or track.stopped is not None:
        return track
    return replace(track, p=_least(track.p, found.p), p_within=_least(track.p_within, found.p_within))


def _decided(track: Track, rule: LookRule, seeds: int, found: Measured | None) -> Track:
    different = track.q_holm is not None and track.q_holm < rule.alpha
    same = track.q_within_holm is not None and track.q_within_holm < rule.alpha
    hopeless = found is not None and found.chance is not None and found.chance < rule.give_up and seeds > rule.first
    decision: Decision | None = "both" if different and same else "different" if different else "same" if same else None
    if decision is None and (hopeless or track.decision == "given up"):
        decision = "given up"
    stopped = seeds if track.stopped is None and decision is not None else track.stopped
    return replace(track, decision=decision, stopped=stopped)


def _holm(values: Sequence[float | None]) -> list[float | None]:
    """Over all experiments of the study: one that has no value yet counts as 1."""
    adjusted = holm([1.0 if value is None else value for value in values])
    return [None if value is None else own for value, own in zip(values, adjusted, strict=True)]


def _least(one: float | None, other: float | None) -> float | None:
    known = [value for value in (one, other) if value is not None]
    return min(known, default=None)


def chance_different(difference: float, seed_variance: float, seeds: int, last: int, half_width: float) -> float:
    """The chance that `difference`, the mean of so many seeds, is beyond `half_width` either way at `last` seeds.

    `seed_variance` is that of one seed, `half_width` that of the interval at the last look and the level of all looks.
    """
    from scipy.special import ndtr

    spread = sqrt(seed_variance * (1 / seeds - 1 / last))
    if not spread:
        return float(abs(difference) > half_width)
    return float(ndtr((difference - half_width) / spread) + ndtr((-difference - half_width) / spread))


def chance_same(
    difference: float, seed_variance: float, seeds: int, last: int, half_width: float, margin: float
) -> float:
    """The chance that it is within the margin by `half_width` (of one side) at `last` seeds."""
    from scipy.special import ndtr

    room, spread = margin - half_width, sqrt(seed_variance * (1 / seeds - 1 / last))
    if room <= 0:
        return 0.0
    if not spread:
        return float(abs(difference) < room)
    return float(ndtr((room - difference) / spread) - ndtr((-room - difference) / spread))
