"""`[slurm]`: what a job of the cluster is given. None of it changes what a run computes, nor its hash."""

import re
import shlex
from datetime import time as clock
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from iqa_train.errors import control_complaint

OPTIONS = {
    "partition": "partition", "account": "account", "qos": "qos", "time": "time", "gpus": "gpus", "gres": "gres",
    "cpus": "cpus-per-task", "mem": "mem", "constraint": "constraint", "exclude": "exclude", "nice": "nice",
}  # fmt: skip
"""Key -> the option of sbatch that it becomes."""

RESERVED = (
    "array", "chdir", "clusters", "comment", "dependency", "error", "help", "hold", "input", "job-name", "nodes",
    "no-requeue", "ntasks", "open-mode", "output", "parsable", "quiet", "requeue", "signal", "test-only", "usage",
    "version", "wait", "wrap",
)  # fmt: skip
"""Options of sbatch that `extra` cannot have: this program gives them, or loses track of its jobs with them."""

MARGIN = 120
"""Seconds between a run's checkpoint and the time limit, unless `margin` says otherwise or half of the time is less."""

_CLOCK = re.compile(r"(?P<minutes>\d{1,7}):(?P<seconds>\d{1,7})")
_TIMES = (
    re.compile(r"(?P<minutes>\d{1,7})"),
    _CLOCK,
    re.compile(r"(?P<hours>\d{1,7}):(?P<minutes>\d{1,7}):(?P<seconds>\d{1,7})"),
    re.compile(r"(?P<days>\d{1,4})-(?P<hours>\d{1,7})(:(?P<minutes>\d{1,7})(:(?P<seconds>\d{1,7}))?)?"),
)
_YEAR = 366 * 86400
_UNITS = {"days": 86400, "hours": 3600, "minutes": 60, "seconds": 1}
_TIME_WORDS = 'minutes, such as 90, or text such as "2:00:00" (hours:minutes:seconds) or "1-12" (days-hours)'
_MEMORY = re.compile(r"0|[1-9]\d{0,8}[KMGTkmgt][Bb]?")
_MEMORY_WORDS = 'a whole number with its unit, such as "32G", or "0" for all of the node'
_GPUS = re.compile(r"([A-Za-z0-9_.-]+:)?(\d{1,4})")
_EXTRA = re.compile(r"--(?P<name>[A-Za-z][A-Za-z0-9-]*)((=|\s+)(?P<value>.*))?")
_WORD = re.compile(r"[!-~]*")

_WORDS = {
    "partition": 'a partition, or several with commas, as `sinfo` lists them, such as "gpu"',
    "account": "an account, as `sacctmgr show associations user=$USER` lists them",
    "qos": "a quality of service of the site",
    "gres": 'generic resources of a node, such as "gpu:a100:2"',
    "constraint": 'features of a node, such as "a100|h100"',
    "exclude": 'nodes, such as "n1,n[4-6]"',
}
_SPACED = ("constraint",)  # may hold spaces

Line = Annotated[str, Field(min_length=1)]


class SlurmTable(BaseModel):
    """The `[slurm]` table, or one of the layers over it. A key that is not given is left to the site's own default."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    partition: str = ""
    account: str = ""
    qos: str = ""
    time: str = Field("", description="limit of a job, as sbatch --time; a whole number is minutes")
    gpus: str = Field("", description='number of GPUs, or "TYPE:NUMBER"; 0: none')
    gres: str = ""
    cpus: int | None = Field(None, strict=True, ge=1, le=65533, description="cores")
    mem: str = Field("", description="of the node's main memory")
    constraint: str = ""
    exclude: str = ""
    nice: int | None = Field(None, strict=True, ge=0, lt=2**31 - 2, description="the larger, the later the job's turn")
    setup: tuple[Line, ...] = Field((), description="shell commands before the run, each complete in its line")
    array_limit: int | None = Field(
        None, strict=True, ge=1, le=1_000_000, description="jobs of a batch that run at once; None: all that can"
    )
    extra: tuple[Line, ...] = Field((), description='further options of sbatch, such as "--reservation=x"')
    runs_per_job: int = Field(
        1, strict=True, ge=1, le=64, description="runs that share the node and the GPUs of one job"
    )
    margin: int | None = Field(
        None,
        strict=True,
        ge=10,
        le=65535,
        description="seconds before the time limit at which a run writes its checkpoint",
    )

    @field_validator("partition", "account", "qos", "gres", "constraint", "exclude", mode="before")
    @classmethod
    def _is_one_word(cls, value: object, info: Any) -> object:  # noqa: ANN401
        key = info.field_name
        if not isinstance(value, str) or not _WORD.fullmatch(value.replace(" ", "") if key in _SPACED else value):
            raise ValueError(f"{key} = {_shown(value)} is not valid; allowed: {_WORDS[key]}")
        return value

    @field_validator("time", mode="before")
    @classmethod
    def _time_is_a_limit(cls, value: object) -> object:
        if isinstance(value, clock) and not value.microsecond:  # TOML's 02:00:00 without quotes
            value = value.isoformat()
        text = str(value) if type(value) is int else value
        if text == "":
            return text
        seconds = _seconds(text) if isinstance(text, str) else None
        if seconds is None:
            raise ValueError(f"time = {_shown(value)} is not a time limit; allowed: {_TIME_WORDS}")
        if seconds < 60:
            raise ValueError(f"time = {_shown(value)} is less than a minute, Slurm's shortest limit")
        if seconds > _YEAR:
            raise ValueError(f"time = {_shown(value)} is more than a year; allowed: {_TIME_WORDS}")
        return text

    @field_validator("gpus", mode="before")
    @classmethod
    def _gpus_are_a_number(cls, value: object) -> object:
        text = str(value) if type(value) is int else value
        if text != "" and (not isinstance(text, str) or not _GPUS.fullmatch(text)):
            words = 'a whole number, or text such as "a100:2" (TYPE:NUMBER)'
            raise ValueError(f"gpus = {_shown(value)} is not a number of GPUs; allowed: {words}")
        return text

    @field_validator("mem", mode="before")
    @classmethod
    def _memory_has_a_unit(cls, value: object) -> object:
        if type(value) is int and value == 0:
            return "0"
        if type(value) is int or (isinstance(value, str) and value.isdecimal() and value != "0"):
            raise ValueError(f"mem = {_shown(value)} has no unit, and Slurm's is MB; allowed: {_MEMORY_WORDS}")
        if value != "" and (not isinstance(value, str) or not _MEMORY.fullmatch(value)):
            raise ValueError(f"mem = {_shown(value)} is not an amount of memory; allowed: {_MEMORY_WORDS}")
        return value

    @field_validator("setup", "extra", mode="before")
    @classmethod
    def _is_a_list(cls, value: object, info: Any) -> object:  # noqa: ANN401
        key = info.field_name
        example = '["module load cuda"]' if key == "setup" else '["--reservation=x"]'
        lines = [value] if isinstance(value, str) else value
        if not isinstance(lines, list | tuple) or not all(isinstance(line, str) and line.strip() for line in lines):
            raise ValueError(f"{key} = {_shown(value)} is not a list of texts; allowed: such as {example}")
        for line in lines:
            if complaint := control_complaint(line):
                raise ValueError(f"{key}: {_shown(line)} {complaint}")
            if key == "extra":
                _require_further(line.strip())
            elif not _is_complete(line):
                raise ValueError(f"setup: {_shown(line)} has a quotation mark without its other half")
        return tuple(line.strip() for line in lines)

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.gpus and any(map(_is_gpu, self.gres.split(","))):
            raise ValueError(f'gpus = "{self.gpus}" and gres = "{self.gres}" both ask for GPUs; give one of the two')
        if self.margin is not None and self.seconds is not None and self.margin >= self.seconds:
            raise ValueError(
                f'margin = {self.margin} leaves a run no time: time = "{self.time}" is {self.seconds} s; allowed: less'
            )
        return self

    @property
    def seconds(self) -> int | None:
        """The time limit in seconds; None where it is the partition's own."""
        return _seconds(self.time)

    @property
    def margin_seconds(self) -> int:
        """How long before the time limit a run writes its checkpoint."""
        if self.margin is not None:
            return self.margin
        return MARGIN if self.seconds is None else min(MARGIN, self.seconds // 2)

    @property
    def gpu_count(self) -> int:
        """The GPUs that `gpus` or `gres` ask for; those of `extra` are not counted."""
        if self.gpus:
            return int(self.gpus.rpartition(":")[2])
        asked = [part.partition("(")[0].split(":") for part in self.gres.split(",") if _is_gpu(part)]
        return sum(int(words[-1]) if words[-1].isdecimal() else 1 for words in asked)

    @property
    def minutes_and_seconds(self) -> bool:
        """Whether the time is of the form "2:00", which is easily taken for two hours."""
        return _CLOCK.fullmatch(self.time) is not None

    def options(self) -> list[tuple[str, str]]:
        """(option of sbatch without its dashes, value), in the order of the keys, then `extra`; "": without a value."""
        given = {option: getattr(self, key) for key, option in OPTIONS.items() if getattr(self, key) not in {"", None}}
        if self.gpus and not self.gpu_count:
            del given["gpus"]
        further = [match for match in map(_EXTRA.fullmatch, self.extra) if match]
        return [(name, str(value)) for name, value in given.items()] + [(m["name"], m["value"] or "") for m in further]

    def under(self, layer: "SlurmTable | None") -> "SlurmTable":
        """This table with the keys of `layer` in place of its own. Raises ValidationError if they contradict."""
        if layer is None:
            return self
        own, theirs = self.as_json(), layer.as_json()
        if "gpus" in theirs and "gres" in own:
            own["gres"] = ",".join(part for part in own["gres"].split(",") if not _is_gpu(part))
        if any(map(_is_gpu, theirs.get("gres", "").split(","))):
            own.pop("gpus", None)
        return SlurmTable.model_validate({**own, **theirs})

    def as_json(self) -> dict[str, Any]:
        """The keys that are given, as JSON; `SlurmTable.model_validate` reads it back."""
        return self.model_dump(mode="json", exclude_unset=True)


def _is_gpu(resource: str) -> bool:
    return re.match(r"gpu(:|$|\()", resource) is not None


def _seconds(text: str) -> int | None:
    """A time limit in seconds, None for text that is none."""
    for form in _TIMES:
        if found := form.fullmatch(text):
            return sum(_UNITS[name] * int(number) for name, number in found.groupdict().items() if number)
    return None


def _is_complete(line: str) -> bool:
    """Whether every quotation mark of a line for the shell has its other half."""
    try:
        shlex.split(line, comments=True)
    except ValueError:
        return "$'" in line  # a form of quotation that shlex does not know
    return True


def _require_further(line: str) -> None:
    """Raise ValueError for a line of `extra` that is no option of sbatch, or one that has its own key or is ours."""
    found = _EXTRA.fullmatch(line)
    if found is None:
        words = 'a long option of sbatch with its value, such as "--reservation=x"'
        raise ValueError(f"extra: {_shown(line)} is not an option; allowed: {words}")
    name = found["name"]  # sbatch takes the start of a name, too: --arr for --array
    if key := next((key for key, option in OPTIONS.items() if option.startswith(name)), ""):
        raise ValueError(f"extra: --{name} is the key {key} of this table")
    if ours := next((option for option in RESERVED if option.startswith(name)), ""):
        raise ValueError(f"extra: --{name} cannot be given: this program gives --{ours} or relies on its absence")


def _shown(value: object) -> str:
    from iqa_train.study.messages import shown

    return shown(value)
