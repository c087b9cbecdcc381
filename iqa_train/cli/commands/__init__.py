"""The commands of `iqa-train` and a line on each: what the program accepts is what its help lists."""

COMMANDS = {
    "check": "what in the study file can mislead",
    "data": "list, verify, count, split and decode data sets; make the demo set",
    "devices": "GPUs as the driver reports them, or CPU slots",
    "doctor": "driver, leases, disk, clock, log-out rules, data: what can go wrong on this machine",
    "status": "what runs, what waits and why, how long it will take",
    "logs": "the log of a run, also as it grows",
    "stop": "end runs with a checkpoint, take waiting ones out of the queue",
    "relaunch": "a new attempt at a run that failed, was stopped or was lost",
    "queue": "list, pause, resume, add, remove, move, clear; the policy",
    "results": "intervals, differences from the baseline, verdicts",
    "report": "an HTML page, LaTeX tables, figures; and the tracker",
    "compare": "two studies, or one setting over several values",
    "test": "test finished runs on data sets that they were not trained on",
    "predict": "score pictures with the network of a finished run",
    "import-log": "turn logs of the original script into runs",
}
"""Each is a module of this package (`-` as `_`) with a `main`."""


def command_lines() -> str:
    """The table for `--help`."""
    width = max(map(len, COMMANDS))
    return "\n".join(f"  {name:<{width}}  {line}" for name, line in COMMANDS.items())
