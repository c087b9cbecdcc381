"""All that a report is made from, gathered once; nothing here looks at a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from iqa_train.results.sweep import Sweep
from iqa_train.results.table import Curve, StudyResults
from iqa_train.runs.predictions import Predictions
from iqa_train.study.audit import Finding


@dataclass(frozen=True)
class Origin:
    """Where one run's numbers come from, as its provenance tells; "" is what it does not tell."""

    experiment: str
    seed: int
    state: str
    config_hash: str
    commit: str = ""
    data: str = ""
    device: str = ""
    python: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ReportData:
    """A study, ready to be reported. `results`: one for each metric, the main one first; mappings go by experiment.

    `settings` holds those settings alone in which some experiments differ.
    """

    results: tuple[StudyResults, ...]
    reported: tuple[StudyResults, ...] = ()  # of other studies, known only as numbers
    cross: tuple[StudyResults, ...] = ()  # the main metric on data sets that were only tested on
    curves: tuple[Curve, ...] = ()
    predictions: Mapping[str, Predictions] = field(default_factory=dict)
    parameters: Mapping[str, int] = field(default_factory=dict)
    sweeps: tuple[Sweep, ...] = ()
    findings: tuple[Finding, ...] = ()
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    origins: tuple[Origin, ...] = ()

    @property
    def main(self) -> StudyResults:
        """The results that the figures show."""
        return self.results[0]

    @property
    def differing(self) -> list[str]:
        """The settings in which some experiments differ, in the order of the first experiment that tells them."""
        return list(dict.fromkeys(name for values in self.settings.values() for name in values))


def shared_packages(origins: Sequence[Origin]) -> tuple[dict[str, str], list[str]]:
    """Package versions that all runs have in common, and a sentence for each package in which they differ."""
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
