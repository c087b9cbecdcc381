"""The study that the options of a command select: by file, profile or name."""

import argparse
from typing import TYPE_CHECKING

from iqa_train.cli.parser import profile_of
from iqa_train.errors import UsageError, did_you_mean, visible

if TYPE_CHECKING:  # reading a study file needs pydantic, which is slow to import
    from iqa_train.study.model import Study


def study_and_profile(options: argparse.Namespace) -> "tuple[Study, str | None]":
    """The study file's content and the selected profile.

    Raises StudyError for an invalid file, UsageError for a profile or a study that it does not have.
    """
    from iqa_train.study.profiles import profiles_by_study
    from iqa_train.study.select import select_study

    selected = select_study(options.experiments, options.study, profile_of(options))
    if not selected.declared:
        near = did_you_mean(selected.name, profiles_by_study(selected.file))
        raise UsageError(f'there is no study "{visible(selected.name)}" in {selected.file.path}; {near}')
    return selected.file, selected.profile


def study_named(options: argparse.Namespace) -> str | None:
    """The name of the selected study, which need not have runs; None if the options select none.

    Raises StudyError and UsageError as `study_and_profile` does, but accepts any name given with --study.
    """
    profile = profile_of(options)
    if profile is None and (options.study is not None or options.experiments is None):
        return str(options.study) if options.study is not None else None
    from iqa_train.study.select import select_study

    return select_study(options.experiments, options.study, profile).name
