"""Starts the runs of a command line: one run in this process; several, or detached ones, through the queue."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from iqa_train.cli.interrupt import delay_interrupt
from iqa_train.cli.lease_device import check_gpu, lease_device
from iqa_train.cli.manners import manners_of
from iqa_train.cli.progress_bar import bar
from iqa_train.cli.text import say
from iqa_train.errors import UsageError
from iqa_train.runner.attempt_request import AttemptRequest
from iqa_train.runner.follow_log import Follower
from iqa_train.runner.polite import polite
from iqa_train.runner.run_lock import require_idle
from iqa_train.runner.runner import done_before, run_attempt
from iqa_train.runs.identity import ProcessIdentity
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.outcome import SUPERSEDED, Outcome
from iqa_train.runs.revision import earlier_run
from iqa_train.runs.seal_design import seal_design
from iqa_train.runs.specfile import spec_document
from iqa_train.runs.state import RunState
from iqa_train.scheduler.data_check import require_data, require_known
from iqa_train.scheduler.detached_runner import holder_of
from iqa_train.scheduler.queue import Item, read_queue
from iqa_train.study.manners import Manners
from iqa_train.study.model import Study
from iqa_train.study.revision import FIRST, revision_words
from iqa_train.study.spec import RunSpec
from iqa_train.text import join_names, plural

if TYPE_CHECKING:
    from iqa_train.scheduler.slurm.troubles import Trouble

_POLL = 0.05  # seconds between two reads of the log on the screen

Runs = Sequence[tuple[RunSpec, RunFolder]]


def require_startable(runs: Runs, options: argparse.Namespace) -> dict[RunFolder, RunState | None]:
    """The states of runs that are complete. Raises UserError if something other than missing data prevents a start."""
    check_gpu(options.gpu, options.slots)
    require_known(spec for spec, _ in runs)
    if _alone(runs, options):
        require_idle(runs[0][1])
    if options.backend is None:
        _require_local([run for _, run in runs if options.again or not run.result.exists()], Path(options.runs_dir))
    return {run: _done(spec, run, options) for spec, run in runs}


def _require_local(runs: Sequence[RunFolder], runs_dir: Path) -> None:
    """Raise UsageError for runs that were queued for Slurm: nothing says that they are to run on this machine."""
    mine = {str(run.path.relative_to(runs_dir)) for run in runs}
    found = [item for item in read_queue(runs_dir).items if item.slurm is not None and item.key in mine]
    names = list(dict.fromkeys(item.experiment for item in found))
    if names:
        raise UsageError(
            f"{join_names(names, most=3)} {'was' if len(names) == 1 else 'were'} queued for Slurm, and this would train"
            f" on this machine: `iqa-train relaunch {' '.join(names[:3])}` continues there what has ended, --backend "
            "slurm queues with the [slurm] of now, and --backend local runs here"
        )


def _alone(runs: Runs, options: argparse.Namespace) -> bool:
    """Whether the command is one run, which this process carries out itself."""
    queued = options.detach or options.all or options.batch or options.backend == "slurm"
    return len(runs) == 1 and not queued


def say_complete(spec: RunSpec, run: RunFolder, state: RunState) -> None:
    """Say that a run is complete, and how to run it again."""
    say(f"{spec.experiment} is {state.name} already, in {run.path}; --again runs it again")


def start_runs(runs: Runs, study: Study, options: argparse.Namespace, argv: list[str]) -> int:
    """Run all that is not complete; returns the command's exit code. Raises UserError before anything is started."""
    before = require_startable(runs, options)  # before the first one starts
    require_data(runs, bar, again=options.again)
    design = seal_design(study, runs[0][0].study, Path(options.runs_dir))
    if design is not None and design.exploratory:
        say(f"verdicts are exploratory: the design was {design.exploratory}")
    for spec, run in runs:
        state = before[run]
        if state is not None:
            if not options.until_decided:
                say_complete(spec, run, state)
        elif options.resume and len(runs) == 1 and not run.attempts():
            say(f"{spec.experiment} with these settings has not been started before; it starts now")
        if state is None and not run.attempts() and (earlier := earlier_run(spec, Path(options.runs_dir))):
            say(f"{spec.experiment}: {earlier.path} was {revision_words(FIRST)}; this is a separate run")
        if run.repeat > 1 and not run.first.result.exists():
            say(f"{spec.experiment} ({run.seed_words}): the first run has no result to compare it with yet")
    wanted = [(spec, run) for spec, run in runs if before[run] is None or options.until_decided]
    if _alone(runs, options):
        return (
            _run_here(*wanted[0], options, argv, manners_of(options, study))
            if wanted
            else _print_overview(runs[0][0].study, options)
        )
    from iqa_train.cli.commands.watch_runs import attend

    watch = None if options.detach else lambda items: attend(runs, items, options)
    return _through_the_queue(wanted, study, options, argv, watch)


def _through_the_queue(
    wanted: Runs,
    study: Study,
    options: argparse.Namespace,
    argv: list[str],
    watch: Callable[[list[Item]], int] | None,
) -> int:
    """Queue the runs, then watch them, or leave. Ctrl-C stops the queued runs, even while they are being queued."""
    from iqa_train.cli.commands.watch_runs import queue_runs, queued_items, stop_all

    items: list[Item] = []
    try:
        with delay_interrupt():
            items = queue_runs(wanted, study, options, argv) if wanted else []
        return _leave([item.run for item in items], options) if watch is None else watch(items)
    except KeyboardInterrupt:
        say("stopping; each run writes a checkpoint")
        if options.until_decided:
            items = queued_items(Path(options.runs_dir), wanted[0][0].study)
        stop_all(items, Path(options.runs_dir))
        return max(130, 0 if watch is None else watch(items))


def _done(spec: RunSpec, run: RunFolder, options: argparse.Namespace) -> RunState | None:
    return done_before(run, spec.model_dump(), resume=options.resume, again=options.again)


def _run_here(spec: RunSpec, run: RunFolder, options: argparse.Namespace, argv: list[str], manners: Manners) -> int:
    """Run it in this process, which shows the log. What gave its GPU to another user is continued."""
    if quiet := manners.quiet_now(time.time()):
        say(f"note: {quiet}; a run started in a terminal does not wait for their end, one queued with --detach does")
    outcome = _attempt(spec, run, options, argv, manners)
    while outcome.interrupted:
        say(f"{spec.experiment}: {outcome.reason}; it continues here when a GPU is free again. Ctrl-C leaves it")
        try:
            outcome = _attempt(spec, run, options, argv, manners, continued=True)
        except KeyboardInterrupt:
            say(f"iqa-train: {spec.experiment}: stopped while it waited; the same command with --resume continues it")
            return 130
    code = 130 if outcome.requested else outcome.command_code
    if code != 0:
        state = "" if outcome.reason.startswith(outcome.name) else f"{outcome.name}: "
        mine = outcome.can_pass and outcome.exit_code != SUPERSEDED
        how = "; the same command with --resume continues it" if mine else ""
        say(f"iqa-train: {spec.experiment}: {state}{outcome.reason}{how}")
    if code == 0 and run.repeat > 1 and not options.json:
        from iqa_train.results.summary import FIRST_RUN, summarise, summary_text

        say(summary_text(summarise([(spec, run)], spec.baseline), FIRST_RUN))
    _print_overview(spec.study, options)
    return code


def _attempt(
    spec: RunSpec,
    run: RunFolder,
    options: argparse.Namespace,
    argv: list[str],
    manners: Manners,
    *,
    continued: bool = False,
) -> Outcome:
    """Make an attempt on the first device that is free, once there is one."""
    device, lease = lease_device(holder_of(run), options, lambda: require_idle(run), manners)
    order = AttemptRequest(
        run, device, lease, Path(options.logs_dir), ["iqa-train", *argv], spec_document(spec),
        resume=options.resume or continued, again=options.again and not continued, **polite(device, manners),
    )  # fmt: skip
    try:
        return run_attempt(order, Follower(), _POLL)
    finally:
        lease.close()


def _print_overview(study: str, options: argparse.Namespace) -> int:
    """With --json, print the overview; returns 0."""
    if options.json:
        from iqa_train.scheduler.overview import read_overview

        print(json.dumps(read_overview(Path(options.runs_dir), study).as_json(), indent=2))
    return 0


def _leave(runs: list[str], options: argparse.Namespace) -> int:
    from iqa_train.doctor.logout import logout_warning
    from iqa_train.scheduler.scheduler_lock import scheduler_process

    scheduler = scheduler_process(Path(options.runs_dir))
    refusals = _refusals(runs, options)
    if options.json:
        facts = {"queued": runs, "scheduler": scheduler.as_json() if scheduler else None}
        print(json.dumps(facts | {"refused": [refusal.words for refusal in refusals]}, indent=2))
        return 1 if refusals else 0
    for refusal in refusals:
        say(f"iqa-train: {refusal.words}")
    print(_queued_words(runs, options, scheduler, refusals))
    sys.stdout.flush()
    warning = logout_warning() if options.backend != "slurm" and runs else ""
    if warning:
        say(f"warning: {warning}")
    return 1 if refusals else 0


def _queued_words(
    runs: Sequence[str],
    options: argparse.Namespace,
    scheduler: ProcessIdentity | None,
    refusals: "Sequence[Trouble]",
) -> str:
    """What becomes of the runs now, and how to follow it."""
    where = "" if options.runs_dir == "runs" else f" --runs-dir {options.runs_dir}"
    if not runs and not options.until_decided:
        return f"nothing is queued: every run asked for is complete (iqa-train results{where})"
    rounds = ", and further rounds follow until every verdict is decided" if options.until_decided else ""
    who = f"; scheduler running (pid {scheduler.pid})" if scheduler and scheduler.pid else ""
    queued = f"{plural(len(runs), 'run')} queued{rounds}{_jobs_words(runs, options) or who}"
    if any(refusal.lasting for refusal in refusals):
        return f"{queued}, but what was refused is not submitted: correct [slurm] and repeat this command"
    if refusals:
        return f"{queued}, but not all are submitted yet: iqa-train status{where} tries again after a pause"
    if read_queue(Path(options.runs_dir)).paused:
        return f"{queued}. The queue is paused; iqa-train queue resume{where} starts them"
    return (
        f"{queued}. You can close this terminal. Check progress with:\n"
        f"  iqa-train status{where} --watch        states, and why runs wait\n"
        f"  iqa-train logs{where} EXPERIMENT -f    its log as it grows\n"
        f"  iqa-train stop{where} --all            stop everything, with checkpoints"
    )


def _jobs_words(runs: Sequence[str], options: argparse.Namespace) -> str:
    """Which jobs carry out what was queued for Slurm; "" without --backend slurm."""
    if options.backend != "slurm":
        return ""
    from iqa_train.scheduler.slurm.submissions import read_submissions

    found = [one for one in read_submissions(Path(options.runs_dir)) if one.job and not set(runs).isdisjoint(one.keys)]
    jobs = sorted((one.job for one in found), key=lambda job: (len(job), job))
    return f" for Slurm ({'job' if len(jobs) == 1 else 'jobs'} {', '.join(jobs)})" if jobs else " for Slurm"


def _refusals(runs: Sequence[str], options: argparse.Namespace) -> "list[Trouble]":
    """Why some of the runs could not be submitted to Slurm, each reason once."""
    if options.backend != "slurm":
        return []
    from iqa_train.scheduler.slurm.troubles import read_troubles

    found = read_troubles(Path(options.runs_dir))
    return list({found[run].words: found[run] for run in runs if run in found}.values())
