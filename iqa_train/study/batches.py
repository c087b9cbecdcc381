"""Finds batches of a study file by what people call them."""

from collections.abc import Sequence

from iqa_train.errors import UsageError, did_you_mean
from iqa_train.study.model import Batch, Study
from iqa_train.study.resolve import profiles_by_study


def batches_of(study: Study, name: str) -> tuple[Batch, ...]:
    """The file's batches for its study `name`: under a profile they take as long as the profile says, or nobody knows.

    `minutes` of `[[batches]]` are of the study itself, on its own data and devices.
    """
    profile = profiles_by_study(study).get(name)
    if profile is None:
        return study.batches
    minutes = study.profiles[profile].minutes
    return tuple(batch.model_copy(update={"minutes": minutes}) for batch in study.batches)


def experiments_of_batches(study: Study, batches: Sequence[str]) -> list[str]:
    """The experiments of the batches named, each by its number from 1 or its name. Raises UsageError for no such."""
    names = [batch.name for batch in study.batches]
    chosen: list[str] = []
    for word in batches:
        at = int(word) - 1 if word.isdecimal() else names.index(word) if word in names else -1
        if not 0 <= at < len(names):
            known = did_you_mean(word, names) if names else f"{study.path} has no [[batches]]"
            raise UsageError(f'unknown batch "{word}" in {study.path}; {known}')
        chosen += study.batches[at].gpus.values()
    return chosen
