"""The settings of a training run as one validated, frozen value."""

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from iqa_train.errors import control_complaint, did_you_mean, visible
from iqa_train.study.backbones import TAPS
from iqa_train.study.code_reference import code_reference, complaint
from iqa_train.study.setting_fields import LOSSES, NETWORKS, OPTIONS_OF, SettingFields

SPAQ = "spaq"
"""The one data set that the original script could also evaluate on, by an option of its own."""

OWN_SPLITS = ("val", "test")
"""The names of predictions on a run's own images; no other data set may have them."""

CONTROL = "control_character"
"""pydantic's error type for a refused control character."""


class TrainingConfig(BaseModel, SettingFields):
    """One run's settings, frozen once made; unknown names are refused. The fields are those of `SettingFields`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)

    if TYPE_CHECKING:

        def __init__(self, **values: Any) -> None: ...  # noqa: ANN401

    @field_validator("*", mode="before")
    @classmethod
    def _whole_numbers_are_floats(cls, value: object, info: Any) -> object:  # noqa: ANN401
        """TOML's `lr_ratio = 10` means 10.0; everything else stays strictly typed."""
        if type(value) is int and cls.model_fields[info.field_name].annotation is float:
            return float(value)
        return value

    @field_validator("cross_datasets", "mean", "std", "taps", mode="before")
    @classmethod
    def _lists_are_tuples(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("network_options", "loss_options", mode="before")
    @classmethod
    def _options_are_plain(cls, value: object) -> object:
        """Lists as tuples, numbers as they were written as plain numbers."""
        return {name: _plain(option) for name, option in value.items()} if isinstance(value, dict) else value

    @field_validator("network", "loss_type")
    @classmethod
    def _known_or_code(cls, value: str, info: Any) -> str:  # noqa: ANN401
        """The name of a network or loss of this program, or a reference to code."""
        known = NETWORKS if info.field_name == "network" else LOSSES
        if value in known:
            return value
        given = f'{info.field_name} = "{visible(value)[:80]}"'
        if code_reference(value) is None:
            near = did_you_mean(value, known)
            hint = "" if near.startswith("known") else f"; {near}"
            raise ValueError(
                f"{given} is not one of its choices; allowed: {', '.join(known)}, or own code as FILE.py:FUNCTION or "
                f"PACKAGE.MODULE:FUNCTION{hint}"
            )
        if wrong := complaint(value):
            raise ValueError(f"{given}: {wrong}")
        return value

    @field_validator("mean", "std", mode="before")
    @classmethod
    def _whole_numbers_in_them_are_floats(cls, value: object) -> object:
        return tuple(float(v) if type(v) is int else v for v in value) if isinstance(value, tuple) else value

    @field_validator("mean", "std")
    @classmethod
    def _three_channels(cls, value: tuple[float, ...], info: ValidationInfo) -> tuple[float, ...]:
        lowest = 0 if info.field_name == "mean" else 1e-3
        if value and not (len(value) == 3 and all(lowest <= v <= 1 for v in value)):
            raise ValueError(
                f"{info.field_name} = {list(value)} is not valid; allowed: three numbers from {lowest:g} to 1, of red, "
                "green and blue"
            )
        return value

    @field_validator("taps")
    @classmethod
    def _four_blocks_in_order(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        rising = all(a < b for a, b in pairwise((0, *value)))
        if value and not (len(value) == TAPS and rising):
            raise ValueError(
                f"taps = {list(value)} is not valid; allowed: four rising numbers of blocks, counted from 1, such as "
                "[3, 6, 9, 12]"
            )
        return value

    @field_validator("cross_datasets")
    @classmethod
    def _files_of_their_own(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Predictions on a set go to a file of its name; two names are taken."""
        for name in value:
            if name.lower() in OWN_SPLITS:
                raise ValueError(
                    f'cross_datasets holds "{name}", which names the run\'s own {name.lower()} images; give the set '
                    "another name in [datasets]"
                )
        return tuple(dict.fromkeys(value))

    @property
    def across(self) -> tuple[str, ...]:
        """The sets to evaluate on after training: those named, then SPAQ if it is on; never the training set."""
        names = (*self.cross_datasets, *((SPAQ,) if self.spaq else ()))
        return tuple(name for name in dict.fromkeys(names) if name != self.dataset)

    @field_validator("*", mode="before")
    @classmethod
    def _text_is_plain(cls, value: object) -> object:
        """Settings are printed to logs, where a line break could forge a line."""
        complaint = control_complaint(value) if isinstance(value, str) else None
        if complaint:
            raise PydanticCustomError(CONTROL, "{complaint}", {"complaint": complaint})
        return value


def _plain(value: object) -> object:
    if isinstance(value, list | tuple):
        return tuple(_plain(part) for part in value)
    return float(value) if isinstance(value, float) else value


def pairs_that_differ(first: TrainingConfig, second: TrainingConfig) -> list[tuple[str, tuple[Any, Any]]]:
    """Name and both values of each setting that differs, the seed too.

    Each option of a network or loss is one of its own, such as `network_options.depth`; None where one side has it not.
    """
    found: list[tuple[str, tuple[Any, Any]]] = []
    for name in TrainingConfig.model_fields:
        one, two = getattr(first, name), getattr(second, name)
        if isinstance(one, dict):  # options of two networks, or of two losses, are not compared
            if getattr(first, OPTIONS_OF[name]) != getattr(second, OPTIONS_OF[name]):
                continue
            names = dict.fromkeys((*one, *two))
            found += [(f"{name}.{k}", (one.get(k), two.get(k))) for k in names if one.get(k) != two.get(k)]
        elif one != two:
            found.append((name, (one, two)))
    return found
