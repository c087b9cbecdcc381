"""The study's own code that a run uses: its files, found by reading import statements. Nothing is imported or run."""

import ast
import sys
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from iqa_train.files import content_digest
from iqa_train.study.code_reference import CodeReference, code_reference
from iqa_train.study.settings import TrainingConfig
from iqa_train.study.signature import Option, Signature, names_in, signature_in

BUILT_IN = {"hyperiqa": Signature(), "linear": Signature()}
"""The networks of this program, with their options."""

LOSS_SIGNATURES = {
    "nin": Signature((Option("p", float, default=1.0), Option("q", float, default=2.0))),
    "fidelity": Signature((Option("predicted_sd", float, default=0.0),)),
}
"""The options of the losses of this program that have any."""

_BY_THE_PROGRAM = {"network": 0, "loss_type": 2}  # parameters that the program passes by position

Statement = tuple[str, int, tuple[str, ...]]
"""An import statement: the module, the number of dots before it, the names that it imports from it."""
MOST_FILES = 1000
"""Of a run's own code; more are somebody's whole library, and refused by `check`."""


class OwnCode(BaseModel):
    """The files of a run's own code: path -> digest of the content, "" for a file that is missing or unreadable.

    Paths are relative to `folder`, and the same in the run's copy. `folder` is where the files were read; another place
    of the same files makes no other run. `packages` are versions of installed packages that are named themselves; they
    are libraries like any other, and not copied. `roots` are the folders of packages that do not lie in `folder`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: str
    files: dict[str, str]
    packages: dict[str, str] = {}
    roots: dict[str, str] = {}

    def source(self, name: str) -> Path:
        """Where file `name` of the code was read."""
        return Path(self.roots.get(name.partition("/")[0], self.folder), name)

    @property
    def missing(self) -> list[str]:
        """The files that could not be read."""
        return [name for name, digest in self.files.items() if not digest]

    def changed(self) -> list[str]:
        """The files that are not, in `folder`, what they were."""
        return [name for name, digest in self.files.items() if content_digest(self.source(name)) != digest]


def own_code(settings: TrainingConfig, folder: Path) -> OwnCode | None:
    """The code that the settings name, of a study whose file is in `folder`; None where they name none."""
    files: dict[str, str] = {}
    packages: dict[str, str] = {}
    roots: dict[str, str] = {}
    for reference in references(settings).values():
        root, entry = located(reference, folder)
        top = entry.partition("/")[0]
        if _is_library(root):
            packages[reference.module.partition(".")[0]] = _version(reference.module.partition(".")[0])
        elif root == folder:
            files |= collected(root, entry)
        else:
            roots[top] = str(root.absolute())
            files |= collected(root, entry, only=top)
    if not files and not packages:
        return None
    return OwnCode(folder=str(folder.absolute()), files=dict(sorted(files.items())), packages=packages, roots=roots)


def _is_library(root: Path) -> bool:
    return not {"site-packages", "dist-packages"}.isdisjoint(root.parts)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "unknown"


def references(settings: TrainingConfig) -> dict[str, CodeReference]:
    """The references to code among the settings, by the setting's name."""
    found = {name: code_reference(getattr(settings, name)) for name in _BY_THE_PROGRAM}
    return {name: reference for name, reference in found.items() if reference is not None}


def signature_of(settings: TrainingConfig, setting: str, folder: Path) -> Signature | None:
    """The options of the network or loss that `setting` names; None where the source does not state them.

    `setting` is `network` or `loss_type`.
    """
    value = getattr(settings, setting)
    reference = code_reference(value)
    if reference is None:
        return BUILT_IN.get(value) if setting == "network" else LOSS_SIGNATURES.get(value, Signature())
    root, entry = located(reference, folder)
    return _signature(root, entry, reference.name, _BY_THE_PROGRAM[setting])


def names_defined(reference: CodeReference, folder: Path) -> list[str] | None:
    """The names that the file of a reference defines; None where they cannot be known without running it."""
    root, entry = located(reference, folder)
    try:
        tree = _parsed((root / entry).read_bytes())
    except OSError:
        return None
    return None if tree is None else names_in(tree)


def located(reference: CodeReference, folder: Path) -> tuple[Path, str]:
    """The folder that the code's modules lie in, and the path in it of the file with the function.

    A module that is not below the study file's folder is looked for where Python would find its package. The file may
    not exist.
    """
    if reference.file:
        return folder, str(Path(reference.file))
    parts = reference.module.split(".")
    inside = _module_file(folder, parts)
    if inside is not None:
        return folder, inside
    try:
        spec = find_spec(parts[0])  # of a package at the top: imports nothing
    except (ImportError, ValueError):
        spec = None
    if spec is not None and spec.origin is not None:
        top = Path(spec.origin)
        root = top.parents[1] if spec.submodule_search_locations else top.parent
        installed = _module_file(root, parts)
        if installed is not None:
            return root, installed
    return folder, "/".join(parts) + ".py"


def collected(root: Path, entry: str, only: str = "") -> dict[str, str]:
    """The file `entry` and the local modules that it imports, with digests. `only`: those of this package alone."""
    found: dict[str, str] = {}
    waiting = [entry, *_packages_of(root, entry)]
    while waiting and len(found) <= MOST_FILES:
        name = waiting.pop()
        if name in found:
            continue
        found[name] = content_digest(root / name)
        for statement in _imports(root / name):
            paths = _imported(root, name, Path(entry).parent, statement)
            waiting += [path for path in paths if not only or path.partition("/")[0] == only]
    return found


def imported_names(path: Path) -> set[str]:
    """The top-level modules that a file imports by their full names, without those of the standard library."""
    found = {module.partition(".")[0] for module, level, _ in _imports(path) if not level}
    return found - sys.stdlib_module_names


def _packages_of(root: Path, name: str) -> list[str]:
    """The `__init__.py` of the packages that a file is in."""
    parents = [parent / "__init__.py" for parent in Path(name).parents if parent != Path()]
    return [str(path) for path in parents if (root / path).is_file()]


def _imported(root: Path, importer: str, beside: Path, statement: Statement) -> Iterator[str]:
    """The local files that an import statement in `importer` reads, the packages around them included."""
    module, level, names = statement
    parts = module.split(".") if module else []
    if level:
        package = Path(importer).parents[level - 1] if level <= len(Path(importer).parents) else None
        starts: Sequence[Path] = [] if package is None else [package]
    else:
        starts = [] if parts and parts[0] in sys.stdlib_module_names else list(dict.fromkeys((beside, Path())))
    for start in starts:
        found = [_module_file(root / start, parts[:n]) for n in range(1, len(parts) + 1)]
        found += [_module_file(root / start, [*parts, name]) for name in names]
        paths = [str(start / name) for name in found if name is not None]
        if level and not parts:
            paths += [str(start / "__init__.py")] if (root / start / "__init__.py").is_file() else []
        if paths:
            yield from paths
            yield from (package for path in paths for package in _packages_of(root, path))
            return


def _module_file(root: Path, parts: Sequence[str]) -> str | None:
    """The file of a module below `root`, relative to it: a package before a module, as Python has it."""
    if not parts:
        return None
    for name in ("/".join([*parts, "__init__.py"]), "/".join(parts) + ".py"):
        if (root / name).is_file():
            return name
    return None


def _imports(path: Path) -> tuple[Statement, ...]:
    """The import statements of a file; none of one that cannot be read or parsed."""
    try:
        stat = path.stat()
        return _imports_of_version(path, stat.st_mtime_ns, stat.st_size, stat.st_ino)
    except (OSError, ValueError):
        return ()


@lru_cache(maxsize=4096)
def _imports_of_version(path: Path, _changed: int, _size: int, _inode: int) -> tuple[Statement, ...]:
    tree = _parsed(path.read_bytes())
    return () if tree is None else tuple(_statements(tree))


def _parsed(content: bytes) -> ast.Module | None:
    try:
        return ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _statements(tree: ast.Module) -> Iterator[Statement]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, 0, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", node.level, tuple(alias.name for alias in node.names)


def _signature(root: Path, entry: str, name: str, positional: int) -> Signature | None:
    """The signature in a file, or in the local module that the file imports the name from."""
    beside, seen = Path(entry).parent, set[str]()
    while entry not in seen:
        seen.add(entry)
        try:
            tree = _parsed((root / entry).read_bytes())
        except OSError:
            return None
        if tree is None:
            return None
        if (found := signature_in(tree, name, positional)) is not None:
            return found
        for node in tree.body:
            alias = _import_of(node, name)
            if alias is not None and isinstance(node, ast.ImportFrom):
                module = (node.module or "", node.level, ())
                entry, name = next(iter(_module_last(root, entry, beside, module)), entry), alias.name
                break
    return None


def _import_of(node: ast.stmt, name: str) -> ast.alias | None:
    """The part of `from ... import ...` that makes `name`."""
    if not isinstance(node, ast.ImportFrom):
        return None
    return next((alias for alias in node.names if (alias.asname or alias.name) == name), None)


def _module_last(root: Path, importer: str, beside: Path, statement: Statement) -> list[str]:
    """The file of the module that a statement imports from, if it is local."""
    module, level, _ = statement
    depth = len(module.split(".")) if module else 0
    paths = list(_imported(root, importer, beside, statement))
    return paths[max(0, depth - 1) : max(1, depth)] if paths or level else []
