"""Modules of a study's own code that have one name: Python keeps one module of a name, whichever of them imports it.

So has a module that is called like a package of this program.
"""

from collections.abc import Iterator
from pathlib import Path

from iqa_train.study.own_code import collected, imported_names, located, references
from iqa_train.study.settings import TrainingConfig

_LIBRARIES = (
    "iqa_train",
    "iqa_tui",
    "numpy",
    "PIL",
    "pydantic",
    "safetensors",
    "scipy",
    "timm",
    "torch",
    "torchvision",
)


def module_clashes(settings: TrainingConfig, folder: Path) -> Iterator[tuple[str, str]]:
    """(setting, sentence) for an imported name that several files have, in the folders of network, loss and study.

    Where network and loss are in different folders, either could get the module of the other.
    """
    entries = {name: located(reference, folder) for name, reference in references(settings).items()}
    own = {name: entry for name, (root, entry) in entries.items() if root == folder}
    places = list(dict.fromkeys(Path(entry).parent for entry in own.values()))
    if len(places) < 2:
        return
    files = {name: collected(folder, entry) for name, entry in own.items()}
    copied = set().union(*files.values())
    said: set[str] = set()
    for setting, names in files.items():
        for module in sorted({found for name in names for found in imported_names(folder / name)} - said):
            several = [path for place in dict.fromkeys((*places, Path())) for path in _files(copied, place, module)]
            if len(several) > 1:
                said.add(module)
                whole = ".".join((*Path(several[0]).parent.parts, module))
                yield (
                    setting,
                    f'{setting} = "{getattr(settings, setting)}": "import {module}" may be {" or ".join(several)}, as '
                    "network and loss are in one process; rename one of them, or import it with its folder, as in "
                    f'"from {whole} import ..."',
                )


def named_like_libraries(settings: TrainingConfig, folder: Path) -> Iterator[tuple[str, str]]:
    """(setting, sentence) for files that are found where the program imports a package that it is built on."""
    for setting, reference in references(settings).items():
        root, entry = located(reference, folder)
        if root != folder:
            continue
        copied = set(collected(folder, entry))
        for place in dict.fromkeys((Path(entry).parent, Path())):
            for library in _LIBRARIES:
                for path in _files(copied, place, library):
                    yield (
                        setting,
                        f'{setting} = "{getattr(settings, setting)}": {path} has the name of the package {library}, '
                        f'and "import {library}" would find one in place of the other; rename {path}',
                    )


def _files(copied: set[str], place: Path, module: str) -> list[str]:
    """What `import module` finds in a folder: a file or a package."""
    if (file := str(place / f"{module}.py")) in copied:
        return [file]
    package = place / module
    return [f"{package}/"] if any(Path(name).is_relative_to(package) for name in copied) else []
