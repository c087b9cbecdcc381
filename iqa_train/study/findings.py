"""What an audit finds, and what it looks at."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from iqa_train.study.design import Declaration
from iqa_train.study.resolve import Resolved
from iqa_train.study.slurm_table import SlurmTable

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """One finding. `experiment` is None if it applies to every experiment."""

    code: str
    severity: Severity
    experiment: str | None
    settings: tuple[str, ...]
    message: str

    def as_json(self) -> dict[str, Any]:
        """As in `iqa-train check --json`."""
        return {**asdict(self), "settings": list(self.settings)}


@dataclass(frozen=True)
class Audited:
    """A study, resolved. `minutes` is what a run of the baseline takes, measured or declared; None if unknown.

    `folder` is the study file's; `option` names file and profile in a suggested command, where that is needed. `slurm`
    is what jobs of each experiment are given, empty where the study file has no [slurm].
    """

    runs: tuple[Resolved, ...]
    baseline: Resolved
    seeds: tuple[int, ...]
    declared: Declaration
    minutes: float | None = None
    folder: Path = Path()
    option: str = ""
    slurm: Mapping[str, SlurmTable] = field(default_factory=dict)

    @property
    def compared(self) -> Sequence[Resolved]:
        """All experiments but the baseline."""
        return [run for run in self.runs if run is not self.baseline]

    @property
    def trained(self) -> Sequence[Resolved]:
        """The experiments that this program trains, without those of a command."""
        return [run for run in self.runs if run.spec.command is None]

    def rounds(self, run: Resolved) -> int:
        """With how many seeds the run's experiment is trained: a further round is a further seed."""
        return len({seed + n for seed in self.seeds for n in range(run.spec.settings.train_test_num)})


def span_text(span: tuple[float, float]) -> str:
    """`-0.006 .. -0.003`; one number for a range of width 0."""
    low, high = (f"{round(value, 6):g}" for value in span)
    return low if low == high else f"{low} .. {high}"
