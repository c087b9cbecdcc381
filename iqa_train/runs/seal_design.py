"""Seals what a study declares of its verdicts when its runs are queued or started."""

from pathlib import Path

from iqa_train.runs.design_file import SealedDesign, declared_design, seal
from iqa_train.study.model import Study
from iqa_train.study.profiles import declaration_of, profiles_by_study


def seal_design(study: Study, name: str, runs_dir: Path) -> SealedDesign | None:
    """The design that counts for the study `name` of a study file; None where it declares nothing.

    Raises UsageError where the file has changed since the first result, and DamagedFileError.
    """
    return seal(runs_dir, name, design_of_file(study, name))


def design_of_file(study: Study, name: str) -> SealedDesign | None:
    """What the file declares of its study `name` now."""
    known = profiles_by_study(study)
    if name not in known:
        return None
    return declared_design(declaration_of(study, known[name]), study.baseline, study.run_here)
