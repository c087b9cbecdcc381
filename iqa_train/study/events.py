"""Events that people can be notified of: for the study file, and for the scheduler, which does without pydantic."""

from typing import Literal, get_args

Event = Literal["run-ended", "run-failed", "study-ended", "study-failed"]
"""A run or the whole study has ended, well (or as it was asked to) or without its result."""

EVENTS: tuple[Event, ...] = get_args(Event)

USUAL: tuple[Event, ...] = ("run-failed", "study-ended", "study-failed")
"""What is notified unless `on` says otherwise; each finished run only on request."""
