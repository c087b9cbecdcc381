"""Options for `[local]`, the manners of runs on a server that others use, too."""

import argparse
from typing import TYPE_CHECKING

from iqa_train.cli.parser import Parser, whole_number
from iqa_train.errors import UsageError
from iqa_train.study.manners import Manners

if TYPE_CHECKING:
    from iqa_train.study.model import Study

_NAMES = ("gpu_order", "max_gpus", "quiet_hours", "yield_to_others", "nice")


def add_manners_options(parser: Parser) -> None:
    """One option for each key of [local], which it overrides."""
    group = parser.add_argument_group(
        "On a shared server", "each overrides [local] of the study file; without either: no limit"
    )
    group.add_argument(
        "--gpu_order", type=_numbers, metavar="N,...", help="only these GPUs, the preferred first; all: no limit"
    )
    group.add_argument(
        "--max_gpus",
        type=whole_number(1),
        metavar="N",
        help="at most N GPUs at once, all your runs here counted",
    )
    group.add_argument(
        "--quiet_hours", nargs="+", metavar="TIMES",
        help='no run is started in these: "22:00-07:00" "Sat,Sun 00:00-24:00"; none: no quiet hours',
    )  # fmt: skip
    group.add_argument(
        "--yield_to_others", action=argparse.BooleanOptionalAction,
        help="give a GPU to another user whose process computes on it: checkpoint, wait until it is free, continue",
    )  # fmt: skip
    group.add_argument("--nice", type=whole_number(0), metavar="N", help="niceness of the workers, 0 to 19")


def manners_of(options: argparse.Namespace, study: "Study") -> Manners:
    """Those of the study file, with what the options say instead. Raises UsageError for an option that is not valid."""
    from pydantic import ValidationError

    from iqa_train.study.local_table import LocalTable
    from iqa_train.study.messages import complaints

    given = {name: value for name in _NAMES if (value := getattr(options, name)) is not None}
    if given.get("quiet_hours") == ["none"]:
        given["quiet_hours"] = ()
    if options.gpu is not None and given.get("gpu_order"):
        raise UsageError("--gpu and --gpu_order cannot be combined: --gpu names the only GPU to use")
    try:
        return LocalTable.model_validate(study.local.model_dump() | given).manners
    except ValidationError as error:
        sentence = complaints(error, LocalTable, given, "option", "--")[0][1]
        raise UsageError(sentence if sentence.startswith("--") else f"--{sentence}") from None


def _numbers(text: str) -> tuple[int, ...]:
    """An option's type: GPU numbers."""
    if text == "all":
        return ()
    return tuple(whole_number(0)(word.strip()) for word in text.split(","))
