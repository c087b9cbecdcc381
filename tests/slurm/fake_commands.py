"""Executables in the place of Slurm's commands: for what a real Slurm cannot be made to do."""

from pathlib import Path

import pytest


class FakeCommands:
    """A folder at the front of PATH."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        folder.mkdir()
        monkeypatch.setenv("PATH", str(folder), prepend=":")

    def put(self, name: str, *lines: str) -> None:
        """A shell script; each call is noted."""
        path = self.folder / name
        path.write_text("\n".join(["#!/bin/sh", f'echo "$@" >> {self.folder / name}.calls', *lines, ""]))
        path.chmod(0o755)

    def calls(self, name: str) -> list[str]:
        """The arguments of every call so far."""
        noted = self.folder / f"{name}.calls"
        return noted.read_text().splitlines() if noted.exists() else []
