"""A study's results as data: one row per experiment, the source of every table, report and figure."""

from dataclasses import dataclass, field
from typing import Any, Literal

from iqa_train.runs.seeds import seeds_as_json
from iqa_train.stats.interval import Interval

Position = Literal["within", "below", "above"]

MANY_SEEDS = 1000
"""A larger number of needed seeds is not shown: it says only that the difference is close to zero."""


@dataclass(frozen=True)
class ResultRow:
    """One experiment on one test set, over all its seeds; None where something is unknown, and `notes` say why.

    Intervals are 95 %. `delta` is the value minus the baseline's. `position` compares the value with the expected
    range, `delta_position` the difference with the expected difference.
    """

    experiment: str
    title: str = ""
    seeds: tuple[int, ...] = ()
    images: int | None = None
    value: float | None = None
    interval: Interval | None = None
    seed_sd: float | None = None
    delta: float | None = None
    delta_interval: Interval | None = None
    p: float | None = None
    p_holm: float | None = None
    p_williams: float | None = None
    zou_interval: Interval | None = None
    expected: Interval | None = None
    expected_delta: Interval | None = None
    position: Position | None = None
    delta_position: Position | None = None
    distinguishable: bool | None = None
    better: bool | None = None  # than the baseline; only for a significant difference
    seeds_needed: int | None = None
    provisional: bool = False  # this experiment or the baseline is not finished
    epoch: int | None = None  # of a provisional row: at which both were compared
    state: str = ""
    factors: tuple[str, ...] = ()  # effective settings that differ from the baseline's
    optimism: float | None = None  # how much higher the value would be if the epoch were chosen on test
    reported: bool = False  # without predictions
    source: str = ""  # of a reported value
    clusters: int | None = None  # resampled reference images, if test images share them
    notes: tuple[str, ...] = ()

    @property
    def needed(self) -> str:
        """The number of seeds that such a difference needs, for a cell; "" if it is significant or unknown."""
        if self.seeds_needed is None or self.distinguishable:
            return ""
        return f">{MANY_SEEDS} seeds" if self.seeds_needed > MANY_SEEDS else f"~{self.seeds_needed} seeds"

    def as_json(self) -> dict[str, Any]:
        """An entry of `iqa-train results --json`."""
        return {
            "experiment": self.experiment,
            "title": self.title,
            "seeds": seeds_as_json(self.seeds),
            "images": self.images,
            "clusters": self.clusters,
            "value": self.value,
            "interval": _listed(self.interval),
            "seed_sd": self.seed_sd,
            "delta": self.delta,
            "delta_interval": _listed(self.delta_interval),
            "p": self.p,
            "p_holm": self.p_holm,
            "p_williams": self.p_williams,
            "zou_interval": _listed(self.zou_interval),
            "expected": _listed(self.expected),
            "expected_delta": _listed(self.expected_delta),
            "position": self.position,
            "delta_position": self.delta_position,
            "distinguishable": self.distinguishable,
            "better": self.better,
            "seeds_needed": self.seeds_needed,
            "provisional": self.provisional,
            "epoch": self.epoch,
            "state": self.state,
            "factors": list(self.factors),
            "optimism": self.optimism,
            "reported": self.reported,
            "source": self.source,
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class StudyResults:
    """All rows of a study for one metric. `notes` hold for all rows."""

    study: str
    title: str
    baseline: str
    metric: str
    rows: tuple[ResultRow, ...]
    notes: tuple[str, ...] = ()
    dataset: str = ""

    @property
    def measured(self) -> dict[str, ResultRow]:
        """The rows that are not reported, by experiment."""
        return {row.experiment: row for row in self.rows if not row.reported}

    def row(self, experiment: str) -> ResultRow:
        """The measured row of an experiment. Raises KeyError."""
        return self.measured[experiment]

    @property
    def baseline_row(self) -> ResultRow | None:
        """The row that the others are compared with; None if the baseline was not run."""
        return self.measured.get(self.baseline)

    def as_json(self) -> dict[str, Any]:
        """The output of `iqa-train results --json`."""
        return {
            "study": self.study,
            "title": self.title,
            "dataset": self.dataset,
            "baseline": self.baseline,
            "metric": self.metric,
            "notes": list(self.notes),
            "rows": [row.as_json() for row in self.rows],
        }


@dataclass(frozen=True)
class Curve:
    """An experiment's values by epoch for its first seed: (epoch, validation SRCC, test SRCC)."""

    experiment: str
    points: tuple[tuple[int, float | None, float | None], ...] = field(default=())


def _listed(span: Interval | None) -> list[float] | None:
    return None if span is None else list(span)
