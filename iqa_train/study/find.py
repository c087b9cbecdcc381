"""Finds the study file and the order of its experiments; without pydantic, which is slow to import."""

from pathlib import Path

FILE_NAME = "experiments.toml"


def find_study(explicit: Path | None = None) -> Path:
    """The study file to use: `explicit`, else ./experiments.toml, else the one that comes with the program."""
    if explicit is not None:
        return explicit
    here = Path(FILE_NAME)
    if here.exists():
        return here
    beside = Path(__file__).with_name(FILE_NAME)
    return beside if beside.exists() else Path(__file__).parents[2] / FILE_NAME


def experiments_in_order(path: Path) -> list[str]:
    """The ids of the experiments in the study file at `path`, in its order; none if it cannot be read.

    Checks nothing else: lists of runs must work even if the file has mistakes.
    """
    import tomllib

    try:
        tables = tomllib.loads(path.read_bytes().decode("utf-8-sig")).get("experiments")
    except (OSError, ValueError, RecursionError):
        return []
    ids = [table.get("id") for table in tables if isinstance(table, dict)] if isinstance(tables, list) else []
    return [name for name in ids if isinstance(name, str)]
