"""What a study's runs took: epochs, training time, and the hours that their devices were held, retries included."""

from collections.abc import Sequence
from dataclasses import dataclass

from iqa_train.errors import UserError
from iqa_train.results.run_record import RunRecord, by_experiment
from iqa_train.runs.documents import read_exit, read_runner
from iqa_train.runs.layout import Attempt
from iqa_train.runs.round_seconds import round_seconds


@dataclass(frozen=True)
class Cost:
    """Of the runs of one experiment: seconds of `training` as the runs count them, and `held` by their attempts.

    `held` includes starts, tests and attempts that failed; `on_gpu` is the part of it that was on GPUs.
    """

    experiment: str
    runs: int
    attempts: int
    epochs: int
    training: float
    held: float
    on_gpu: float


def costs(runs: Sequence[RunRecord]) -> tuple[Cost, ...]:
    """A cost for each experiment that was run here; imported runs took nothing."""
    grouped = by_experiment(run for run in runs if run.kind.made_here)
    found = (_cost(experiment, its_runs) for experiment, its_runs in grouped.items())
    return tuple(cost for cost in found if cost.attempts)


def _cost(experiment: str, runs: Sequence[RunRecord]) -> Cost:
    attempts = [attempt for run in runs for attempt in run.folder.attempts()]
    held = [(_seconds(attempt), _is_on_gpu(attempt)) for attempt in attempts]
    return Cost(
        experiment,
        runs=sum(bool(run.folder.attempts()) for run in runs),
        attempts=len(attempts),
        epochs=sum(len(events) for run in runs for events in run.epochs.values()),
        training=sum(_training(run) for run in runs),
        held=sum(seconds for seconds, _ in held),
        on_gpu=sum(seconds for seconds, gpu in held if gpu),
    )


def _training(run: RunRecord) -> float:
    """Of the rounds that have a result, else of the epochs so far."""
    if seconds := round_seconds(run.result):
        return sum(seconds)
    return sum(float(e.get("seconds") or 0.0) for events in run.epochs.values() for e in events.values())


def _seconds(attempt: Attempt) -> float:
    """What an attempt took; 0 for one that has not ended, or whose file cannot be read."""
    try:
        ended = read_exit(attempt.exit)
    except (UserError, OSError):
        return 0.0
    return 0.0 if ended is None else float(ended.get("seconds", 0.0))


def _is_on_gpu(attempt: Attempt) -> bool:
    try:
        facts = read_runner(attempt.runner)
    except (UserError, OSError):
        return False
    return facts is not None and "device" in facts and facts["device"].get("kind") == "gpu"
