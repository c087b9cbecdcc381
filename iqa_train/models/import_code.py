"""Imports a function of a user's own code from a folder that holds a copy of it.

Modules of the copy are found before installed ones of the same name, but never in place of the standard library's.
A second copy in the same process, of another run, replaces the first: its modules are forgotten.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from iqa_train.errors import did_you_mean
from iqa_train.models.code_errors import OwnCodeError, blaming, own_place
from iqa_train.models.timm_import import import_timm
from iqa_train.models.torch_settings import torch_settings_kept
from iqa_train.study.code_reference import CodeReference


class _CopyFinder(MetaPathFinder):
    """Finds top-level modules in the folders of a copy."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.places: list[str] = [str(folder)]

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if path is not None or fullname in sys.stdlib_module_names:
            return None
        return PathFinder.find_spec(fullname, self.places, target)


_installed: list[_CopyFinder] = []  # at most one


def import_function(reference: CodeReference, folder: Path) -> Callable[..., Any]:
    """The function that `reference` names, from the copy in `folder`, else from an installed module.

    Raises OwnCodeError if the code cannot be imported or has no such function; it names the file and line at fault.
    """
    place = own_place(reference, folder)
    with torch_settings_kept(), blaming(place, "being imported"), _without_bytecode():
        module = _importing(reference, _finder(folder))
    function = getattr(module, reference.name, None)
    if callable(function):
        return function  # type: ignore[no-any-return]
    where = reference.place
    if function is not None:
        raise OwnCodeError(f"{where}: {reference.name} is no function but {type(function).__name__}")
    named = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
    raise OwnCodeError(f"{where} has no function {reference.name}; {did_you_mean(reference.name, named)}")


def _finder(folder: Path) -> _CopyFinder:
    """The finder for `folder`. Modules of another copy are forgotten first."""
    if _installed and _installed[0].folder == folder:
        return _installed[0]
    for old in _installed:
        sys.meta_path.remove(old)
        for name in [name for name, module in sys.modules.items() if _lies_in(module, old.folder)]:
            del sys.modules[name]
    _installed[:] = [_CopyFinder(folder)]
    sys.meta_path.insert(0, _installed[0])
    return _installed[0]


def _lies_in(module: ModuleType, folder: Path) -> bool:
    file = getattr(module, "__file__", None)
    places = [file] if file else list(getattr(module, "__path__", ()))  # a folder without __init__.py has no file
    return any(Path(place).is_relative_to(folder) for place in places)


def _import(reference: CodeReference, finder: _CopyFinder) -> ModuleType:
    if reference.module:
        return importlib.import_module(reference.module)
    file = finder.folder / reference.file
    if not file.is_file():
        raise FileNotFoundError(f"{reference.file} is missing in {finder.folder}")
    if str(file.parent) not in finder.places:  # `import layers` finds its neighbour, as it does for a script
        finder.places.insert(0, str(file.parent))
    importlib.invalidate_caches()
    parts = Path(reference.file).with_suffix("").parts
    name = ".".join(parts)
    if all(part.isidentifier() for part in parts) and parts[0] not in sys.stdlib_module_names:
        top = sys.modules.get(parts[0])
        if top is None or _lies_in(top, finder.folder):
            return importlib.import_module(name)
    return _by_path(f"own_code_{abs(hash(name))}", file)


def _by_path(name: str, file: Path) -> ModuleType:
    """The module in a file whose path is no module's name, or that of another module."""
    if (known := sys.modules.get(name)) is not None:
        return known
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _importing(reference: CodeReference, finder: _CopyFinder) -> ModuleType:
    """The module; with a CPU-only torch, after the preparation that torchvision needs there."""
    try:
        return _import(reference, finder)
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
    import_timm()
    return _import(reference, finder)


@contextmanager
def _without_bytecode() -> Iterator[None]:
    """Write no `__pycache__` beside the copy."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before
