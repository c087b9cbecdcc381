"""`[command]` and `[commands.NAME]`: programs of the user's own that train in place of this program's trainer."""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr, field_validator

from iqa_train.errors import did_you_mean, visible
from iqa_train.study.harness import HARNESS, program_label
from iqa_train.study.placeholders import placeholders

GROUPS = {
    "epoch": "epoch", "srcc": "test_srcc", "plcc": "test_plcc", "loss": "train_loss", "lr": "lr", "seconds": "seconds",
    "val_srcc": "val_srcc", "val_plcc": "val_plcc", "test_srcc": "test_srcc", "test_plcc": "test_plcc",
    "train_srcc": "train_srcc", "train_loss": "train_loss",
}  # fmt: skip
"""Named groups that a pattern may have, and the field of the epoch that each gives."""

Parameter = StrictBool | StrictInt | StrictFloat | StrictStr
Words = tuple[str, ...]  # an empty one is an empty argument


class CommandKeys(BaseModel):
    """`[command]`: how a program is run, and what it gives back."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    run: Words = Field(min_length=1, description="the program and its arguments, with {placeholders}")
    resume: Words = Field((), description="the same to continue an interrupted run; empty: it starts over")
    predictions: dict[Literal["test", "val"], Annotated[str, Field(min_length=1)]] = Field(
        {},
        description="CSV for each split, relative to {run_dir}; predictions-test.csv and predictions-val.csv if none",
    )
    image_column: str = Field("", description="column of the predictions with the image; empty: the usual names")
    prediction_column: str = Field("", description="column with the predicted score; empty: the usual names")
    higher_is_better: bool = Field(True, description="false: a lower prediction means a better image")
    epochs: tuple[str, ...] = Field((), description="patterns of lines of its output, with the groups epoch, srcc, ...")

    @field_validator("run", "resume")
    @classmethod
    def _braces_match(cls, words: Words, info: Any) -> Words:  # noqa: ANN401
        if words and not words[0].strip():
            raise ValueError(f"the first word of {info.field_name} is empty; it names the program")
        for word in words:
            _require_placeholders(word, info.field_name)
        return words

    @field_validator("predictions")
    @classmethod
    def _files_match(cls, files: dict[str, str]) -> dict[str, str]:
        for file in files.values():
            _require_placeholders(file, "predictions")
            path = PurePosixPath(file.removeprefix("{run_dir}").lstrip("/") if file.startswith("{run_dir}") else file)
            if path.is_absolute() or ".." in path.parts:
                raise ValueError(f"predictions: {outside(file)}")
        return files

    @field_validator("epochs", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("epochs")
    @classmethod
    def _patterns_are_valid(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            _require_pattern(pattern)
        if patterns and not any("epoch" in re.compile(pattern).groupindex for pattern in patterns):
            raise ValueError("no pattern in epochs has the group (?P<epoch>...), so no line begins an epoch")
        return patterns

    def file_of(self, split: str) -> str:
        """The file of predictions on `split`, as declared or by default."""
        return self.predictions.get(split, f"predictions-{split}.csv")  # type: ignore[call-overload, no-any-return]

    @property
    def identity(self) -> dict[str, Any]:
        """What of it decides the result: how it is run, and what is read as its predictions."""
        return {
            "run": list(self.run),
            "predictions": {split: self.file_of(split) for split in ("test", "val")},
            "columns": [self.image_column, self.prediction_column],
            "higher_is_better": self.higher_is_better,
        }


class CommandTable(CommandKeys):
    """A `[commands.NAME]` table: with the parameters of the program, typed by their values."""

    defaults: dict[str, Parameter] = Field({}, description="parameters of the program, and their values")


class Command(CommandKeys):
    """The command of a run."""

    name: str = Field("", description="that of [commands.NAME]; empty for [command]")
    folder: str = Field("", description="where it is started: the folder of the study file, from the project's")

    @property
    def label(self) -> str:
        """As the study file writes its table."""
        return program_label(self.name)


def leaves(run_dir: str, name: str) -> bool:
    """Whether a file of predictions, its placeholders filled in, is not in the run's folder."""
    folder = PurePosixPath(os.path.normpath(run_dir))
    return folder not in PurePosixPath(os.path.normpath(PurePosixPath(run_dir, name))).parents


def outside(name: str) -> str:
    """What is wrong with such a file."""
    return (
        f'"{visible(name)}" is outside {{run_dir}}, where runs overwrite the file of another; give a file in it, and '
        "{run_dir} to the program"
    )


def _require_placeholders(word: str, key: str) -> None:
    try:
        placeholders(word)
    except ValueError as error:
        raise ValueError(f'"{visible(word)}" in {key}: {error}') from None


def _require_pattern(pattern: str) -> None:
    try:
        groups = re.compile(pattern).groupindex
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f'"{visible(pattern)}" in epochs is not a regular expression: {error}') from None
    unknown = next((name for name in groups if name not in GROUPS), None)
    if unknown is not None:
        raise ValueError(f'the group "{unknown}" in epochs is not known; {did_you_mean(unknown, GROUPS)}')
    if not groups:
        raise ValueError(f'"{visible(pattern)}" in epochs has no named group, such as (?P<epoch>\\d+)')


_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_KINDS: dict[type, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def parameter_problem(name: str, value: object, declared: Mapping[str, Parameter] | None, known: Iterable[str]) -> str:
    """What is wrong with a parameter; "" if nothing is.

    `declared` are the parameters with their defaults, which say their types; None where this is a default itself.
    `known` are the names that the program's placeholders have beside parameters.
    """
    from iqa_train.study.messages import shown

    if declared is None:
        if not _NAME.fullmatch(name):
            return f"{shown(name)} is not a parameter's name; allowed: letters, digits, '_' and '-', no digit first"
        if name in known:
            return f"{name} is the name of a placeholder that this program fills in; give the parameter another name"
        if type(value) not in {bool, int, str} and not isinstance(value, float):
            return f"{name} = {shown(value)} is not a parameter's value; allowed: true or false, a number, text"
        if isinstance(value, float) and value - value != 0:
            return f"{name} = {shown(value)} is not a finite number; allowed: a number"
        return ""
    if name not in declared:
        return f'unknown parameter "{visible(name)}"; {did_you_mean(name, [*declared, *HARNESS])}'
    if typed(value, declared[name]) is None:
        kind = _KINDS[bool if declared[name] is True or declared[name] is False else _kind(declared[name])]
        return f"{name} = {shown(value)} is not {kind}; its default is {shown(declared[name])}"
    return ""


def typed(value: object, default: Parameter) -> Parameter | None:
    """`value` with the type of `default`; None where it is of another. A whole number may stand for a number."""
    kind = _kind(default)
    if isinstance(value, float) and kind is float:
        return float(value) if value - value == 0 else None
    if kind is float and type(value) is int:
        return float(value)
    return value if type(value) is kind else None  # type: ignore[return-value]


def _kind(value: Parameter) -> type:
    return next(kind for kind in (bool, int, float, str) if isinstance(value, kind))


def plain(value: Parameter) -> Parameter:
    """The value without the memory of how it was written."""
    return float(value) if isinstance(value, float) else value


def from_text(text: str, default: Parameter) -> Parameter | None:
    """The value that `text`, typed on a command line, gives to a parameter with this default; None if it does not."""
    kind = _kind(default)
    if kind is bool:
        return {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}.get(text.lower())
    if kind is str:
        return text
    try:
        return typed(int(text) if kind is int else float(text), default)
    except ValueError:
        return None
