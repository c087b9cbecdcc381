"""The study file, and the versions of the packages that its runs use."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from iqa_train.doctor.check_result import CheckScope, Checkup
from iqa_train.errors import StudyError
from iqa_train.runs.provenance import package_versions
from iqa_train.text import plural

if TYPE_CHECKING:  # pydantic only when a study is read
    from iqa_train.study.spec import RunSpec


def read_study(where: CheckScope) -> tuple[list["RunSpec"], list[Checkup]]:
    """The runs that the study file declares, and what there is to say of the file."""
    from iqa_train.study.find import FILE_NAME, find_study
    from iqa_train.study.load import load_study
    from iqa_train.study.resolve import resolve_all

    if where.study is None and where.profile is None and not Path(FILE_NAME).exists():
        message = f"there is no {FILE_NAME} here; commands use the one that comes with the program"
        return [], [Checkup("study", "note", message, "name another with --experiments FILE")]
    path = find_study(where.study)
    try:
        study = load_study(path)
    except StudyError as error:
        first, *more = str(error).splitlines()
        message = first + (f" (and {len(more)} more)" if more else "")
        return [], [Checkup("study", "error", message, "`iqa-train check` lists every problem")]
    specs = resolve_all(study, profile=where.profile)
    return specs, [Checkup("study", "ok", f"{path}: {plural(len(study.experiments), 'experiment')}")]


def check_versions() -> Iterator[Checkup]:
    """Python and the packages; an error where one that runs need is missing."""
    import platform

    versions = package_versions()
    missing = [name for name, version in versions.items() if version == "not installed" and name != "iqa-tui"]
    if missing:
        message = f"not installed: {', '.join(missing)}; runs cannot start"
        yield Checkup("versions", "error", message, "install the program again, with its dependencies")
    listed = [f"{name} {version}" for name, version in versions.items() if name not in missing]
    yield Checkup("versions", "note", f"Python {platform.python_version()}, {', '.join(listed)}")
