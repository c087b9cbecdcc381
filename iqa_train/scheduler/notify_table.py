"""Where the queue has its `[notify]` tables from: the study file, at the time of use.

A webhook or a command is often a secret in a study file which others may not read, and `queue.json` is read
by everybody: the queue says which file it is. Queues of earlier versions hold the table itself. Knows no pydantic.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

from iqa_train.errors import RunError, visible
from iqa_train.regular import real_path
from iqa_train.schema import require
from iqa_train.text import first_line

_FILE = "study_file"


class NotifyTable(TypedDict, total=False):
    """The table as it is carried out; `iqa_train.study.model.Notify` checks it before anything is queued."""

    command: str
    webhook: str
    urls: list[str]
    on: list[str]


def notify_reference(study_file: Path, runs_dir: Path) -> dict[str, Any]:
    """What the queue of `runs_dir` keeps of a study with a `[notify]` table.

    A file of the project that has the runs folder is named relative to that folder: the project may be moved.
    """
    file, folder = real_path(study_file), real_path(runs_dir)
    inside = file.is_relative_to(folder.parent)
    return {_FILE: os.path.relpath(file, folder) if inside else str(file)}


def notify_table(entry: Mapping[str, Any], runs_dir: Path) -> Mapping[str, Any]:
    """The table that `entry` of the queue stands for; empty where its study file has none any more.

    Raises RunError for a study file that cannot be read.
    """
    if not isinstance(entry.get(_FILE), str):
        return _checked(entry, "queue.json")
    import tomllib  # most studies have no notifications

    path = real_path(real_path(runs_dir) / entry[_FILE])
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig")).get("notify", {})
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}; its [notify] is not known") from None
    except (ValueError, RecursionError) as error:
        first = visible(first_line(error))
        raise RunError(f"{path} is not valid TOML ({first}); its [notify] is not known") from None
    return _checked(table, str(path))


def addresses_of(table: Mapping[str, Any]) -> list[str]:
    """What of a table may hold a secret: its command, its webhook and its addresses."""
    return [table.get("command", ""), table.get("webhook", ""), *table.get("urls", ())]


def _checked(table: object, where: str) -> Mapping[str, Any]:
    try:
        require(table, NotifyTable)
    except ValueError:  # the value may be a secret
        raise RunError(f"{where}: [notify] is damaged; iqa-train check says what is wrong with it") from None
    assert isinstance(table, dict)
    return table
