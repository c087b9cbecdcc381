"""runs/<study>/design.json: what a study declared of its verdicts, sealed before its first result.

It is written when the first runs are queued or started. From then on it counts, whatever the study file says: a margin
or a last look that is chosen with results in view promises nothing.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Required, TypedDict

from iqa_train.errors import UsageError
from iqa_train.files import SCHEMA_VERSION, DamagedFileError, write_json
from iqa_train.locks import locked
from iqa_train.runs.documents import Seed
from iqa_train.runs.layout import DesignFiles, RunFolder, run_folders
from iqa_train.schema import Span, read_document

if TYPE_CHECKING:  # a scheduler stays small without it
    from iqa_train.study.design import Declaration

Seeds = Annotated[int, Span(2, 100)]
Share = Annotated[float, Span(0, 1)]


class DesignFacts(TypedDict, total=False):
    """design.json. Without `max_seeds` the number of seeds was left open; `margins` are by metric."""

    metric: Required[str]
    margins: Required[dict[str, Annotated[float, Span(0, 1e12)]]]
    min_seeds: Seeds
    max_seeds: Seeds
    alpha: Share
    give_up: Share
    open_ended: bool
    budget_hours: Annotated[float, Span(0, 1e9)]
    seeds: list[Seed]
    baseline: str
    experiments: list[str]
    sealed_at: Required[str]
    hash: Required[str]
    exploratory: str


@dataclass(frozen=True)
class SealedDesign:
    """What was declared. Without `looks`, only metric and margins were.

    `exploratory` says why its verdicts promise nothing, "" where they do. `experiments` are those beside the baseline:
    the family of the corrections.
    """

    metric: str
    margins: dict[str, float] = field(default_factory=dict)
    min_seeds: int = 0
    max_seeds: int = 0
    alpha: float = 0.05
    give_up: float = 0.1
    open_ended: bool = False
    budget_hours: float = 0.0
    seeds: tuple[int, ...] = ()
    baseline: str = ""
    experiments: tuple[str, ...] = ()
    sealed_at: str = ""
    exploratory: str = ""

    @property
    def looks(self) -> bool:
        """Whether seeds are run until every verdict is decided."""
        return self.max_seeds > 0

    @property
    def content(self) -> dict[str, Any]:
        """What was declared."""
        declared: dict[str, Any] = {"metric": self.metric, "margins": dict(sorted(self.margins.items()))}
        if not self.looks:
            return declared
        if self.open_ended:  # only where it is, so that the hash of a design from before it was known holds
            declared["open_ended"] = True
        return declared | {
            "min_seeds": self.min_seeds,
            "max_seeds": self.max_seeds,
            "alpha": self.alpha,
            "give_up": self.give_up,
            "budget_hours": self.budget_hours,
            "seeds": list(self.seeds),
            "baseline": self.baseline,
            "experiments": sorted(self.experiments),
        }

    @property
    def hash(self) -> str:
        """Of all that was declared, and of when."""
        sealed = self.content | {"sealed_at": self.sealed_at, "exploratory": self.exploratory}
        return hashlib.sha256(json.dumps(sealed, sort_keys=True).encode()).hexdigest()[:16]


def declared_design(declared: "Declaration", baseline: str, experiments: Sequence[str]) -> SealedDesign | None:
    """What a study file declares now, not sealed; None where it declares nothing. `experiments`: with the baseline."""
    if not declared.is_made:
        return None
    design = declared.design
    if design is None:
        return SealedDesign(declared.metric, dict(declared.margins))
    return SealedDesign(
        declared.metric,
        dict(declared.margins),
        min_seeds=design.min_seeds,
        max_seeds=design.max_seeds,
        alpha=float(design.alpha),
        give_up=float(design.give_up),
        open_ended=design.open_ended,
        budget_hours=float(design.budget_hours),
        seeds=declared.seeds,
        baseline=baseline,
        experiments=tuple(name for name in experiments if name != baseline),
    )


def read_design(runs_dir: Path, study: str) -> SealedDesign | None:
    """The sealed design of a study; None where nothing was declared. Raises DamagedFileError."""
    return read_design_file(DesignFiles(runs_dir, study).design)


def read_design_file(path: Path) -> SealedDesign | None:
    """design.json. Raises DamagedFileError."""
    found = read_document(path, DesignFacts)
    if found is None:
        return None
    known = SealedDesign.__dataclass_fields__.keys()
    values: dict[str, Any] = {name: value for name, value in found.items() if name in known}
    for name in ("seeds", "experiments"):
        values[name] = tuple(values.get(name, ()))
    values["margins"] = {name: float(value) for name, value in found["margins"].items()}
    for name in ("alpha", "give_up", "budget_hours"):
        values[name] = float(values.get(name, getattr(SealedDesign, name)))
    sealed = SealedDesign(**values)
    if sealed.hash != found["hash"]:
        raise DamagedFileError(f"{path} is damaged (its hash is not that of its content: it was altered)")
    return sealed


def seal(runs_dir: Path, study: str, declared: SealedDesign | None) -> SealedDesign | None:
    """Write `declared` as the design of a study that is about to start, unless it has one; returns the one that counts.

    A design that has no result yet is replaced by a changed one. Raises UsageError where the study has a result and
    declares something else now, and DamagedFileError.
    """
    files = DesignFiles(runs_dir, study)
    if declared is None and not files.design.exists():
        return None
    with locked(files.lock):
        sealed = read_design(runs_dir, study)
        first = first_result(runs_dir, study)
        if sealed is not None and first is not None:
            if changed := changes(sealed, declared):
                raise UsageError(
                    f"{changed}, but {files.design} was sealed before the first result; undo the change, or give the "
                    "study another name"
                )
            if declared is None or not extends(sealed, declared):
                return sealed
            return write_design(files.design, replace(sealed, max_seeds=declared.max_seeds, seeds=declared.seeds))
        if declared is None:
            files.design.unlink(missing_ok=True)
            return None
        if sealed is not None and sealed.content == declared.content:
            return sealed
        why = "" if first is None else f"declared after the first result ({first.experiment}, seed {first.seed})"
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return write_design(files.design, replace(declared, sealed_at=now, exploratory=why))


def write_design(path: Path, design: SealedDesign) -> SealedDesign:
    """Write design.json with the hash of its content; returns the design."""
    facts = design.content | {"sealed_at": design.sealed_at, "hash": design.hash, "exploratory": design.exploratory}
    write_json(path, {"schema_version": SCHEMA_VERSION, **facts})
    return design


def extends(sealed: SealedDesign, declared: SealedDesign) -> bool:
    """Whether only seeds were added, and to an open-ended design, whose verdicts hold at any number of them."""
    more = declared.seeds[: len(sealed.seeds)] == sealed.seeds and len(declared.seeds) > len(sealed.seeds)
    extended = replace(sealed, max_seeds=declared.max_seeds, seeds=declared.seeds)
    return sealed.open_ended and more and extended.content == declared.content


def changes(sealed: SealedDesign, declared: SealedDesign | None) -> str:
    """How what a study file declares now differs from what was sealed, in words; "" if it does not."""
    if declared is None:
        return "the study file declares no margin and no [design] any more"
    if extends(sealed, declared):
        return ""
    old, new = sealed.content, declared.content
    differ = [name for name in (*old, *new) if old.get(name) != new.get(name)]
    if not differ:
        return ""
    name = differ[0]
    if name not in new or name not in old:
        return f"the study file {'declares a' if name in new else 'has no'} [design] now"
    return f"the study file declares {name} = {_shown(new[name])} now, not {_shown(old[name])}"


def first_result(runs_dir: Path, study: str) -> RunFolder | None:
    """The run of the study whose result is the oldest; None where there is no result."""
    found = []
    for run in run_folders(runs_dir, study):
        try:
            found.append((run.result.stat().st_mtime, run))
        except OSError:
            continue
    return min(found, key=lambda one: one[0])[1] if found else None


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {one:g}" for name, one in value.items()) + " }" if value else "{}"
    return f"{value:g}" if isinstance(value, float) else str(value)
