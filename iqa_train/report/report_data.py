"""The data of a report. Reads no files."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from iqa_train.report.cost import Cost
from iqa_train.report.learning import Learning
from iqa_train.results.sweep import Sweep
from iqa_train.results.table import Curve, StudyResults
from iqa_train.runs.predictions import Predictions
from iqa_train.study.findings import Finding

if TYPE_CHECKING:
    from iqa_train.report.worst_images import WorstImages

Progress = Callable[[str, int, int], None]
"""Called with what is worked on, how many of it are done, and of how many."""


@dataclass(frozen=True)
class Origin:
    """The origin of one run's results, from its provenance; "" where it is not recorded."""

    experiment: str
    seed: int
    state: str
    config_hash: str
    commit: str = ""
    data: str = ""
    device: str = ""
    python: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
    remarks: str = ""  # note and tags of a person


@dataclass(frozen=True)
class ReportData:
    """The data of a study's report. `results`: one for each metric, the main one first. Mappings are by experiment.

    `settings` holds only the settings in which experiments differ.
    """

    results: tuple[StudyResults, ...]
    reported: tuple[StudyResults, ...] = ()  # of other studies
    cross: tuple[StudyResults, ...] = ()  # the main metric on other data sets
    curves: tuple[Curve, ...] = ()
    predictions: Mapping[str, Predictions] = field(default_factory=dict)
    parameters: Mapping[str, int] = field(default_factory=dict)
    sweeps: tuple[Sweep, ...] = ()
    findings: tuple[Finding, ...] = ()
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    origins: tuple[Origin, ...] = ()
    learning: tuple[Learning, ...] = ()
    costs: tuple[Cost, ...] = ()
    worst: "WorstImages | None" = None

    @property
    def main(self) -> StudyResults:
        """The results that the figures show."""
        return self.results[0]

    @property
    def differing(self) -> list[str]:
        """The settings in which experiments differ, in order of first appearance."""
        return list(dict.fromkeys(name for values in self.settings.values() for name in values))


def shared_packages(origins: Sequence[Origin]) -> tuple[dict[str, str], list[str]]:
    """Package versions common to all runs, and a sentence for each package whose version differs."""
    names = dict.fromkeys(name for origin in origins for name in origin.packages)
    shared, sentences = {}, []
    for name in names:
        versions: dict[str, list[str]] = {}
        for origin in origins:
            if name in origin.packages:
                versions.setdefault(origin.packages[name], []).append(f"{origin.experiment} (seed {origin.seed})")
        if len(versions) == 1:
            shared[name] = next(iter(versions))
        else:
            listed = "; ".join(f"{version} for {', '.join(runs)}" for version, runs in versions.items())
            sentences.append(f"{name} differs between runs: {listed}")
    return shared, sentences
