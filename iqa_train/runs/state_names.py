"""The names of the states of a run. Imports nothing, so that the console's first screen can use it."""

QUEUED, STARTING, RUNNING = "queued", "starting", "running"
COMPLETED, STOPPED_EARLY, FAILED, KILLED, LOST = "completed", "stopped-early", "failed", "killed", "lost"

NOT_STARTED = "not started"
"""Of a run without an attempt that is not in the queue."""

OPEN = frozenset({QUEUED, STARTING, RUNNING})
"""A result may still come without a new command."""

ALIVE = frozenset({STARTING, RUNNING})
"""A process works on the run."""

FINISHED = frozenset({COMPLETED, STOPPED_EARLY})
"""The run has its result."""
