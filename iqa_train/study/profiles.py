"""What a study is under one of its profiles: its name, title, seeds and batches."""

from collections.abc import Mapping
from typing import Any

from iqa_train.errors import UsageError, did_you_mean, visible
from iqa_train.study.design import Declaration, declaration
from iqa_train.study.model import Batch, Profile, Study


def profile_of(study: Study, profile: str | None) -> Profile | None:
    """The profile of that name, None for None. Raises UsageError for an unknown profile."""
    if profile is None:
        return None
    if profile not in study.profiles:
        known = did_you_mean(profile, study.profiles)
        raise UsageError(f'unknown profile "{visible(profile)}" in {study.path}; {known}')
    return study.profiles[profile]


def study_name(study: Study, profile: str | None) -> str:
    """The study's name under a profile, always different from that without one, so that results do not mix."""
    chosen = profile_of(study, profile)
    return study.name if chosen is None else chosen.study.name or f"{study.name}-{profile}"


def profiles_by_study(study: Study) -> dict[str, str | None]:
    """The names of the file's studies, each with its profile; None for the study without a profile."""
    return {study_name(study, profile): profile for profile in study.profiles} | {study.name: None}


def study_title(study: Study, profile: str | None) -> str:
    """The study's title under a profile."""
    chosen = profile_of(study, profile)
    return (chosen.study.title if chosen else "") or study.title


def seeds_of(study: Study, profile: str | None = None, overrides: Mapping[str, Any] | None = None) -> tuple[int, ...]:
    """The seeds every experiment runs with."""
    if overrides and "seed" in overrides:
        return (overrides["seed"],)
    chosen = profile_of(study, profile)
    if chosen is None:
        return study.seeds
    return chosen.study.seeds or ((chosen.set["seed"],) if "seed" in chosen.set else study.seeds)


def batches_of(study: Study, name: str) -> tuple[Batch, ...]:
    """The batches of the study `name`. Their `minutes` hold without a profile only: a profile has its own or none."""
    profile = profiles_by_study(study).get(name)
    if profile is None:
        return study.batches
    minutes = study.profiles[profile].minutes
    return tuple(batch.model_copy(update={"minutes": minutes}) for batch in study.batches)


def declaration_of(study: Study, profile: str | None = None, overrides: Mapping[str, Any] | None = None) -> Declaration:
    """What the study declares of its verdicts under a profile."""
    chosen = profile_of(study, profile)
    design, margins = study.design, study.margins
    if chosen is not None:
        design = chosen.design or design
        margins = margins if chosen.study.margin is None else chosen.study.margin
    return declaration(design, study.primary, margins, seeds_of(study, profile, overrides))
