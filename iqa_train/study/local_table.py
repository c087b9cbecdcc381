"""The `[local]` table of a study file: manners on a server that others use, too. Nothing is limited by default."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from iqa_train.study.manners import Manners
from iqa_train.study.quiet_hours import require_some_time

Gpu = Annotated[int, Field(strict=True, ge=0, lt=1024)]


class LocalTable(BaseModel):
    """`[local]`: how runs on this machine behave. The program's options of the same names override it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    gpu_order: tuple[Gpu, ...] = Field((), description="the GPUs to use, the preferred first; empty: all")
    max_gpus: int | None = Field(None, strict=True, ge=1, le=1024, description="at most so many in use at once")
    quiet_hours: tuple[str, ...] = Field((), description='no run is started in these, such as "22:00-07:00"')
    yield_to_others: bool = Field(False, strict=True, description="give up a GPU that another user's process uses")
    nice: int = Field(0, strict=True, ge=0, le=19, description="the niceness of the workers")

    @field_validator("gpu_order")
    @classmethod
    def _each_once(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        for gpu in value:
            if value.count(gpu) > 1:
                raise ValueError(f"gpu_order names GPU {gpu} twice; name each once, the preferred first")
        return value

    @field_validator("quiet_hours", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        texts = [value] if isinstance(value, str) else value
        if isinstance(texts, list | tuple) and all(isinstance(text, str) for text in texts):
            try:
                require_some_time(texts)
            except ValueError as error:
                words = str(error)
                raise ValueError(words if words.startswith("quiet_hours") else f"quiet_hours: {words}") from None
        return texts

    @property
    def manners(self) -> Manners:
        """As the queue keeps them."""
        return Manners(**self.model_dump())
