"""References to a study's own code: `nets/mine.py:build`, a file beside the study file, or `package.module:build`."""

import re
from typing import NamedTuple

_NAME = r"[A-Za-z_]\w*"
_FILE = re.compile(rf"([^:\\]+\.py):({_NAME})", re.ASCII)
_MODULE = re.compile(rf"({_NAME}(?:\.{_NAME})*):({_NAME})", re.ASCII)


class CodeReference(NamedTuple):
    """A function: `name` in `file`, relative to the study file's folder, or in `module`; the other of the two is ""."""

    file: str
    module: str
    name: str

    @property
    def place(self) -> str:
        """The file or the module."""
        return self.file or self.module


def code_reference(text: str) -> CodeReference | None:
    """The reference that `text` is; None for a plain name, such as that of a loss built in."""
    if found := _FILE.fullmatch(text):
        return CodeReference(found[1], "", found[2])
    if found := _MODULE.fullmatch(text):
        return CodeReference("", found[1], found[2])
    return None


def complaint(text: str) -> str:
    """What is wrong with the place of a file of code; "" if nothing is."""
    found = code_reference(text)
    if found is None or not found.file:
        return ""
    parts = found.file.split("/")
    if found.file.startswith(("/", "~")) or ".." in parts:
        return "its file must be in the study file's folder or below it, named relative to that folder, without '..'"
    return ""
