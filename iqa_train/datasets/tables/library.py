"""Libraries that read one kind of container: loaded when a data set needs them, and named when they are missing."""

from importlib import import_module
from pathlib import Path
from types import ModuleType

from iqa_train.errors import DataError


def library_for(path: Path, module: str, package: str) -> ModuleType:
    """The module that reads `path`. Raises DataError with the command that installs it where it is not there."""
    try:
        return import_module(module)
    except ImportError:
        raise DataError(f"{path}: to read it {package} is needed; install it with: pip install {package}") from None
