"""What this program's settings mean for runs of a command. Without pydantic, which is slow to import."""

from typing import Any

HARNESS = ("dataset", "data_dir", "seed", "epochs", "memory_gib", "threads")
"""The settings that mean something for a command, too; all other names belong to its program."""

FIXED: dict[str, Any] = {"train_test_num": 1, "spaq": False, "early_stopping": False}
"""What a command's run is as to the other settings: one round, no test on other sets, no patience of ours."""

OWN = "[command]"
"""What messages call the command of a study in which every experiment runs it."""


def program_label(name: str | None) -> str:
    """What trains a run: `iqa-train`, this program, or the table of the command of that name."""
    return "iqa-train" if name is None else f"[commands.{name}]" if name else OWN
