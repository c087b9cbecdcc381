"""What ends an attempt so that a later one continues it: a time limit, preemption, a GPU given to others."""

from collections.abc import Callable
from dataclasses import dataclass

from iqa_train.runner.running_attempt import RunningAttempt

GRACE = 60.0  # seconds a stopped worker has for its checkpoint before it is killed


@dataclass(frozen=True)
class Interruption:
    """Why the attempt ends, in words for a person; another continues it, or without `continues`, it is stopped."""

    words: str
    grace: float = GRACE
    continues: bool = True


Interrupter = Callable[[RunningAttempt], Interruption | None]
"""Asked once a second while a worker runs."""
