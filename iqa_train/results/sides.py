"""The experiments of a comparison by seed, all with the same resampling units: values, influences, resampled values."""

from collections.abc import Sequence

import numpy as np

from iqa_train.results.paired_predictions import UsableSeeds, model_of, units_of
from iqa_train.stats.bootstrap import bootstrap
from iqa_train.stats.contrast import Side
from iqa_train.stats.registry import RESAMPLES
from iqa_train.stats.resamples import Resamples
from iqa_train.stats.unit_influence import unit_influence

FEW_UNITS = 100
"""With fewer units, the normal approximation by influences gives way to draws."""
_OF_FEW = 10_000


def resamples_for(units: int) -> int:
    """How many resamples: more where p comes from them."""
    return _OF_FEW if units < FEW_UNITS else RESAMPLES


class Sides:
    """Values, influences and draws of several experiments. Without `resamples` there are values only."""

    def __init__(self, members: Sequence[UsableSeeds], metric: str, resamples: int | None = None) -> None:
        tables = {(m.experiment, seed): table for m in members for seed, table in m.by_seed.items()}
        numbered = units_of(list(tables.values()))
        self.units = len(set(numbered.values()))
        self.resamples = resamples_for(self.units) if resamples is None else resamples
        models = [model_of(table, numbered) for table in tables.values()]
        # One stream for all studies: a verdict must not depend on a name.
        stream = Resamples(self.units, self.resamples, f"{self.units} units")
        drawn = bootstrap(models, metric, stream) if models and self.resamples else [np.empty(0)] * len(models)
        self._draws = dict(zip(tables, drawn, strict=True))
        moved = [unit_influence(model, metric, self.units) if self.resamples else np.empty(0) for model in models]
        self._influence = dict(zip(tables, moved, strict=True))
        self._tested = {name: len(np.unique(model.rows)) for name, model in zip(tables, models, strict=True)}

    def resampled(self, one: UsableSeeds) -> Side:
        """An experiment with its draws."""
        side = self.of(one)
        draws = np.stack([self._draws[one.experiment, seed] for seed in one.seeds])
        return Side(side.seeds, side.values, side.influence, side.units, draws)

    def of(self, one: UsableSeeds) -> Side:
        """An experiment for differences: with draws only where units are few."""
        names = [(one.experiment, seed) for seed in one.seeds]
        units = min(self._tested[name] for name in names)
        few = units < FEW_UNITS and self.resamples > 0
        return Side(
            one.seeds,
            np.array([one.values[seed] for seed in one.seeds]),
            np.stack([self._influence[name] for name in names]),
            units,
            np.stack([self._draws[name] for name in names]) if few else None,
        )
