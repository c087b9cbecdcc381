"""The names of the states of a run, the same in every command, the console and the reports.

Imports nothing, so that the console's first screen can use it. `runs.state` decides which a run is in, and
`scheduler.item_status` whether it waits to be tried again.
"""

QUEUED, RETRYING = "queued", "retrying"
STARTING, RUNNING, SUSPENDED = "starting", "running", "suspended"
COMPLETED, STOPPED_EARLY = "completed", "stopped-early"
STOPPED, KILLED, FAILED, LOST = "stopped", "killed", "failed", "lost"
"""Without a result: stopped on request, killed by another process, ended by an error, ended without a trace."""

NOT_STARTED = "not started"
"""Of a run without an attempt that is not in the queue."""

WAITING = frozenset({QUEUED, RETRYING})
"""In the queue, for the first attempt or after one that failed."""

ALIVE = frozenset({STARTING, RUNNING, SUSPENDED})
"""A process works on the run, or would, if it were not suspended."""

OPEN = WAITING | ALIVE
"""A result may still come without a new command."""

FINISHED = frozenset({COMPLETED, STOPPED_EARLY})
"""The run has its result."""


def nothing_to_stop(state: str) -> str:
    """What to say of a run in `state`, which neither runs nor waits, when it is to be stopped."""
    return f"{is_words(state)}; nothing to stop"


def is_words(state: str) -> str:
    """`is completed`, `has not been started`."""
    return "has not been started" if state in {NOT_STARTED, QUEUED} else f"is {state}"
