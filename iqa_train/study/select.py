"""Selects a study of the study file, by its name or by its profile."""

from dataclasses import dataclass
from pathlib import Path

from iqa_train.errors import UsageError, visible
from iqa_train.study.find import find_study
from iqa_train.study.load import load_study
from iqa_train.study.model import Study
from iqa_train.study.profiles import profiles_by_study, study_name


@dataclass(frozen=True)
class StudySelection:
    """A study by name. `declared`: the file has it, under `profile`; otherwise there may be runs of that name."""

    file: Study
    name: str
    profile: str | None = None
    declared: bool = True


def select_study(experiments: Path | None, name: str | None, profile: str | None) -> StudySelection:
    """The study `name`, or without a name the one of the file `experiments` under `profile`.

    Raises StudyError for an invalid file, and UsageError for an unknown profile or one that is not the study's.
    """
    study = load_study(find_study(experiments))
    of_profile = study_name(study, profile)
    if name is None or name == of_profile:
        return StudySelection(study, of_profile, profile)
    if profile is not None:
        raise UsageError(
            f'--study "{visible(name)}" is not the study of --profile {visible(profile)}; give one of the two'
        )
    profiles = profiles_by_study(study)
    return StudySelection(study, name, profiles.get(name), declared=name in profiles)
