"""Reads `[slurm]` and the `slurm = {...}` of profiles and experiments, and checks what they make together."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from iqa_train.study.messages import complaints, shown
from iqa_train.study.model import Experiment, Profile
from iqa_train.study.problems import Problems, TomlTable
from iqa_train.study.slurm_table import OPTIONS, RESERVED, SlurmTable


def parse_slurm(
    table: Mapping[str, Any], place: TomlTable, make: Callable[..., SlurmTable | None], problems: Problems
) -> SlurmTable | None:
    """The table under the key `slurm` of `table`; None without one, or after noting what is wrong with it.

    `make` is the parser's way to make a model of a table.
    """
    if "slurm" not in table:
        return None
    if place.table == "slurm" and not isinstance(table["slurm"], dict):
        problems.add(None, f"slurm = {shown(table['slurm'])} is not a table; write [slurm]")
        return None
    return make(SlurmTable, table["slurm"], place, problems, "" if place.table == "slurm" else "slurm")


def slurm_hint(key: str) -> str:
    """Where an option of sbatch that is no key of the table belongs."""
    option = key.replace("_", "-").removeprefix("--")
    if own := next((name for name, known in OPTIONS.items() if known == option), ""):
        return f"; sbatch's --{option} is the key {own}"
    if option in RESERVED:
        return f"; this program gives sbatch's --{option} itself"
    return f'; an option of sbatch that has no key stands in extra = ["--{option}=..."]'


def check_layers(
    slurm: SlurmTable | None, profiles: Mapping[str, Profile], experiments: Sequence[Experiment], problems: Problems
) -> None:
    """Note layers that are valid, but not over the tables below them."""
    below = {"": slurm or SlurmTable()}
    for name, profile in profiles.items():
        below[name] = _laid(below[""], profile.slurm, TomlTable(f"profiles.{name}"), problems)
    for number, experiment in enumerate(experiments):
        place = TomlTable("experiments", number, experiment.id)
        for name, table in below.items():
            found = len(problems.found)
            _laid(table, experiment.slurm, place, problems, f" under profile {name}" if name else "")
            if len(problems.found) > found:
                break


def _laid(
    table: SlurmTable, layer: SlurmTable | None, place: TomlTable, problems: Problems, where: str = ""
) -> SlurmTable:
    try:
        return table.under(layer)
    except ValidationError as error:
        for _, sentence in complaints(error, SlurmTable, {}):
            problems.add(place, f"slurm{where}: {sentence}", "slurm")
        return table
