"""The looks of a study under its design, recomputed from the predictions of its runs: only the design is stored.

Round k gives seed k of the design's order to the baseline and to every experiment that is open. A look is taken once a
round is complete, from `min_seeds` on; `stats.look_decisions` says what it decides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean

from iqa_train.results.comparison import judged_differences
from iqa_train.results.paired_predictions import ExperimentPredictions, UsableSeeds, units_of, usable, why_unpaired
from iqa_train.results.run_record import RunRecord, by_experiment, predictions_by_seed
from iqa_train.results.sides import FEW_UNITS, Sides, resamples_for
from iqa_train.runs.attempt_facts import seconds_of
from iqa_train.runs.design_file import SealedDesign
from iqa_train.stats.e_process import EProcess
from iqa_train.stats.error_law import ErrorLaw
from iqa_train.stats.interval import Interval
from iqa_train.stats.judgement import Judgement
from iqa_train.stats.look_decisions import (
    LookRule,
    Looks,
    Measured,
    Track,
    chance_different,
    chance_same,
    next_look,
    no_looks,
)


@dataclass(frozen=True)
class AtLook:
    """An experiment at its last look: the seeds, the difference, and the law of its error."""

    seeds: tuple[int, ...]
    judgement: Judgement

    @property
    def difference(self) -> float:
        """Experiment minus baseline."""
        return self.judgement.contrast.value

    @property
    def law(self) -> ErrorLaw:
        """Of its error."""
        return self.judgement.law

    @property
    def anytime(self) -> EProcess:
        """What holds without a last look."""
        contrast = self.judgement.contrast
        images = self.law.images.variance
        return EProcess(contrast.value, contrast.variance, len(contrast.shared), images, contrast.parts.units)


@dataclass(frozen=True)
class StudyLooks:
    """Where a study is in its design.

    `rounds` are complete; `missing` are the runs (experiment, seed) of the round under way, or of the next. `ended`
    says why no further round is needed, "" where one is. `last` has each experiment that was looked at.
    """

    design: SealedDesign
    looks: Looks
    last: Mapping[str, AtLook] = field(default_factory=dict)
    rounds: int = 0
    missing: tuple[tuple[str, int], ...] = ()
    ended: str = ""

    @property
    def tracks(self) -> Mapping[str, Track]:
        """The experiments over the looks so far."""
        return self.looks.tracks

    def repeated_interval(self, experiment: str) -> Interval:
        """The interval of the difference that holds at every look with probability 1 - alpha."""
        one, rule = self.last[experiment], self.looks.rule
        if rule.open_ended:
            return one.anytime.interval(rule.alpha)
        return one.law.interval(one.difference, 1 - rule.level(len(self.tracks), rule.alpha))

    def at_most(self, experiment: str) -> float:
        """The size that the difference does not exceed, either way, by a one-sided bound that holds at every look."""
        one, rule = self.last[experiment], self.looks.rule
        if rule.open_ended:
            return one.anytime.bound(rule.alpha)
        return one.law.bound(one.difference, rule.level(len(self.tracks), rule.alpha, sided=1))


def rule_of(design: SealedDesign) -> LookRule:
    """The rule of a sealed design."""
    return LookRule(design.min_seeds, design.max_seeds, design.alpha, design.give_up, design.open_ended)


def take_looks(runs: Sequence[RunRecord], design: SealedDesign, parameters: int = 4) -> StudyLooks:
    """All looks that the runs of a study allow. `parameters` (4 or 5) are the logistic's."""
    seeds = _Seeds(runs, design, parameters)
    found = StudyLooks(design, no_looks(rule_of(design), design.experiments))
    for k, seed in enumerate(design.seeds, 1):
        takes_part = [design.baseline, *found.looks.open]
        missing = tuple((name, seed) for name in takes_part if not seeds.has(name, k))
        if k > design.min_seeds and not seeds.affords(takes_part, found.rounds, seed, missing):
            hours = f"{design.budget_hours:g} hours"
            return replace(found, ended=f"the next round does not fit into the budget of {hours}")
        if missing:
            first = [(name, one) for one in design.seeds[: design.min_seeds] for name in takes_part]
            wanted = [(n, s) for n, s in first if not seeds.has_seed(n, s)] if k <= design.min_seeds else missing
            return replace(found, missing=tuple(wanted))
        found = replace(found, rounds=k)
        if k >= design.min_seeds:
            found = seeds.looked(found, k)
        if not found.looks.open:
            return replace(found, ended="every verdict is decided or given up")
    return replace(found, ended=f"the design {'pauses' if design.open_ended else 'ends'} at {design.max_seeds} seeds")


class _Seeds:
    """The predictions of the design's seeds, and what is computed from them once.

    Runs of several trainings do not count: a round of the design is a run with one seed.
    """

    def __init__(self, runs: Sequence[RunRecord], design: SealedDesign, parameters: int) -> None:
        self._design = design
        self._runs = by_experiment(run for run in runs if run.spec["settings"].get("train_test_num", 1) == 1)
        self._parameters = parameters
        self._base = self._usable(design.baseline)
        self._ready = {design.baseline: self._base}
        self._ready |= {name: self._comparable(name) for name in design.experiments}
        members = [one for one in self._ready.values() if one.seeds]
        tables = [table for one in members for table in one.by_seed.values()]
        units = len(set(units_of(tables).values()))
        few = resamples_for(units) if units < FEW_UNITS else 1  # influences take the place of draws
        self._sides = Sides(members, design.metric, few)
        ratios = [run.overlap for run in runs if run.overlap]
        self._overlap = fmean(ratios) if ratios else 0.0
        self._seconds: dict[tuple[str, int], float] = {}

    def _usable(self, name: str) -> UsableSeeds:
        """In the design's order."""
        tables = predictions_by_seed(self._runs.get(name, []))
        listed = {seed: tables[seed] for seed in self._design.seeds if seed in tables}
        return usable(ExperimentPredictions(name, listed), self._design.metric, self._parameters)

    def _comparable(self, name: str) -> UsableSeeds:
        """Without seeds that have other test images than the baseline's."""
        one, base = self._usable(name), self._base.by_seed
        return _only(one, [s for s, table in one.by_seed.items() if s not in base or not why_unpaired(table, base[s])])

    def has_seed(self, name: str, seed: int) -> bool:
        """Whether it has usable predictions of the seed."""
        return seed in self._ready[name].by_seed

    def has(self, name: str, rounds: int) -> bool:
        """Whether it has usable predictions of every seed of so many rounds."""
        return all(self.has_seed(name, seed) for seed in self._design.seeds[:rounds])

    def looked(self, before: StudyLooks, k: int) -> StudyLooks:
        """After the look at k seeds."""
        order, tracks = self._design.seeds, before.tracks
        sizes = {name: min(k, track.stopped or k) for name, track in tracks.items()}
        members = [_only(self._ready[name], order[:size]) for name, size in sizes.items()]
        judged = judged_differences(members, _only(self._base, order[:k]), self._sides, self._overlap)
        now = {name: AtLook(order[:k], judged[name]) for name in before.looks.open if name in judged}
        found = {name: _measured(one, self._design, len(tracks)) for name, one in now.items()}
        return replace(before, looks=next_look(before.looks, k, found), last={**before.last, **now})

    def affords(self, takes_part: Sequence[str], rounds: int, seed: int, missing: Sequence[tuple[str, int]]) -> bool:
        """Whether the round of a seed fits the budget; one that has begun does, since rounds are whole."""
        budget = 3600 * self._design.budget_hours
        if not budget or len(missing) < len(takes_part) or any(self._cost(name, seed) for name in takes_part):
            return True
        names = (self._design.baseline, *self._design.experiments)
        spent = {name: [self._cost(name, one) for one in self._design.seeds[:rounds]] for name in names}
        usual = {name: fmean(known) if (known := [c for c in costs if c]) else 0.0 for name, costs in spent.items()}
        total = sum(sum(costs) for costs in spent.values())
        return total + sum(usual[name] for name in takes_part) <= budget

    def _cost(self, name: str, seed: int) -> float:
        """Seconds of the attempts of an experiment at a seed."""
        if (name, seed) not in self._seconds:
            runs = [run for run in self._runs.get(name, []) if run.seed == seed]
            self._seconds[name, seed] = sum(seconds_of(run.folder) for run in runs)
        return self._seconds[name, seed]


def _only(one: UsableSeeds, seeds: Sequence[int]) -> UsableSeeds:
    """With these of its seeds."""
    kept = {seed: one.by_seed[seed] for seed in seeds if seed in one.by_seed}
    return UsableSeeds(one.experiment, kept, {seed: one.values[seed] for seed in kept}, one.notes)


def _measured(one: AtLook, design: SealedDesign, experiments: int) -> Measured:
    margin = design.margins.get(design.metric)
    if design.open_ended:
        return Measured(one.anytime.p(), None if margin is None else one.anytime.p_within(margin))
    within = None if margin is None else one.law.p_beyond(one.difference, margin)
    return Measured(one.law.p(one.difference), within, _chance(one, design, margin, experiments))


def _chance(one: AtLook, design: SealedDesign, margin: float | None, experiments: int) -> float | None:
    """That the experiment is decided by the last look, at the level that Holm leaves it at first."""
    k, spread, rule = len(one.seeds), one.judgement.seed_variance, rule_of(design)
    if spread is None or not rule.first < k < rule.last or not rule.give_up:
        return None
    images = one.law.images
    last = ErrorLaw(images, images, spread.variance / rule.last, spread.degrees + rule.last - k)
    level = rule.level(experiments, rule.alpha / experiments)
    half = max(last.interval(0.0, 1 - level))
    chance = chance_different(one.difference, spread.variance, k, rule.last, half)
    if margin is None:
        return chance
    half = last.bound(0.0, rule.level(experiments, rule.alpha / experiments, sided=1))
    return chance + chance_same(one.difference, spread.variance, k, rule.last, half, margin)
