"""The specification of one run: resolved, validated, hashed. The worker reads nothing else."""

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from iqa_train.files import SCHEMA_VERSION
from iqa_train.study.command import Command, Parameter
from iqa_train.study.normalisation import IMAGENET, Normalisation
from iqa_train.study.own_code import OwnCode
from iqa_train.study.revision import FIRST, REVISION
from iqa_train.study.setting_fields import is_local
from iqa_train.study.settings import TrainingConfig

_FROZEN = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

_DIGEST_DIGITS = 16

Span = tuple[float, float]


def _as_span(value: object) -> object:
    return (value, value) if isinstance(value, int | float) and not isinstance(value, bool) else value


class DataSource(BaseModel):
    """`[datasets.NAME]`: the place of a data set; with `csv`, a custom data set and how to read it."""

    model_config = _FROZEN

    path: str = Field("", description="folder; empty means data/NAME")
    csv: str = Field(
        "", description="table of images and scores, relative to path; empty: the reader built in for NAME"
    )
    image_dir: str = Field("", description="folder that the image column is relative to, relative to path")
    image_column: str = "image"
    score_column: str = "score"
    sd_column: str = Field("", description="standard deviation of the ratings; empty: none")
    votes_column: str = Field("", description="number of ratings of an image; empty: none")
    distribution_columns: tuple[str, ...] = Field(
        (), description="numbers or shares of the ratings in each category, from the lowest score to the highest"
    )
    split_column: str = Field("", description="training, validation or test; empty: split by seed")
    reference_column: str = Field(
        "", description="reference image or scene, whose images stay in one split; empty: none"
    )
    score_range: Span | None = Field(None, description="lowest and highest score possible; needed with csv")
    higher_is_better: bool = True
    split: str = Field("", description="CSV of image,split that replaces the set's own split; empty: none")
    split_digest: str = Field("", description="digest of the split file; set when a run is resolved")

    @model_validator(mode="after")
    def _own_set_is_declared(self) -> "DataSource":
        if self.csv and self.score_range is None:
            raise ValueError("score_range = [lowest, highest] is needed with csv")
        if self.score_range is not None and not self.score_range[0] < self.score_range[1]:
            raise ValueError("score_range must be [lowest, highest] with lowest < highest")
        if len(self.distribution_columns) == 1 or len(set(self.distribution_columns)) < len(self.distribution_columns):
            raise ValueError("distribution_columns must be two columns or more, each once")
        return self


class Expectation(BaseModel):
    """The expected result of an experiment, stated before it runs. A single number is a range of width 0."""

    model_config = _FROZEN

    srcc: Span | None = Field(None, description="test SRCC, lowest and highest")
    delta: Span | None = Field(None, description="test SRCC minus the baseline's, lowest and highest")

    @model_validator(mode="before")
    @classmethod
    def _numbers_are_spans(cls, data: object) -> object:
        return {k: _as_span(v) for k, v in data.items()} if isinstance(data, dict) else data

    @model_validator(mode="after")
    def _ordered(self) -> "Expectation":
        for name, limit in (("srcc", 1.0), ("delta", 2.0)):
            span = getattr(self, name)
            if span is not None and not -limit <= span[0] <= span[1] <= limit:
                raise ValueError(f"{name} must be [lowest, highest] within [-{limit:g}, {limit:g}]")
        return self


class RunSpec(BaseModel):
    """One experiment with one seed."""

    model_config = _FROZEN

    schema_version: Annotated[int, Field(ge=1)] = SCHEMA_VERSION
    revision: Annotated[int, Field(ge=FIRST)] = REVISION
    study: str
    experiment: str
    slug: str
    title: str = ""
    purpose: str = ""
    baseline: str | None = Field(None, description="id of the study's baseline; None for a run without a study file")
    settings: TrainingConfig
    normalisation: Normalisation = Field(IMAGENET, description="of crops; that of the weights, unless it is set")
    source: DataSource = DataSource()
    cross_sources: dict[str, DataSource] = Field({}, description="the sources of sets for cross-dataset evaluation")
    expect: Expectation = Expectation()
    external: str = Field("", description="what the model of imported predictions was trained on; empty: run here")
    differs: dict[str, tuple[Any, Any]] = Field({}, description="setting -> (the baseline's value, this run's)")
    code: OwnCode | None = Field(None, description="the study's own code that the settings name, by file")
    command: Command | None = Field(None, description="the program that trains it; None: this one")
    parameters: dict[str, Parameter] = Field({}, description="of the command")

    @property
    def seed(self) -> int:
        """The seed of the first round."""
        return self.settings.seed

    @property
    def config_hash(self) -> str:
        """Ten hex digits of everything that determines the result, without seed and paths: same hash, same experiment.

        Settings at their default are left out, so that new settings change no hash. Hence no default may ever change.
        So is ImageNet's normalisation, which all runs had before it followed the weights.
        The number of ratings is left out because nothing is trained on it.
        The revision is included from the second on; for commands and imported predictions it means nothing.
        """
        given = self.settings.model_dump(exclude_defaults=True)
        what = {k: v for k, v in given.items() if k != "seed" and not is_local(k)}
        source = self.source.model_dump(exclude={"path", "split", "votes_column"}, exclude_defaults=True)
        if self.normalisation != IMAGENET:
            what["normalisation"] = self.normalisation.model_dump()
        beside: dict[str, Any] = {"revision": self.revision} if self.revision > FIRST else {}
        if self.external:
            beside = {"external": True}
        if self.code is not None:
            beside["code"] = {**self.code.files, **self.code.packages}
        if self.command is not None:
            beside = {"command": self.command.identity, "parameters": self.parameters}
        text = json.dumps({"settings": what, "source": source, **beside}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:10]


def split_digest(path: Path) -> str:
    """Sixteen hex digits of the file's lines, in any order and with any line ends; empty if it cannot be read."""
    try:
        stat = path.stat()
        return _digest(path, stat.st_mtime_ns, stat.st_size)
    except OSError:
        return ""


@lru_cache(maxsize=64)
def _digest(path: Path, _mtime_ns: int, _size: int) -> str:
    lines = sorted(line.strip() for line in path.read_bytes().removeprefix(b"\xef\xbb\xbf").splitlines())
    return hashlib.sha256(b"\n".join(line for line in lines if line)).hexdigest()[:_DIGEST_DIGITS]
