"""What a study's results are, as data: one row per experiment, from which every table, report and figure is made."""

from dataclasses import dataclass, field
from typing import Any, Literal

from iqa_train.runs.seeds import seeds_as_json
from iqa_train.stats.interval import Interval

Position = Literal["within", "below", "above"]


@dataclass(frozen=True)
class ResultRow:
    """One experiment on one test set, all its seeds together; None is what cannot be said, and `notes` say why.

    Intervals hold the true value in 95 of 100 studies. `delta` is the value less the baseline's. `position` compares
    the value with the range expected, `delta_position` the difference with the difference expected.
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
    better: bool | None = None  # than the baseline, where the difference is significant
    seeds_needed: int | None = None
    provisional: bool = False  # this run or the baseline's is not finished
    epoch: int | None = None  # of a provisional row: the epoch that both were compared at
    state: str = ""
    factors: tuple[str, ...] = ()  # settings that differ from the baseline's and act
    optimism: float | None = None  # what choosing the epoch on test would have added
    reported: bool = False  # a number from elsewhere, without predictions
    source: str = ""  # of a reported number
    clusters: int | None = None  # references that the images are of and that are resampled, where images share them
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """What `iqa-train results --json` lists."""
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
    """All rows of a study for one metric. `notes` hold for all of them, such as what the intervals cover."""

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
        """What `iqa-train results --json` prints."""
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
    """An experiment's values by epoch, first seed: (epoch, validation SRCC, test SRCC)."""

    experiment: str
    points: tuple[tuple[int, float | None, float | None], ...] = field(default=())


def _listed(span: Interval | None) -> list[float] | None:
    return None if span is None else list(span)
