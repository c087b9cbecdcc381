"""The commands of `iqa-train` with a line on each; the program accepts exactly these."""

COMMANDS = {
    "check": "find problems in the study file, before anything runs",
    "data": "list, verify, count, split and decode data sets; make the demo set",
    "devices": "list the GPUs as the driver reports them, or the CPU slots",
    "doctor": "check this machine and the runs: driver, leases, disk, clock, log-out rules, data",
    "status": "show states, why runs wait, and the time left",
    "logs": "print the log of a run, or follow it",
    "stop": "stop running experiments with a checkpoint, take queued ones out of the queue",
    "relaunch": "queue a new attempt at a run that failed, was stopped or was lost",
    "queue": "list, pause, resume, add, remove, move, clear; set the policy",
    "runs": "merge: join the runs of another machine, from its folder or a copy of it",
    "note": "note something on a run; shown in the console, results and report",
    "tag": "tag runs, or take tags away",
    "results": "print values, intervals and differences from the baseline",
    "plan": "what seeds and hours can show; proposes a [design] to declare",
    "report": "write an HTML page, LaTeX tables and figures; update the tracker",
    "compare": "compare two studies, or the values of one setting",
    "test": "test finished runs on data sets they were not trained on",
    "predict": "score images with the network of a finished run",
    "import-predictions": "make a row of predictions from elsewhere, and compare it like any other",
    "import-log": "turn logs of the original training script into runs",
}
"""Each is a module of this package (`-` becomes `_`) with a function `main`."""


def command_lines() -> str:
    """The table for `--help`."""
    width = max(map(len, COMMANDS))
    return "\n".join(f"  {name:<{width}}  {line}" for name, line in COMMANDS.items())
