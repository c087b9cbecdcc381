"""The errors a person can mend, each one sentence: what, where, what is allowed, what to do.

`iqa_train.cli.main` prints them without a traceback and exits with their code. Anything else that is raised is a
defect of the program and keeps its traceback.
"""

from collections.abc import Iterable


class UserError(Exception):
    """A mistake outside the program. `exit_code` is what the command ends with."""

    exit_code = 2


class UsageError(UserError):
    """A command line that cannot be carried out."""


class StudyError(UserError):
    """A study file that is missing, broken or says something impossible."""


class DataError(UserError):
    """A data set that is missing, incomplete or unreadable."""


class WeightsError(UserError):
    """Pretrained weights or a checkpoint that cannot be used."""


class RunError(UserError):
    """A run that could not be carried to its end for a reason that has a name."""

    exit_code = 1


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A clause naming the nearest of `known`, or listing all of them when none is near."""
    from difflib import get_close_matches  # not for every start of the program

    names = list(known)
    near = get_close_matches(word.lower(), [n.lower() for n in names], n=3, cutoff=0.6)
    hits = [n for n in names if n.lower() in near]
    hits.sort(key=lambda n: near.index(n.lower()))
    if hits:
        return "did you mean " + " or ".join(f'"{n}"' for n in hits) + "?"
    return "known: " + ", ".join(names) if names else "there are none"
