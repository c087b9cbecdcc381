"""What a study declares of its verdicts before its first result: the primary metric, margins, and when to stop."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from iqa_train.errors import did_you_mean
from iqa_train.stats.registry import METRICS

_FROZEN = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
_FROM = re.compile(r"(\d{1,18})\.\.")

PRIMARY = "srcc"
"""The primary metric of a study that names none."""

MOST_SEEDS = 100

Margin = Annotated[float, Field(strict=True, gt=0)]
"""The largest difference that is of no consequence, in the unit of its metric."""

Seed = Annotated[int, Field(strict=True, ge=0, lt=2**63)]


def require_metric(name: object) -> object:
    """`name`. Raises ValueError, with the nearest names, for text that is no metric."""
    if isinstance(name, str) and name not in METRICS:
        raise ValueError(f'"{name}" is not a metric; {did_you_mean(name, METRICS)}')
    return name


class Design(BaseModel):
    """The `[design]` table: seeds until every verdict is decided. Looks are at `min_seeds`, ..., `max_seeds` seeds."""

    model_config = _FROZEN

    metric: str = Field("", min_length=1, description="the primary one; empty: that of [study]")
    min_seeds: int = Field(3, strict=True, ge=2, le=MOST_SEEDS)
    max_seeds: int = Field(10, strict=True, ge=2, le=MOST_SEEDS)
    alpha: float = Field(0.05, strict=True, gt=0, le=0.5)
    margin: float = Field(0.0, strict=True, ge=0, description="0: none, or that of [study]")
    give_up: float = Field(0.1, strict=True, ge=0, lt=1, description="0: nothing is given up")
    open_ended: bool = Field(
        default=False, strict=True, description="verdicts hold at any number of seeds, at a price; nothing is given up"
    )
    budget_hours: float = Field(0.0, strict=True, ge=0, description="of computing, over all runs; 0: none")
    seeds: str | Annotated[tuple[Seed, ...], Field(min_length=1)] = Field(
        "", description='in this order, or "42..": from 42 on; empty: those of [study], then the next numbers'
    )

    @field_validator("metric")
    @classmethod
    def _metric_is_known(cls, value: str) -> object:
        return require_metric(value)

    @field_validator("seeds")
    @classmethod
    def _seeds_are_an_order(cls, value: str | tuple[int, ...]) -> str | tuple[int, ...]:
        if isinstance(value, str) and value and not _FROM.fullmatch(value):
            raise ValueError(f'seeds = "{value:.40}" is not an order of seeds; allowed: "42..", or a list of numbers')
        if isinstance(value, tuple) and len(set(value)) < len(value):
            raise ValueError("seeds contains a seed twice; each runs once")
        return value

    @model_validator(mode="after")
    def _there_is_a_look(self) -> "Design":
        if self.max_seeds < self.min_seeds:
            raise ValueError(
                f"max_seeds = {self.max_seeds} is less than min_seeds = {self.min_seeds}, so there is no look"
            )
        if isinstance(self.seeds, tuple) and len(self.seeds) < self.max_seeds:
            raise ValueError(f"seeds lists {len(self.seeds)} for max_seeds = {self.max_seeds}; list one for each round")
        return self

    def order(self, usual: Sequence[int]) -> tuple[int, ...]:
        """The seed of each round, `max_seeds` of them; `usual` are the study's."""
        if isinstance(self.seeds, tuple):
            return self.seeds[: self.max_seeds]
        start = _FROM.fullmatch(self.seeds)
        listed = [] if start else list(dict.fromkeys(usual))
        following = int(start[1]) if start else max(listed) + 1
        return tuple([*listed, *range(following, following + self.max_seeds)][: self.max_seeds])


def require_margins(value: object) -> object:
    """`[study] margin` as a table: {metric: margin}; a number is that of the primary metric, under the key "".

    Raises ValueError for an unknown metric.
    """
    if isinstance(value, Mapping):
        for name in value:
            require_metric(str(name))
        return value
    return {"": value}


class Declaration(BaseModel):
    """All that a study declares of its verdicts; `design` is None where the number of seeds is left open."""

    model_config = _FROZEN

    metric: str = PRIMARY
    margins: dict[str, float] = {}
    design: Design | None = None
    seeds: tuple[int, ...] = ()  # of the design's rounds

    @property
    def is_made(self) -> bool:
        """Whether anything is declared that has to stay as it is once there is a result."""
        return self.design is not None or bool(self.margins)


def declaration(design: Design | None, primary: str, margins: Mapping[str, Any], seeds: Sequence[int]) -> Declaration:
    """Of the tables of a study file that agree with one another; `seeds` are the study's."""
    metric = (design.metric if design else "") or primary or PRIMARY
    found = {name or metric: float(value) for name, value in margins.items()}
    if design and design.margin:
        found[metric] = design.margin
    return Declaration(metric=metric, margins=found, design=design, seeds=design.order(seeds) if design else ())


def contradiction(design: Design | None, primary: str, margins: Mapping[str, Any]) -> tuple[str, str] | None:
    """How `[study]` and `[design]` contradict each other: the key of [design], and the sentence; None if they agree."""
    if design is None:
        return None
    if primary and design.metric and primary != design.metric:
        return "metric", f'metric = "{design.metric}" contradicts [study] primary = "{primary}"; give one of the two'
    own = margins.get(design.metric or primary or PRIMARY, margins.get(""))
    if own is not None and design.margin not in {0.0, own}:
        return "margin", f"margin = {design.margin:g} contradicts [study] margin = {own:g}; give one of the two"
    return None
