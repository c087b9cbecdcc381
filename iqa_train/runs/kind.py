"""What kind of row a run is: who computed its predictions, and from what. Tables and pages mark rows by this alone."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iqa_train.errors import RunError
from iqa_train.redaction import public_command
from iqa_train.runs.document_cache import Damage
from iqa_train.runs.documents import ProvenanceFacts, read_provenance, read_spec_facts
from iqa_train.runs.layout import RunFolder

if TYPE_CHECKING:  # pydantic is slow to import
    from iqa_train.study.spec import RunSpec

_LONGEST = 60  # characters of a command line, and of its parameters


EXTERNAL_MARK = "\u00a7"
"""Beside the name of an external experiment."""


@dataclass(frozen=True)
class RunKind:
    """`trained` by this program with its own code, or with `own code` of the study; by a `command` of the study;
    `external` predictions that were imported; an `imported log`. `about` says which code or command, what the model was
    trained on, or which log.
    """

    name: str = "trained"
    about: str = ""

    @property
    def made_here(self) -> bool:
        """Whether a run of this machine's queue computed it, so that another seed or attempt can be started."""
        return self.name not in {"external", "imported log"}

    @property
    def words(self) -> str:
        """For a cell: "external, trained on KADID-10k"; "" for what this program trains with its own code."""
        if self.name == "trained":
            return ""
        if self.name == "external":
            return f"external, trained on {self.about}" if self.about else "external"
        return f"{self.name}: {self.about}" if self.about else self.name


TRAINED = RunKind()


def waiting(external: Iterable[str], study: str, runs_dir: Path) -> list[str]:
    """Those of the `external` experiments of a study that have no predictions yet."""
    return [name for name in external if not any((runs_dir / study / name).glob("s*/result.json"))]


def waits_words(experiment: str, option: str = "") -> str:
    """That it has no predictions yet, and what imports them; `option` as `study.find.file_option` gives it."""
    return f"waits for predictions: iqa-train import-predictions FILE{option} --exp {experiment}"


def without_spare_seeds(runs: "list[tuple[RunSpec, RunFolder]]") -> "list[tuple[RunSpec, RunFolder]]":
    """Without seeds of external experiments that have no predictions, if other seeds have; else with the first alone.

    Where all seeds have the same test images, one has the predictions.
    """
    tried = {spec.experiment for spec, run in runs if spec.external and run.attempts()}
    waiting: set[str] = set()
    kept = []
    for spec, run in runs:
        if spec.external and (not run.attempts() if spec.experiment in tried else spec.experiment in waiting):
            continue
        waiting.add(spec.experiment)
        kept.append((spec, run))
    return kept


def kind_of_run(run: RunFolder) -> RunKind:
    """The kind of the run in a folder, as far as its files can be read."""
    try:
        spec: Mapping[str, Any] = read_spec_facts(run.spec) or {}
    except (RunError, OSError):
        spec = {}
    try:
        provenance = read_provenance(run.provenance)
    except (RunError, OSError):
        provenance = None
    return kind_of(spec, provenance)


def kind_of(spec: Mapping[str, Any] | Damage | None, provenance: ProvenanceFacts | Damage | None = None) -> RunKind:
    """The kind of the run with the content of spec.json `spec`, and with its provenance.json if that has been read."""
    if spec is None or isinstance(spec, Damage):
        spec = {}
    if external := spec.get("external"):
        return RunKind("external", str(external))
    if isinstance(provenance, Mapping) and "imported" in provenance:
        return RunKind("imported log", str(provenance["imported"]["log"]))
    if command := spec.get("command"):
        return RunKind("command", _command(command) + _values(spec.get("parameters")))
    settings = spec.get("settings", {})
    own = [
        f"{part} {name}{_values(settings.get(f'{part}_options'))}"
        for part in ("network", "loss")
        if (name := _reference(settings, part))
    ]
    return RunKind("own code", ", ".join(own)) if own else RunKind()


def _reference(settings: Mapping[str, Any], part: str) -> str:
    """The function that is named for a network or a loss; "" for one of this program's, whose names have no colon."""
    name = settings.get("loss_type" if part == "loss" else part, "")
    return name if isinstance(name, str) and ":" in name else ""


def _values(given: object) -> str:
    """Parameters of a program or options of own code as they are, which tell rows of one program apart."""
    if not isinstance(given, Mapping) or not given:
        return ""
    texts = [
        (f"--{name}", str(value).lower() if isinstance(value, bool) else str(value) or '""')
        for name, value in given.items()
    ]
    pairs = [public_command(pair) for pair in texts]
    return f" with {_cut(', '.join(' '.join(pair).removeprefix('--') for pair in pairs))}"


def _command(command: object) -> str:
    """The command line as the study file has it, with its placeholders; cut where it is long."""
    words = command.get("run", "") if isinstance(command, Mapping) else command
    text = " ".join(public_command([str(word) for word in words])) if isinstance(words, list | tuple) else str(words)
    return _cut(text)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
