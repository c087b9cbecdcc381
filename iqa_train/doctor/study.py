"""The study file."""

from pathlib import Path
from typing import TYPE_CHECKING

from iqa_train.doctor.check_result import CheckScope, Checkup
from iqa_train.errors import StudyError
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
        return [], [Checkup("study", "error", message, "`iqa-train check` tells all that is wrong")]
    specs = resolve_all(study, profile=where.profile)
    return specs, [Checkup("study", "ok", f"{path}: {plural(len(study.experiments), 'experiment')}")]
