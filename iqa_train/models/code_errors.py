"""Faults in a user's own code as one sentence that names their file and line, without a line of this program."""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import torch

from iqa_train.errors import UserError, visible
from iqa_train.study.code_reference import CodeReference
from iqa_train.text import first_line

_MACHINE = ("DefaultCPUAllocator", "CUDA error", "CUBLAS_STATUS", "cuDNN error")
_LONGEST = 80  # characters of a line of code that a sentence repeats


class OwnCodeError(UserError):
    """Own code that cannot be imported, called or used; trying again would not help."""


class WrongScoresError(OwnCodeError):
    """What own code returns cannot be taken for scores."""


@dataclass(frozen=True)
class OwnPlace:
    """Own code: its name as in the settings, and the folder of the copy that its paths are relative to."""

    reference: str
    folder: Path
    package: str = ""  # the installed package that the code is of, if it is in no copy

    def shown(self, file: str) -> str | None:
        """A file of the own code as its author knows it; None for any other file."""
        path = Path(file)
        for known, given in ((self.folder, path), (self.folder.resolve(), path.resolve())):
            if given.is_relative_to(known):
                return str(given.relative_to(known))
        for folder in getattr(sys.modules.get(self.package), "__path__", ()):
            if path.is_relative_to(folder):
                return str(path.relative_to(Path(folder).parent))
        return None


def own_place(reference: CodeReference, folder: Path) -> OwnPlace:
    """The place of the code that `reference` names, from a copy in `folder`."""
    return OwnPlace(f"{reference.place}:{reference.name}", folder, reference.module.partition(".")[0])


@contextmanager
def blaming(place: OwnPlace, doing: str, *, by_line: bool = False) -> Iterator[None]:
    """Raise OwnCodeError for what own code raises in the block, SystemExit included. `doing` says what it was to do.

    Lack of memory and failures of the device are passed on as they are: the code is not at fault. So is, with
    `by_line`, what no line of the own code has led to.
    """
    try:
        yield
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        if _of_the_machine(error) or (by_line and not their_fault(error, place)):
            raise
        raise OwnCodeError(f"{place.reference} failed while {doing}: {fault(error, place)}") from None


def their_fault(error: BaseException, place: OwnPlace) -> str:
    """As `fault`, for an error that a line of their own code has led to; "" for any other."""
    return fault(error, place) if _line(error.__traceback__, place) and not _of_the_machine(error) else ""


def _of_the_machine(error: BaseException) -> bool:
    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error) for word in _MACHINE)


def fault(error: BaseException, place: OwnPlace) -> str:
    """`nets/mine.py, line 12, self.head(x): RuntimeError: ...`, from the innermost line of their own code."""
    says = _says(error)
    if isinstance(error, SyntaxError) and error.filename is not None:
        shown = place.shown(error.filename)
        if shown is not None:
            return f"{shown}, line {error.lineno}: {type(error).__name__}: {error.msg}"
    line = _line(error.__traceback__, place)
    return f"{line}: {says}" if line else says


def _says(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"it calls sys.exit({error.code!r}), which would end the program"
    name, message = type(error).__name__, visible(first_line(error))
    return name if message == name else f"{name}: {message}"


def _line(trace: TracebackType | None, place: OwnPlace) -> str:
    """The innermost line of own code, "" if there is none."""
    own = ""
    for frame in traceback.extract_tb(trace):
        shown = place.shown(frame.filename)
        if shown is not None:
            code = visible((frame.line or "").strip())
            own = f"{shown}, line {frame.lineno}" + (f", {code[:_LONGEST]}" if code else "")
    return own
