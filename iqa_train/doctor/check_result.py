"""What a look has found, and what is to be looked at."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

Verdict = Literal["ok", "note", "warning", "error"]


@dataclass(frozen=True)
class Checkup:
    """What one look has found."""

    name: str
    verdict: Verdict
    message: str
    cure: str = ""

    def as_json(self) -> dict[str, Any]:
        """What `iqa-train doctor --json` lists."""
        return asdict(self)


@dataclass(frozen=True)
class CheckScope:
    """What is to be looked at. `root` is where the system's own files (/proc, /etc/systemd) are looked for."""

    runs_dir: Path
    logs_dir: Path
    study: Path | None = None  # the study file asked for
    profile: str | None = None
    root: Path = Path("/")


def from_sentence(name: str, verdict: Verdict, sentence: str) -> Checkup:
    """From a sentence as this program's errors are: what is wrong; what to do."""
    message, _, cure = sentence.partition("; ")
    return Checkup(name, verdict, message, cure)
