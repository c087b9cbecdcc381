"""What people can be told of while a study runs."""

from typing import Literal, get_args

Event = Literal["run-ended", "run-failed", "study-ended", "study-failed"]
"""A run or the whole study has ended, well (or as it was asked to) or without its result."""

EVENTS: tuple[Event, ...] = get_args(Event)

USUAL: tuple[Event, ...] = ("run-failed", "study-ended", "study-failed")
"""What is told unless `on` says otherwise; run after run is told only on request."""
