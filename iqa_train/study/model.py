"""The content of a valid study file. Frozen; made by `iqa_train.study.load.load_study`."""

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from iqa_train.errors import did_you_mean
from iqa_train.study.command import CommandTable
from iqa_train.study.design import Design, Margin, require_margins, require_metric
from iqa_train.study.events import EVENTS, USUAL, Event
from iqa_train.study.local_table import LocalTable
from iqa_train.study.setting_fields import DataName
from iqa_train.study.slurm_table import SlurmTable
from iqa_train.study.spec import DataSource, Expectation

_FROZEN = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$"

Name = Annotated[str, Field(pattern=NAME_PATTERN)]
"""The name of a study, experiment, slug or profile, which becomes part of names of files and directories."""

Seeds = Annotated[tuple[Annotated[int, Field(strict=True, ge=0, lt=2**63)], ...], Field(min_length=1)]

DEFAULT_SEED = 42

BY_HAND = "manual"
"""The study of runs that are given by their settings and name no experiment."""


class StudyHead(BaseModel):
    """The `[study]` table."""

    model_config = _FROZEN

    name: Name
    title: str = ""
    baseline: str
    seeds: Seeds | None = None
    primary: str = Field("", min_length=1, description="metric whose verdicts count; empty: srcc, or that of [design]")
    margin: dict[str, Margin] = Field({}, description="by metric; a number is that of the primary one")

    _margins = field_validator("margin", mode="before")(require_margins)
    _primary = field_validator("primary")(require_metric)


class ProfileHead(BaseModel):
    """A profile's `study` table, which overrides `[study]`."""

    model_config = _FROZEN

    name: Name = Field("", description="empty: <study>-<profile>, so that results never mix with the study's own")
    title: str = ""
    seeds: Seeds | None = None
    margin: dict[str, Margin] | None = Field(None, description="in place of those of [study]")

    _margins = field_validator("margin", mode="before")(require_margins)


class Experiment(BaseModel):
    """One `[[experiments]]` table: the changes to the defaults, and their purpose."""

    model_config = _FROZEN

    id: Name
    slug: Name = Field(default_factory=lambda data: str(data.get("id", "")))
    title: str = ""
    purpose: str = ""
    set: dict[str, Any] = {}
    external: str = Field("", min_length=1, description="what a model whose predictions are imported was trained on")
    expect: Expectation = Expectation()
    command: str = Field("", description="the [commands.NAME] that trains it; empty: [command], or this program")
    slurm: SlurmTable | None = Field(None, description="a layer over [slurm] and over that of the profile")

    @model_validator(mode="after")
    def _nothing_is_trained(self) -> "Experiment":
        for name in ("set", "command", "slurm"):
            if self.external and getattr(self, name):
                raise ValueError(f"external and {name} cannot be combined: nothing is run for imported predictions")
        return self


class Batch(BaseModel):
    """One `[[batches]]` table: the experiment of each GPU, and the expected minutes."""

    model_config = _FROZEN

    name: str = Field(min_length=1)
    gpus: dict[Annotated[int, Field(ge=0, lt=1024)], str] = Field(min_length=1)
    minutes: float | None = Field(strict=True, gt=0)  # None: unknown, as under a profile that does not set it

    @field_validator("gpus", mode="before")
    @classmethod
    def _keys_are_numbers(cls, value: object) -> object:
        """TOML's keys are text: "0" is GPU 0, "1.0" and "-1" are invalid, "0" and "00" are the same GPU."""
        if not isinstance(value, dict):
            return value
        gpus: dict[int, object] = {}
        for key, experiment in value.items():
            if not re.fullmatch("[0-9]{1,9}", str(key)):  # isdecimal would take the digits of every script
                raise ValueError(f'"{key:.20}" in gpus is not a GPU number; allowed: whole numbers from 0')
            if int(key) in gpus:
                raise ValueError(f"gpus names GPU {int(key)} twice; a GPU runs one experiment at a time")
            gpus[int(key)] = experiment
        return gpus


class Profile(BaseModel):
    """A `[profiles.NAME]` table: settings that override the defaults, with its own name, seeds and expectations.

    A profile usually means other data, so the expectations of the experiments do not apply under it.
    """

    model_config = _FROZEN

    study: ProfileHead = ProfileHead()
    minutes: float | None = Field(None, strict=True, gt=0, description="expected minutes of a batch under the profile")
    expect: dict[str, Expectation] = {}
    set: dict[str, Any] = {}
    design: Design | None = Field(None, description="that of the file with what the profile changes in it")
    slurm: SlurmTable | None = Field(None, description="a layer over [slurm], below those of experiments")


Address = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9+.-]*://")]
"""An address for apprise, which knows all the forms."""

_WEB = r"^(?i:https?)://([^\s/?#@:\[\]]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?([/?#][!-~]*)?$"


class Notify(BaseModel):
    """The `[notify]` table: whom to notify that a run or the study has ended, and of which events."""

    model_config = _FROZEN

    command: str = Field("", min_length=1, description="a shell command line; its environment describes the event")
    webhook: str = Field("", pattern=_WEB, description="receives the event as JSON")
    urls: tuple[Address, ...] = Field((), min_length=1, description="addresses for apprise, if that is installed")
    on: tuple[Event, ...] = Field(USUAL, min_length=1)

    @field_validator("on", mode="before")
    @classmethod
    def _events_are_known(cls, value: object) -> object:
        for event in value if isinstance(value, list | tuple) else ():
            if isinstance(event, str) and event not in EVENTS:
                raise ValueError(f'"{event}" in on is not an event; {did_you_mean(event, EVENTS)}')
        return value

    @model_validator(mode="after")
    def _has_a_recipient(self) -> "Notify":
        if not (self.command or self.webhook or self.urls):
            raise ValueError("needs command, webhook or urls")
        return self


class Reference(BaseModel):
    """One `[[references]]` table: a reported result, from a paper or another table."""

    model_config = _FROZEN

    id: Name
    study: Name = Field("", description="the study it belongs to; what `iqa-train compare` calls the whole group")
    experiment: str = Field("", description="the corresponding experiment of this file; empty: none")
    title: str = ""
    dataset: DataName = Field("", description="whose test images; empty: those of the data set that [defaults] names")
    srcc: float | None = Field(None, strict=True, ge=-1, le=1)
    plcc: float | None = Field(None, strict=True, ge=-1, le=1)
    n: int | None = Field(None, strict=True, ge=1, description="test images")
    settings: dict[str, Any] = Field({}, description="as far as they are known")
    source: str = Field(min_length=1)

    @model_validator(mode="after")
    def _a_number_is_given(self) -> "Reference":
        if self.srcc is None and self.plcc is None:
            raise ValueError("no result is given; give srcc, plcc or both")
        return self


class Study(BaseModel):
    """A whole study file."""

    model_config = _FROZEN

    path: Path
    name: Name
    title: str
    baseline: str
    seeds: Seeds
    defaults: dict[str, Any]
    experiments: tuple[Experiment, ...]
    batches: tuple[Batch, ...] = ()
    profiles: dict[str, Profile] = {}
    datasets: dict[str, DataSource] = {}
    notify: Notify | None = None
    local: LocalTable = LocalTable()
    references: tuple[Reference, ...] = ()
    primary: str = ""
    margins: dict[str, float] = {}
    design: Design | None = None
    commands: dict[str, CommandTable] = Field({}, description='by name; that of [command] is ""')
    slurm: SlurmTable | None = None

    def command_of(self, experiment: Experiment) -> CommandTable | None:
        """The command that trains an experiment; None: this program does."""
        return None if experiment.external else self.commands.get(experiment.command)

    @property
    def has_slurm(self) -> bool:
        """Whether it says anything of jobs on a cluster."""
        tables = [self.slurm, *(e.slurm for e in self.experiments), *(p.slurm for p in self.profiles.values())]
        return any(table is not None for table in tables)

    @property
    def ids(self) -> list[str]:
        """The experiments' ids, in the order of the file."""
        return [experiment.id for experiment in self.experiments]

    @property
    def run_here(self) -> list[str]:
        """The ids of those that are run here, in the order of the file: not external ones."""
        return [experiment.id for experiment in self.experiments if not experiment.external]
