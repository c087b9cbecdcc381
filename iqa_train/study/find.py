"""Finds the study file and the order of its experiments; without pydantic, which is slow to import."""

import shlex
from pathlib import Path
from typing import Any

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


def file_option(path: Path, profile: str | None = None) -> str:
    """--experiments FILE and --profile NAME, each after a space, where a suggested command needs it for this study."""
    file = "" if path.absolute() == find_study().absolute() else f" --experiments {shlex.quote(str(path))}"
    return file + (f" --profile {shlex.quote(profile)}" if profile else "")


def folder_above() -> Path | None:
    """The nearest folder above with a study file, if this one has none: perhaps the one that was meant."""
    if Path(FILE_NAME).exists():
        return None
    return next((folder for folder in Path.cwd().parents if (folder / FILE_NAME).is_file()), None)


def experiments_in_order(path: Path) -> list[str]:
    """The ids of the experiments in the study file at `path`, in its order; none if it cannot be read.

    Checks nothing else: lists of runs must work even if the file has mistakes.
    """
    tables = _document(path).get("experiments")
    ids = [table.get("id") for table in tables if isinstance(table, dict)] if isinstance(tables, list) else []
    return [name for name in ids if isinstance(name, str)]


def external_experiments(path: Path, study: str | None) -> tuple[str, list[str]]:
    """The name of the study in the file at `path` and the ids of its external experiments; as `experiments_in_order`.

    None of them if `study` is given and is not the file's, under whatever profile.
    """
    document = _document(path)
    head = document.get("study")
    name = str(head.get("name", "")) if isinstance(head, dict) else ""
    profiles = document.get("profiles")
    names = [name]
    for profile, table in profiles.items() if isinstance(profiles, dict) else ():
        own = table.get("study") if isinstance(table, dict) else None
        names.append(str((own.get("name") if isinstance(own, dict) else "") or f"{name}-{profile}"))
    if study is not None and study not in names:
        return study, []
    tables = document.get("experiments")
    listed = [table for table in tables if isinstance(table, dict)] if isinstance(tables, list) else []
    return study or name, [str(table.get("id")) for table in listed if table.get("external") and table.get("id")]


def _document(path: Path) -> dict[str, Any]:
    """The study file as TOML; empty where it cannot be read."""
    import tomllib

    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return {}
