"""Writes a `[design]` table: as text, and at the end of a study file that has none."""

import json
import tempfile
from pathlib import Path

from iqa_train.errors import StudyError, UsageError, visible
from iqa_train.files import write_atomic
from iqa_train.study.design import Design
from iqa_train.study.find import FILE_NAME
from iqa_train.study.load import load_study
from iqa_train.study.numbers import number_text

_COMMENTS = {
    "metric": "the primary one; the others are secondary",
    "min_seeds": "first look",
    "max_seeds": "last look",
    "margin": "largest difference that is of no consequence; 0: none",
    "give_up": "chance of a verdict below which an experiment gets no more seeds",
    "open_ended": "true: verdicts hold without a last look, at a price in power",
    "budget_hours": "of computing, over all runs; 0: none",
    "seeds": "in this order",
}


def design_toml(design: Design, profile: str | None, remarks: tuple[str, ...] = ()) -> str:
    """The table as TOML, with comments; of a profile, as `[profiles.NAME.design]`."""
    name = "design" if profile is None else f"profiles.{profile if _bare(profile) else json.dumps(profile)}.design"
    lines = [*(f"# {remark}" for remark in remarks), f"[{name}]"]
    for key, value in design.model_dump().items():
        text = f"{key} = {_value(value)}"
        lines.append(f"{text:<21} # {_COMMENTS[key]}" if key in _COMMENTS else text)
    return "\n".join(lines) + "\n"


def append_design(path: Path, text: str, profile: str | None) -> None:
    """Append the table `text` to the study file at `path`, in one step, keeping the rest byte for byte.

    Raises UsageError for a file that has a design already, for the one that comes with the program, and where the
    result would not be a valid study file; StudyError and OSError.
    """
    study = load_study(path)
    chosen = study.profiles.get(profile or "")
    if (study.design if chosen is None else chosen.design) is not None:
        raise UsageError(f"{path} has a design already; change it there, or remove it first")
    if path.resolve().is_relative_to(Path(__file__).resolve().parents[1]):
        raise UsageError(f"{path} comes with the program and is not changed; copy it to ./{FILE_NAME} first")
    before = path.read_bytes()
    between = b"" if before.endswith(b"\n") else b"\n"
    after = before + between + b"\n" + text.encode()
    _require_valid(after, path)
    write_atomic(path, after, mode=path.stat().st_mode & 0o777)


def _require_valid(data: bytes, path: Path) -> None:
    """Raise UsageError unless `data` is a valid study file."""
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / FILE_NAME
        trial.write_bytes(data)
        try:
            load_study(trial)
        except StudyError as error:
            why = visible(str(error).replace(str(trial), str(path)))
            raise UsageError(f"the table cannot be appended to {path} ({why}); paste what --toml prints") from None


def _bare(name: str) -> bool:
    return name.replace("-", "").replace("_", "").isalnum() and name.isascii()


def _value(value: object) -> str:
    if isinstance(value, float):
        return number_text(value)
    return f"[{', '.join(map(str, value))}]" if isinstance(value, tuple | list) else json.dumps(value)
