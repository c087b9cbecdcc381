"""What a seed of an experiment takes, from finished runs: the seconds of each round in result.json."""

from pathlib import Path
from statistics import fmean

from iqa_train.files import DamagedFileError
from iqa_train.runs.documents import ResultFacts, read_result
from iqa_train.runs.layout import run_folders


def round_seconds(result: ResultFacts) -> list[float]:
    """Of each round that says what it took; further rounds of a run are further seeds."""
    return [float(seconds) for one in result.get("rounds", []) if (seconds := one.get("seconds"))]


def measured_minutes(runs_dir: Path, study: str, experiment: str) -> float | None:
    """The mean over the finished runs of an experiment, of any settings; None if there is none."""
    found: list[float] = []
    for run in run_folders(runs_dir, study):
        if run.experiment == experiment:
            try:
                found += round_seconds(read_result(run.result) or ResultFacts())
            except (DamagedFileError, OSError):
                continue
    return fmean(found) / 60 if found else None
