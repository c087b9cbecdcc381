"""Where the study file is, and the order of its experiments; without pydantic, which takes long to import."""

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
    """The ids of the experiments in the study file at `path`, in its order; none where it cannot be read.

    Nothing else in the file is checked: this is for lists of runs, which there are also when the file has mistakes.
    """
    import tomllib

    try:
        tables = tomllib.loads(path.read_bytes().decode("utf-8-sig")).get("experiments")
    except (OSError, ValueError, RecursionError):
        return []
    ids = [table.get("id") for table in tables if isinstance(table, dict)] if isinstance(tables, list) else []
    return [name for name in ids if isinstance(name, str)]
