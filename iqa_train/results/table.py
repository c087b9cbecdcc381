"""A study's results as data: one row per experiment, the source of every table, report and figure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from iqa_train.runs.seeds import seed_as_json, seeds_as_json
from iqa_train.runs.state_names import OPEN
from iqa_train.stats.interval import Interval

Position = Literal["within", "below", "above"]
Scope = Literal["runs", "component"]
Decision = Literal["different", "same", "both", "given up"]
Intervals = Literal["single", "holm"]


@dataclass(frozen=True)
class RunValue:
    """One run of an experiment: the value of its result, else that at `epoch`, selected so far on validation.

    `again`: the result is of an earlier attempt, and counts until the new one is complete.
    """

    folder: str
    seed: int
    state: str = ""
    value: float | None = None
    epoch: int | None = None
    finished: bool = False
    again: bool = False
    note: str = ""  # by a person
    tags: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """An entry of `runs` of a row."""
        return {
            "seed": seed_as_json(self.seed), "state": self.state, "value": self.value, "epoch": self.epoch,
            "again": self.again, "run_dir": self.folder,
            "note": self.note, "tags": list(self.tags),
        }  # fmt: skip


@dataclass(frozen=True)
class Standing:
    """Where an unfinished experiment stands: its value and the baseline's at the last epoch that both have.

    Over `seeds` runs of each, the same seeds.
    """

    epoch: int
    value: float
    baseline: float
    seeds: int = 1

    @property
    def difference(self) -> float:
        """The one minus the other, at an epoch of training: nothing that a result is compared by."""
        return self.value - self.baseline


@dataclass(frozen=True)
class ResultRow:
    """One experiment on one test set, over all its seeds; None where something is unknown, and `notes` say why.

    Intervals are 95 %, each by itself. `value` is of finished runs; of a single run without a result, it is that at
    `epoch`, selected so far. `delta` is the difference of the two values `compared`, of finished runs only; until both
    sides have finished, `standing` is what is known. `position` compares the value with the expected range,
    `delta_position` the difference with the expected difference. `scope`: whether the difference, its p and its
    interval speak of the component or, with one seed whose spread is unknown, of the two runs only.
    """

    experiment: str
    title: str = ""
    seeds: tuple[int, ...] = ()
    images: int | None = None
    value: float | None = None
    interval: Interval | None = None
    seed_sd: float | None = None
    delta: float | None = None
    compared: tuple[float, float] | None = None  # the value and the baseline's, over the seeds that `covers` names
    delta_interval: Interval | None = None
    p: float | None = None
    p_holm: float | None = None
    p_williams: float | None = None
    zou_interval: Interval | None = None
    p_delong: float | None = None  # of an AUC; takes pairs of images as independent, which they are not
    expected: Interval | None = None
    expected_delta: Interval | None = None
    position: Position | None = None
    delta_position: Position | None = None
    distinguishable: bool | None = None
    scope: Scope | None = None
    borrowed: str = ""  # whose spread over seeds stands in for this row's
    covers: str = ""  # which seeds the difference is over
    higher: bool | None = None  # the value than the baseline's; only for a significant difference
    better: bool | None = None  # the component; None if only the runs differ
    holds_to: float | None = None  # SD between seeds up to which a difference of runs would hold for the component
    at_most: float | None = None  # size of the difference that the 90 % interval does not exclude
    margin: float | None = None  # declared; differences below it do not matter
    p_same: float | None = None
    p_same_holm: float | None = None
    same: bool | None = None  # within the margin
    seeds_needed: int | None = None  # at 80 % assurance
    seeds_limit: int | None = None  # not within this many seeds
    look: int | None = None  # of the design: the number of seeds at this row's last look
    p_sequential: float | None = None
    decision: Decision | None = None
    median: float | None = None  # over several seeds or rounds
    values_by_seed: Mapping[int, float] = field(default_factory=dict)
    differences_by_seed: Mapping[int, float] = field(default_factory=dict)
    machine: str = ""  # what its rounding depends on, where it differs from other rows
    provisional: bool = False  # further runs of this experiment or of the baseline are under way, or have no result
    epoch: int | None = None  # of the value of an unfinished run: the epoch selected so far
    standing: Standing | None = None
    runs: tuple[RunValue, ...] = ()
    state: str = ""
    factors: tuple[str, ...] = ()  # effective settings that differ from the baseline's
    optimism: float | None = None  # how much higher the value would be if the epoch were chosen on test
    kind: str = "trained"  # as in `runs.kind`, or "reported"
    about: str = ""  # which code or command, what an external model was trained on, or which log
    reported: bool = False  # without predictions
    source: str = ""  # of a reported value
    clusters: int | None = None  # resampled reference images, if test images share them
    notes: tuple[str, ...] = ()

    @property
    def external(self) -> bool:
        """Whether its predictions were imported: nothing can be trained again, and it is no change of the baseline."""
        return self.kind == "external"

    @property
    def so_far(self) -> tuple[int, int] | None:
        """How many of its runs have a result, and how many there are to be; None where nothing is under way."""
        done = sum(run.finished for run in self.runs)
        under_way = any(not run.finished and run.state in OPEN for run in self.runs)
        return (done, len(self.runs)) if done and under_way else None

    @property
    def component_differs(self) -> bool:
        """Whether the component, and not only the run, differs significantly from the baseline."""
        return bool(self.distinguishable) and self.scope == "component"

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
            "compared": _listed(self.compared),
            "delta_interval": _listed(self.delta_interval),
            "p": self.p,
            "p_holm": self.p_holm,
            "p_williams": self.p_williams,
            "zou_interval": _listed(self.zou_interval),
            "p_delong": self.p_delong,
            "expected": _listed(self.expected),
            "expected_delta": _listed(self.expected_delta),
            "position": self.position,
            "delta_position": self.delta_position,
            "distinguishable": self.distinguishable,
            "scope": self.scope,
            "borrowed": self.borrowed,
            "covers": self.covers,
            "higher": self.higher,
            "better": self.better,
            "holds_to": self.holds_to,
            "at_most": self.at_most,
            "margin": self.margin,
            "p_same": self.p_same,
            "p_same_holm": self.p_same_holm,
            "same": self.same,
            "seeds_needed": self.seeds_needed,
            "seeds_limit": self.seeds_limit,
            "look": self.look,
            "p_sequential": self.p_sequential,
            "decision": self.decision,
            "median": self.median,
            "values_by_seed": {str(seed): value for seed, value in self.values_by_seed.items()},
            "differences_by_seed": {str(seed): value for seed, value in self.differences_by_seed.items()},
            "machine": self.machine,
            "provisional": self.provisional,
            "epoch": self.epoch,
            "standing": None if self.standing is None else asdict(self.standing),
            "runs": [run.as_json() for run in self.runs],
            "state": self.state,
            "factors": list(self.factors),
            "optimism": self.optimism,
            "kind": self.kind,
            "about": self.about,
            "reported": self.reported,
            "source": self.source,
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class StudyResults:
    """All rows of a study for one metric. `notes` hold for all rows.

    `primary` is the metric whose verdicts count; those of others are secondary. `exploratory` says why verdicts are
    exploratory ("" if they are not). `progress` is what the last look of a design has decided, and what comes next.
    `against` is the experiment that the others are compared with if it is not the study's baseline; it is `baseline`
    then. `intervals`: those of differences are at 95 % each, or at the levels that Holm's procedure leaves.
    """

    study: str
    title: str
    baseline: str
    metric: str
    rows: tuple[ResultRow, ...]
    notes: tuple[str, ...] = ()
    dataset: str = ""
    primary: str = "srcc"
    exploratory: str = ""
    progress: str = ""
    against: str = ""
    intervals: Intervals = "single"

    @property
    def secondary(self) -> bool:
        """Whether the metric is not the one that was declared to count."""
        return self.metric != self.primary

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
            "primary": self.primary,
            "secondary": self.secondary,
            "against": self.against,
            "intervals": self.intervals,
            "exploratory": self.exploratory,
            "progress": self.progress,
            "notes": list(self.notes),
            "rows": [row.as_json() for row in self.rows],
        }


@dataclass(frozen=True)
class Curve:
    """An experiment's values by epoch for its first seed: (epoch, validation SRCC, test SRCC).

    `selected` is the epoch that gives `value`, which is that of the run in the table; `unfinished`: selected so far.
    `seed` is given where the experiment has runs of several. `losses` and `rates` are (epoch, training loss) and
    (epoch, learning rate).
    """

    experiment: str
    points: tuple[tuple[int, float | None, float | None], ...] = field(default=())
    selected: int | None = None
    value: float | None = None
    unfinished: bool = False
    seed: int | None = None
    losses: tuple[tuple[int, float], ...] = ()
    rates: tuple[tuple[int, float], ...] = ()


def _listed(span: Interval | None) -> list[float] | None:
    return None if span is None else list(span)
