"""The result of a check, and what to check."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

Verdict = Literal["ok", "note", "warning", "error"]


@dataclass(frozen=True)
class Checkup:
    """One finding of a check."""

    name: str
    verdict: Verdict
    message: str
    cure: str = ""

    def as_json(self) -> dict[str, Any]:
        """What `iqa-train doctor --json` lists."""
        return asdict(self)


@dataclass(frozen=True)
class CheckScope:
    """What to check. `root` is where the system's own files (/proc, /etc/systemd) are looked up."""

    runs_dir: Path
    logs_dir: Path
    study: Path | None = None  # the study file asked for
    profile: str | None = None
    root: Path = Path("/")


def from_sentence(name: str, verdict: Verdict, sentence: str) -> Checkup:
    """From a sentence as this program's errors are: what is wrong; what to do."""
    message, _, cure = sentence.partition("; ")
    return Checkup(name, verdict, message, cure)
